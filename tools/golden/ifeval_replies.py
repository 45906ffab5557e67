"""Our own sentences, and replies made of them, for each instruction of IFEval: such as a model might
write, near the bound that the instruction sets, some that follow it and some that don't.
"""

import json
import random

ENGLISH = [
    "The kettle sings and the cat sleeps by the hearth.",
    "Dr. Amina Low met Mr. J. K. Smith at 10.30 a.m. on Monday.",
    "It costs $1,234.50, which is about 5-6 % more than last year.",
    '"Don\'t go!" she said, and he didn\'t.',
    "We grow maize, beans, and cassava (see the map).",
    "Is the road open? Nobody knows!",
    "Use e.g. a wide pan, i.e. one of 30 cm.",
    "The U.S. team and the NATO team won 3.5 points each.",
    "Rain fell all night... and then the sun came out.",
    "Visit https://example.org/a-b for more.",
    "HELLO WORLD is what the first program prints.",
    "A well-known STATE-OF-THE-ART method failed.",
    "The cat category includes lions, tigers and cats.",
    "Every Friday the school bus leaves at seven.",
    "Quick brown foxes jump over lazy dogs, again and again.",
    "My neighbour's garden has 12 trees, 4 of them old.",
    "I think that you are right.",
    "Note: keep this letter in a dry place.",
    "The river rose by 2 m in one day; the bridge held.",
    "It was cold, wet and dark, but nobody complained.",
    "That is what I wanted to say",
    "Nurses washed their hands before every visit.",
    "The plan has three steps: listen, write, and ask again.",
    "Some people like tea. Others like coffee.",
    "The API returns JSON over HTTP.",
    "We met in St. Louis near Main St. and walked.",
    "He has a Ph.D. in physics, she an M.A. in law.",
    "Prices rose from 1.5 to 2.0 in a week.",
    "What a day!",
    "Yes, of course.",
]

OTHERS = {
    "de": ["Der Hund liegt unter dem Tisch und schläft, weil es draußen regnet.",
           "Wir fahren morgen mit dem Zug nach Hamburg und kommen am Abend zurück."],
    "fr": ["Le chien dort sous la table parce qu'il pleut dans le jardin.",
           "Demain, nous prendrons le train pour la ville et nous rentrerons avec les enfants."],
    "es": ["El perro duerme debajo de la mesa porque llueve en el jardín.",
           "Mañana vamos en tren a la ciudad y volvemos por la noche con los niños."],
    "pt": ["O cachorro dorme embaixo da mesa porque está chovendo no jardim.",
           "Amanhã vamos de trem para a cidade e não voltamos antes da noite com as crianças."],
    "it": ["Il cane dorme sotto il tavolo perché piove nel giardino.",
           "Domani andiamo in città con il treno e torniamo la sera con gli amici della scuola."],
    "fi": ["Koira nukkuu pöydän alla, koska ulkona sataa vettä.",
           "Huomenna me matkustamme junalla kaupunkiin ja palaamme illalla, kun se on valmis."],
    "sw": ["Mbwa analala chini ya meza kwa sababu mvua inanyesha katika bustani.",
           "Kesho tutasafiri na watoto wa shule kwa treni hadi mji mkuu na kurudi jioni."],
    "vi": ["Con chó ngủ dưới bàn vì trời mưa ở ngoài vườn.",
           "Ngày mai chúng tôi đi tàu đến thành phố và về nhà với những người bạn."],
    "pl": ["Pies śpi pod stołem, bo na dworze pada deszcz i jest zimno.",
           "Jutro jedziemy pociągiem do miasta i wracamy wieczorem z dziećmi."],
    "ru": ["Собака спит под столом, потому что на улице идёт дождь.",
           "Завтра мы поедем на поезде в город и вернёмся вечером с детьми."],
    "bg": ["Кучето спи под масата, защото навън вали дъжд и е студено.",
           "Утре ще пътуваме с влак до града и ще се върнем вечерта с децата."],
    "ar": ["ينام الكلب تحت الطاولة لأن المطر يهطل في الحديقة.",
           "غدا نسافر بالقطار إلى المدينة ونعود في المساء مع الأطفال."],
    "fa": ["سگ زیر میز خوابیده است چون در باغ باران می‌بارد.",
           "فردا با قطار به شهر می‌رویم و شب با بچه‌ها برمی‌گردیم."],
    "ur": ["کتا میز کے نیچے سو رہا ہے کیونکہ باغ میں بارش ہو رہی ہے۔",
           "کل ہم ریل گاڑی سے شہر جائیں گے اور شام کو بچوں کے ساتھ واپس آئیں گے۔"],
    "hi": ["कुत्ता मेज के नीचे सो रहा है क्योंकि बगीचे में बारिश हो रही है।",
           "कल हम रेल से शहर जाएंगे और शाम को बच्चों के साथ लौटेंगे।"],
    "mr": ["कुत्रा टेबलाखाली झोपला आहे कारण बागेत पाऊस पडत आहे.",
           "उद्या आम्ही रेल्वेने शहरात जाणार आहोत आणि संध्याकाळी मुलांसोबत परत येणार आहोत."],
    "ne": ["कुकुर टेबुलमुनि सुतिरहेको छ किनभने बगैंचामा पानी परिरहेको छ।",
           "भोलि हामी रेलबाट सहर जान्छौं र साँझ बच्चाहरूसँग फर्कन्छौं।"],
    "bn": ["কুকুরটি টেবিলের নিচে ঘুমাচ্ছে কারণ বাগানে বৃষ্টি হচ্ছে।"],
    "pa": ["ਕੁੱਤਾ ਮੇਜ਼ ਦੇ ਹੇਠਾਂ ਸੌਂ ਰਿਹਾ ਹੈ ਕਿਉਂਕਿ ਬਾਗ ਵਿੱਚ ਮੀਂਹ ਪੈ ਰਿਹਾ ਹੈ।"],
    "gu": ["કૂતરો ટેબલ નીચે સૂઈ રહ્યો છે કારણ કે બગીચામાં વરસાદ પડી રહ્યો છે."],
    "ta": ["நாய் மேசையின் கீழ் தூங்குகிறது, ஏனெனில் தோட்டத்தில் மழை பெய்கிறது."],
    "te": ["తోటలో వర్షం పడుతోంది కాబట్టి కుక్క బల్ల కింద నిద్రపోతోంది."],
    "kn": ["ತೋಟದಲ್ಲಿ ಮಳೆ ಬೀಳುತ್ತಿರುವುದರಿಂದ ನಾಯಿ ಮೇಜಿನ ಕೆಳಗೆ ಮಲಗಿದೆ."],
    "ml": ["തോട്ടത്തിൽ മഴ പെയ്യുന്നതിനാൽ നായ മേശയുടെ അടിയിൽ ഉറങ്ങുന്നു."],
    "th": ["สุนัขนอนอยู่ใต้โต๊ะเพราะฝนตกในสวน"],
    "ko": ["정원에 비가 와서 개가 탁자 밑에서 자고 있다."],
    "ja": ["庭に雨が降っているので、犬はテーブルの下で寝ています。"],
    "he": ["הכלב ישן מתחת לשולחן כי יורד גשם בגינה."],
}  # fmt: skip

WORDS = ["cat", "the", "rain", "is", "team", "Friday", "well-known", "tea", "ask again", "St", "and", "river"]
FRAMES = ["{}", "Sure, here it is:\n{}", "{}\nI hope this helps.", "**Answer**\n{}", "{}\n\n", "  {}"]


class Replies:
    def __init__(self, seed: int):
        self.rng = random.Random(seed)

    def text(self, low: int = 1, high: int = 6) -> str:
        """English sentences, one behind the other, some in lines of their own."""
        out = ""
        for _ in range(self.rng.randint(low, high)):
            out += self.rng.choice(ENGLISH) + self.rng.choice([" ", " ", " ", "\n", "\n\n"])
        return out.rstrip()

    def framed(self, reply: str) -> str:
        return self.rng.choice(FRAMES).format(reply) if self.rng.random() < 0.4 else reply

    def relation(self) -> str:
        return self.rng.choice(["at least", "less than"])

    def near(self, n: int) -> int:
        return max(1, n + self.rng.choice([-2, -1, 0, 0, 1, 1, 2]))

    def parts(self, n: int, between: str) -> str:
        return between.join(self.text(1, 2) for _ in range(n))

    # One method an instruction: (kwargs, reply).

    def keywords_existence(self):
        return {"keywords": self.rng.sample(WORDS, self.rng.randint(1, 2))}, self.text(2, 8)

    def keywords_frequency(self):
        word, reply = self.rng.choice(WORDS), self.text(2, 8)
        count = self.near(reply.lower().count(word.lower()))
        return {"keyword": word, "frequency": count, "relation": self.relation()}, reply

    def keywords_forbidden_words(self):
        return {"forbidden_words": self.rng.sample(WORDS, 2)}, self.text(1, 5)

    def keywords_letter_frequency(self):
        letter, reply = self.rng.choice("aeqzTNK"), self.text()
        count = self.near(reply.lower().count(letter.lower()))
        return {"letter": letter, "let_frequency": count, "let_relation": self.relation()}, reply

    def language_response_language(self):
        language = self.rng.choice([*OTHERS, "en"])
        written = language if self.rng.random() < 0.5 else self.rng.choice([*OTHERS, "en"])
        pool = OTHERS.get(written, ENGLISH)
        return {"language": language}, " ".join(self.rng.sample(pool, min(2, len(pool))))

    def length_constraints_number_sentences(self):
        n = self.rng.randint(2, 6)
        reply = " ".join(self.rng.sample(ENGLISH, n))
        if self.rng.random() < 0.3:
            reply = "\n".join(f"{i + 1}. {self.rng.choice(ENGLISH)}" for i in range(n))
        return {"num_sentences": self.near(n), "relation": self.relation()}, reply

    def length_constraints_number_paragraphs(self):
        n = self.rng.randint(1, 5)
        between = self.rng.choice(["\n***\n", "\n\n***\n\n", " *** ", "\n\n", "***", "\n* * *\n"])
        reply = self.parts(n, between)
        edge = self.rng.random()
        reply = reply + "\n***" if edge < 0.2 else "***\n" + reply if edge < 0.3 else reply
        return {"num_paragraphs": n if edge < 0.6 else self.near(n)}, reply

    def length_constraints_number_words(self):
        reply = self.text()
        return {"num_words": self.near(len(reply.split())), "relation": self.relation()}, reply

    def length_constraints_nth_paragraph_first_word(self):
        n = self.rng.randint(1, 4)
        paragraphs = [self.rng.choice(ENGLISH) for _ in range(n)]
        nth = self.rng.randint(1, n)
        word = self.rng.choice(paragraphs if self.rng.random() < 0.3 else [paragraphs[nth - 1]])
        word = word.split()[0].strip('."\',!?:').lower()
        if self.rng.random() < 0.2:
            paragraphs[nth - 1] = self.rng.choice(["**{}** {}", "{}, {}", "{}: {}", "{}. {}"]).format(
                word.capitalize(), paragraphs[nth - 1])
        count = n if self.rng.random() < 0.7 else n + 1
        return ({"num_paragraphs": count, "nth_paragraph": nth, "first_word": word},
                self.rng.choice(["\n\n", "\n\n", "\n\n\n\n", "\n"]).join(paragraphs))  # fmt: skip

    def detectable_content_number_placeholders(self):
        n = self.rng.randint(1, 4)
        reply = self.text(1, 3) + " ".join(
            self.rng.choice([" [name]", " [date of birth]", " [", " []", "[x](y)", " [a [b] c]", " <name>"])
            for _ in range(n))  # fmt: skip
        return {"num_placeholders": self.near(n)}, reply

    def detectable_content_postscript(self):
        marker = self.rng.choice(["P.S.", "P.P.S"])
        written = self.rng.choice(["P.S. ", "P.P.S ", "P. S. ", "p.s. ", "P.P.S. ", "PS: ", "P. P. S ", "PPS "])
        between = self.rng.choice(["\n\n", "\n", " "])
        return {"postscript_marker": marker}, self.text(1, 3) + between + written + self.text(1, 1)

    def detectable_format_number_bullet_lists(self):
        n = self.rng.randint(1, 5)
        mark = self.rng.choice(["* ", "- ", "  * ", "*", "-", "1. ", "• ", "** ", "\t- "])
        reply = self.text(1, 1) + "\n" + "\n".join(mark + self.rng.choice(ENGLISH) for _ in range(n))
        if self.rng.random() < 0.3:
            reply += "\n" + self.rng.choice(["---", "**bold** word", "*one* word", "***", "* ", "*"])
        return {"num_bullets": n if self.rng.random() < 0.5 else self.near(n)}, reply

    def detectable_format_constrained_response(self):
        answer = self.rng.choice(["yes", "no", "maybe", "Yes", "perhaps"])
        return {}, self.rng.choice(["My answer is {}.", "I thought. My answer is {}.", "My answer is {}",
                                    "my answer is {}.", "My answer is **{}**.", "{}"]).format(answer)  # fmt: skip

    def detectable_format_number_highlighted_sections(self):
        n = self.rng.randint(1, 4)
        frames = ["*{}*", "**{}**", "***{}***", "*{}", "** {} **", "_{}_", "****", "* {}\n*", "**{}*"]
        marks = [self.rng.choice(frames).format(self.rng.choice(WORDS)) for _ in range(n)]
        reply = self.rng.choice([" and ", "\n", " "]).join(marks)
        return {"num_highlights": n if self.rng.random() < 0.6 else self.near(n)}, reply

    def detectable_format_multiple_sections(self):
        splitter, n = self.rng.choice(["Section", "SECTION", "Day", "PART"]), self.rng.randint(1, 4)
        frame = self.rng.choice(["{} {}", "{}{}", "**{} {}**", "{}  {}", "{} X{}", "{}\n{}", "{}: {}"])
        word = splitter if self.rng.random() < 0.8 else splitter.lower()
        reply = "\n".join(frame.format(word, i + 1) + "\n" + self.text(1, 1) for i in range(n))
        return {"section_spliter": splitter, "num_sections": self.near(n)}, reply

    def detectable_format_json_format(self):
        good = json.dumps({"answer": self.rng.choice(ENGLISH), "n": [1, 2.5, None, True]})
        body = self.rng.choice([good, good, good[:-1], "[1, 2,]", "{'a': 1}", '"text"', "3", "yes", "NaN",
                                '{"a": 1} {"b": 2}', '{"a": 1, "a": 2}', '{"a": "tab\there"}'])  # fmt: skip
        return {}, self.rng.choice(["{}", "```json\n{}\n```", "```\n{}\n```", "Here:\n{}", "```JSON\n{}```",
                                    "```python\n{}\n```", "{}\nDone."]).format(body)  # fmt: skip

    def detectable_format_title(self):
        title = self.rng.choice(["<<{}>>", "<{}>", "<<{}>", "<< >>", "<<>>", "<<\n{}\n>>", "**<<{}>>**", "<<<{}>>>"])
        return {}, title.format("poem of the river") + "\n" + self.text(1, 3)

    def combination_two_responses(self):
        one, other = self.text(1, 2), self.text(1, 2)
        between = self.rng.choice(["\n******\n", "******", "\n***\n", "\n*******\n", "\n****** ******\n"])
        reply = one + between + (one if self.rng.random() < 0.15 else other)
        return {}, reply + self.rng.choice(["", "", "\n******", between + one])

    def combination_repeat_prompt(self):
        prompt = self.rng.choice(["Write a poem about tea.", "What is 2 + 2?", 'Explain "rain", please. Be short.'])
        head = self.rng.choice([prompt, prompt.upper(), prompt[:-1], '"' + prompt + '"', "**" + prompt + "**", ""])
        return {"prompt_to_repeat": prompt}, self.framed(head + "\n\n" + self.text(1, 2))

    def startend_end_checker(self):
        phrase = self.rng.choice(["Any other questions?", "Is there anything else?", "Bye.", "That is all you need!"])
        said = self.rng.choice([phrase, phrase.lower(), phrase[:-1], phrase + '"', phrase + " Thanks.", f"**{phrase}**"])
        return {"end_phrase": phrase}, self.framed(self.text(1, 3) + " " + said)

    def startend_quotation(self):
        frame = self.rng.choice(['"{}"', '"{}', '{}"', "'{}'", "\u201c{}\u201d", ' "{}"\n', '"{}".', "{}"])
        return {}, self.framed(frame.format(self.text(1, 2)))

    def change_case_capital_word_frequency(self):
        reply = self.text(2, 7)
        words = [w for w in reply.replace("-", " ").split() if w.isupper()]
        return {"capital_frequency": self.near(len(words)), "capital_relation": self.relation()}, reply

    def change_case_english_capital(self):
        reply = self.text(1, 3) if self.rng.random() < 0.8 else OTHERS[self.rng.choice(["de", "fr", "ru"])][0]
        return {}, self.framed(self.rng.choice([str.upper, str.upper, str.title, str])(reply))

    def change_case_english_lowercase(self):
        reply = self.text(1, 3) if self.rng.random() < 0.8 else OTHERS[self.rng.choice(["de", "fr", "ru"])][0]
        return {}, self.framed(self.rng.choice([str.lower, str.lower, str.capitalize, str])(reply))

    def punctuation_no_comma(self):
        return {}, self.framed(self.text(1, 3))
