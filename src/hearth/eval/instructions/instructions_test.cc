// Each verifiable instruction on replies that follow it and that don't, and the public file format.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "hearth/eval/instructions/ifeval_suite.h"
#include "hearth/eval/instructions/instruction.h"
#include "hearth/eval/instructions/language.h"
#include "hearth/eval/instructions/reply_text.h"
#include "hearth/eval/record.h"

namespace hearth::instructions {
namespace {

struct Case {
  const char* id;
  const char* parameters;
  std::vector<const char*> follow, break_it;
};

const std::vector<Case> kCases = {
    {"keywords:existence",
     R"({"keywords":["Sun","rain drop"]})",
     {"sunny RAIN DROPS"},
     {"sun and rain", ""}},
    {"keywords:frequency",
     R"({"keyword":"ab","frequency":2,"relation":"at least"})",
     {"AB cab"},
     {"ab", "aabb"}},
    {"keywords:frequency",
     R"({"keyword":"ab","frequency":2,"relation":"less than"})",
     {"ab", "none"},
     {"ab ab"}},
    {"keywords:forbidden_words",
     R"({"forbidden_words":["cat","né"]})",
     {"category", "concat née"},
     {"a Cat.", "cat", "(né)"}},
    {"keywords:letter_frequency",
     R"({"letter":"Q","let_frequency":2,"let_relation":"at least"})",
     {"Quick q"},
     {"quick"}},
    {"keywords:letter_frequency",
     R"({"letter":"#","let_frequency":1,"let_relation":"less than"})",
     {"none"},
     {"#one"}},
    {"language:response_language",
     R"({"language":"de"})",
     {"Der Hund ist nicht auf dem Tisch und das ist gut."},
     {"The dog is not on the table.", "12", "Собака не на столе"}},
    {"length_constraints:number_sentences",
     R"({"num_sentences":3,"relation":"less than"})",
     {"One. Two.", "Dr. Low met J. K. Smith. They ate, e.g. 3.5 pies.",
      "1. first point\n2. second"},
     {"One. Two! Three?", "你好。再见！什么？", "1. First point\n2. Second"}},
    {"length_constraints:number_sentences",
     R"({"num_sentences":2,"relation":"at least"})",
     {"He said \"no.\" Then he left", "Wait... what?", "He said no. We left.", "Tea etc. Milk."},
     {"One sentence only.", "a.b.c", "Her Ph.D. in law",
      "See no. 5 etc. and go at 9 a.m. on foot"}},
    {"length_constraints:number_paragraphs",
     R"({"num_paragraphs":2})",
     {"one\n***\ntwo", "*** one *** two ***"},
     {"one", "one\n\ntwo", "a***  ***b"}},
    {"length_constraints:number_words",
     R"({"num_words":3,"relation":"at least"})",
     {"one, two - three"},
     {"one two", "- - - -"}},
    {"length_constraints:number_words",
     R"({"num_words":3,"relation":"less than"})",
     {"हिन्दी में"},
     {"one two three"}},
    {"length_constraints:nth_paragraph_first_word",
     R"({"num_paragraphs":2,"nth_paragraph":2,"first_word":"weeks"})",
     {"a b\n\n\"Weeks,\" he said", "a\n\nWEEKS.", "a\n\n\nweeks\n\n"},
     {"weeks\n\na", "a\n\nweeksend", "a\nweeks", "a\n\nweeks: b", "a\n\n\n\nweeks"}},
    {"detectable_content:number_placeholders",
     R"({"num_placeholders":2})",
     {"[name] at [place]", "[a][b][c]"},
     {"[name]", "[a\n] [b"}},
    {"detectable_content:postscript",
     R"({"postscript_marker":"P.S."})",
     {"text\nP.S. more", "p. s. more"},
     {"PS more", "text"}},
    {"detectable_content:postscript",
     R"({"postscript_marker":"P.P.S"})",
     {"P.P.S more", "P. P. S. more"},
     {"P.S. more"}},
    {"detectable_format:number_bullet_lists",
     R"({"num_bullets":2})",
     {"* a\n* b", "text\n - a\n\t* b", "*\n*b", "---\n* "},
     {"* a", "* a\n*", "* a\n- b\n- c", "**a**\n**b**"}},
    {"detectable_format:constrained_response",
     "{}",
     {"My answer is maybe.", "So: My answer is no."},
     {"my answer is no", "My answer is 5."}},
    {"detectable_format:number_highlighted_sections",
     R"({"num_highlights":2})",
     {"*a* and **b c**", "*a* *b* *c*", "***a***"},
     {"*a*", "**** ** *", "*a\nb*"}},
    {"detectable_format:multiple_sections",
     R"({"section_spliter":"Day","num_sections":2})",
     {"Day 1\nx\nDay 2\ny", "Day1 Day2"},
     {"Day 1", "Day one Day two"}},
    {"detectable_format:json_format",
     "{}",
     {"{\"a\": [1]}", "```json\n{\"a\": 1}\n```", "```\n[]\n```"},
     {"{a: 1}", "Here: {}", ""}},
    {"detectable_format:title", "{}", {"<<My title>>\ntext"}, {"<My title>", "<< >>", "<<a\nb>>"}},
    {"combination:two_responses",
     "{}",
     {"one ****** two", "******\na\n******\nb"},
     {"one", "a******a", "a******b******c", "a************b"}},
    {"combination:repeat_prompt",
     R"({"prompt_to_repeat":" Say it. "})",
     {"say it. Here", "\n SAY IT."},
     {"I say it."}},
    {"startend:end_checker",
     R"({"end_phrase":"Any questions?"})",
     {"x any questions?\n", "\"x Any questions?\""},
     {"Any questions? No."}},
    {"startend:quotation", "{}", {"\"a\"", " \"b\"\n"}, {"\"", "a", "\"a", "'a'"}},
    {"change_case:capital_word_frequency",
     R"({"capital_frequency":2,"capital_relation":"at least"})",
     {"NASA and ESA", "A B", "DON'T", "NASA,ESA"},
     {"Nasa ESA", "THE-END", "U.S.A. U.s."}},
    {"change_case:english_capital", "{}", {"THE SUN IS UP AT 5."}, {"THE sun", "5", "ДА НЕТ"}},
    {"change_case:english_lowercase", "{}", {"the sun is up."}, {"The sun", "5", "да"}},
    {"punctuation:no_comma", "{}", {"none; here"}, {"one, two"}}};

TEST(Instructions, AreVerified) {
  std::set<std::string_view> tried;
  for (const Case& c : kCases) {
    const auto check = make_check(c.id, *parse_json(c.parameters));
    ASSERT_TRUE(check.has_value()) << c.id << ": " << check.status().message();
    for (const char* reply : c.follow) EXPECT_TRUE((*check)(reply)) << c.id << ": " << reply;
    for (const char* reply : c.break_it) EXPECT_FALSE((*check)(reply)) << c.id << ": " << reply;
    tried.insert(c.id);
  }
  for (const std::string_view id : known_ids()) EXPECT_TRUE(tried.contains(id)) << id;
}

TEST(Instructions, WrongOnesAreNamed) {
  const auto message = [](const char* id, const char* parameters) {
    return make_check(id, *parse_json(parameters)).status().message();
  };
  EXPECT_NE(message("keywords:rhymes", "{}").find("\"keywords:rhymes\""), std::string::npos);
  EXPECT_NE(message("keywords:existence", R"({"keywords":null})").find("`keywords`"),
            std::string::npos);
  EXPECT_NE(message("length_constraints:number_words", R"({"num_words":3,"relation":"exactly"})")
                .find("`relation`"),
            std::string::npos);
  EXPECT_NE(message("language:response_language", R"({"language":"xx"})").find("\"xx\""),
            std::string::npos);
}

TEST(Language, ByScriptAndByCommonWords) {
  const std::pair<const char*, const char*> texts[] = {
      {"en", "The cat is on the table and it is happy with that."},
      {"es", "El perro está en la mesa y no es feliz con lo que le dan."},
      {"pt", "O cachorro não está na mesa e uma criança está com ele."},
      {"fr", "Le chien est dans la maison et les enfants sont avec lui sur le lit."},
      {"it", "Il cane non è sulla tavola e la donna è con lui per il pane."},
      {"sw", "Watoto wa shule walikuwa katika mji kwa ajili ya kazi hii."},
      {"vi", "Những người bạn của tôi không có nhà trong thành phố này."},
      {"ru", "Собака не на столе, и это хорошо для него."},
      {"bg", "Кучето не е на масата и това е добре за него."},
      {"ar", "الكلب في البيت مع الطفل الذي كان هنا"},
      {"fa", "این سگ در خانه است و با بچه ها که می آیند"},
      {"ur", "یہ کتا گھر میں ہے اور بچے کے ساتھ ہے"},
      {"hi", "कुत्ता घर में है और यह बच्चों के साथ है"},
      {"mr", "कुत्रा घरात आहे आणि हे मुलांच्या सोबत आहेत"},
      {"ne", "कुकुर घरमा छ र यो बच्चाहरुको लागि हो"},
      {"th", "แมวอยู่บนโต๊ะ"},
      {"ko", "고양이가 탁자 위에 있다"},
      {"ja", "猫はテーブルの上にいる。"},
      {"zh", "猫在桌子上。"},
      {"bn", "বিড়াল টেবিলে"},
      {"kn", "ಬೆಕ್ಕು ಮೇಜಿನ ಮೇಲೆ"}};
  for (const auto& [code, text] : texts) {
    for (const auto& [other, unused] : texts) {
      EXPECT_EQ(is_in_language(text, other), std::string_view(code) == other)
          << text << " " << other;
    }
  }
  EXPECT_FALSE(is_in_language("1234", "en"));
}

TEST(IfEval, PublicFormatStrictAndLoose) {
  const Suite& suite = ifeval_suite();
  const std::string path =
      std::filesystem::temp_directory_path() / fmt::format("hearth_ifeval_{}.jsonl", ::getpid());
  const auto load = [&](std::string_view content) {
    std::ofstream(path) << content;
    auto items = suite.load(path);
    std::filesystem::remove(path);
    return items;
  };
  const auto items =
      load(R"({"key":1000,"prompt":"p","instruction_id_list":["punctuation:no_comma",)"
           R"("startend:end_checker"],"kwargs":[{},{"end_phrase":"Bye.","keywords":null}]})"
           "\n"
           R"({"key":"b","prompt":"q","instruction_id_list":["detectable_format:json_format"],)"
           R"("kwargs":[{}]})");
  ASSERT_TRUE(items.has_value()) << items.status().message();
  ASSERT_EQ(items->size(), 2u);
  EXPECT_EQ((*items)[0].id, "1000");
  EXPECT_EQ((*items)[0].group, "2 instructions");
  EXPECT_TRUE(suite.judge((*items)[0], "So it is. Bye.")->right());
  const auto loosely = suite.judge((*items)[0], "Sure, here it is:\nSo it is. **Bye.**");
  EXPECT_EQ(loosely->note,
            "not followed: punctuation:no_comma (loosely), "
            "startend:end_checker (loosely)");
  EXPECT_EQ(suite.judge((*items)[1], "no")->note, "not followed: detectable_format:json_format");
  EXPECT_FALSE(suite.judge((*items)[1], "")->right());
  std::vector<EvalRecord> records(2);
  for (size_t i = 0; i < 2; ++i) {
    records[i].item = static_cast<int64_t>(i);
    records[i].answer = (*items)[i].answer;
  }
  records[0].reply = "Sure, here it is:\nSo it is. Bye.";  // its comma in the first line alone
  records[1].reply = "no";
  std::map<std::string, double> found;
  for (const Measure& measure : suite.measures(records)) {
    found[measure.name] = measure.value;
    EXPECT_TRUE(measure.ci95.has_value());
  }
  const std::map<std::string, double> expected = {
      {"prompt loose", 1.0 / 2},          {"instruction strict", 1.0 / 3},
      {"instruction loose", 2.0 / 3},     {"instruction strict punctuation", 0},
      {"instruction strict startend", 1}, {"instruction strict detectable_format", 0}};
  EXPECT_EQ(found, expected);
  const auto refused =
      load(R"({"key":1,"prompt":"p","instruction_id_list":["a:b"],"kwargs":[{}]})");
  EXPECT_NE(refused.status().message().find(":1: "), std::string::npos)
      << refused.status().message();
  EXPECT_NE(refused.status().message().find("\"a:b\""), std::string::npos);
  EXPECT_FALSE(load(R"({"key":1,"prompt":"p","instruction_id_list":[],"kwargs":[]})").has_value());
}

}  // namespace
}  // namespace hearth::instructions
