#!/usr/bin/env python3
"""Writes src/hearth/eval/translation/testdata/scores.json: what sacreBLEU makes of small corpora of
our own sentences. Usage: venv/bin/python tools/golden/translation_scores.py
"""

import json
import pathlib
import random

from sacrebleu.metrics import BLEU, CHRF

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/hearth/eval/translation/testdata/scores.json"

SENTENCES = {
    "en": ["The kettle sings, and the cat sleeps by the hearth.", "It costs $1,234.50 (about 5-6 %).",
           'She said: "Don\'t go!" - and left at 10.30 a.m.', "A & B, C/D; e.g. x=1_000.", "No.",
           "well-known rock-\nsolid facts <skipped> &quot;quoted&quot; &lt;b&gt;", "...,,,", "a"],
    "sw": ["Maji yanachemka jikoni, na paka amelala karibu na moto.", "Bei ni shilingi 1,500.75 tu!",
           "Habari za asubuhi? Nzuri sana, asante.", "Watoto wanacheza mpira nje."],
    "zh": ["水开了，猫睡在火炉旁。", "价格是1,234.5元（约5-6%）。", "他说：“别走！”——然后在10.30离开了。", "GPU 和 CPU 都很快。",
           "ＡＢＣ全角、半角ABC", "好"],
    "my": ["ရေနွေးဆူနေပြီ၊ ကြောင်က မီးဖိုဘေးမှာ အိပ်နေတယ်။", "မင်္ဂလာပါ။ နေကောင်းလား။", "စျေးက ၁၅၀၀ ကျပ်ပါ။"],
    "de": ["Das Wasser kocht, und die Katze schläft am Herd.", "Straße 12-14: 3,50 €/Stück.", "Äpfel!"],
    "ar": ["الماء يغلي، والقطة نائمة قرب الموقد.", "السعر ١٢٣٤٫٥ ريال."],
}  # fmt: skip
TOKENIZER = {"zh": "zh"}


def changed(sentence: str, rng: random.Random) -> str:
    """A hypothesis: some characters or words dropped, doubled or swapped."""
    kind = rng.randrange(6)
    units = sentence.split(" ") if kind < 3 and " " in sentence else list(sentence)
    joiner = " " if kind < 3 and " " in sentence else ""
    for _ in range(rng.randrange(1 + len(units) // 3 + 1)):
        at = rng.randrange(len(units)) if units else 0
        if not units:
            break
        match rng.randrange(4):
            case 0:
                del units[at]
            case 1:
                units.insert(at, units[at])
            case 2:
                units[at], units[-1] = units[-1], units[at]
            case 3:
                units[at] = rng.choice(["x", "é", " ", "1.", ",2", "。", "\u2019", "\u00a0"])
    return joiner.join(units)


def case(language: str, pairs: list[tuple[str, str]]) -> dict:
    hypotheses, references = [h for h, _ in pairs], [[r for _, r in pairs]]
    tokenizer = TOKENIZER.get(language, "13a")
    return {
        "language": language, "tokenizer": tokenizer,
        "hypotheses": hypotheses, "references": references[0],
        "bleu": BLEU(tokenize=tokenizer).corpus_score(hypotheses, references).score,
        "chrf": CHRF(word_order=2).corpus_score(hypotheses, references).score,
        "chrf_of_each": [CHRF(word_order=2).sentence_score(h, [r]).score for h, r in pairs],
    }  # fmt: skip


def main() -> None:
    rng = random.Random(3)
    cases = []
    for language, sentences in SENTENCES.items():
        for _ in range(12):
            chosen = [rng.choice(sentences) for _ in range(rng.randrange(1, 5))]
            cases.append(case(language, [(changed(s, rng), s) for s in chosen]))
        cases.append(case(language, [(s, s) for s in sentences]))
        cases.append(case(language, [("", s) for s in sentences]))
        cases.append(case(language, [(rng.choice(sentences), rng.choice(sentences))]))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases)
    OUT.write_text(f"[\n{lines}\n]\n")
    print(f"{OUT}: {len(cases)} corpora")


main()
