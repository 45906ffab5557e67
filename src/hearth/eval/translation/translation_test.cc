// Scores equal to sacreBLEU's (testdata/scores.json, made by tools/golden/translation_scores.py),
// syllables of scripts without spaces, and the files' formats.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hearth/eval/record.h"
#include "hearth/eval/translation/scores.h"
#include "hearth/eval/translation/translation_suite.h"

namespace hearth::translation {
namespace {

namespace fs = std::filesystem;

TEST(TranslationScores, AreSacreBleus) {
  const auto cases =
      read_json_file(HEARTH_SOURCE_DIR "/src/hearth/eval/translation/testdata/scores.json");
  ASSERT_TRUE(cases.has_value()) << cases.status().message();
  ASSERT_EQ(cases->size(), 90u);
  for (const Json& one : *cases) {
    const Tokenizer tokenizer = one["tokenizer"] == "zh" ? Tokenizer::zh : Tokenizer::mteval13a;
    ChrfCounts chrf;
    BleuCounts bleu;
    for (size_t i = 0; i < one["hypotheses"].size(); ++i) {
      const auto hypothesis = one["hypotheses"][i].get<std::string>();
      const auto reference = one["references"][i].get<std::string>();
      const ChrfCounts of_one(hypothesis, reference);
      EXPECT_NEAR(100 * of_one.score(), one["chrf_of_each"][i].get<double>(), 1e-9)
          << hypothesis << " | " << reference;
      chrf.add(of_one);
      bleu.add(BleuCounts(hypothesis, reference, tokenizer));
    }
    EXPECT_NEAR(100 * chrf.score(), one["chrf"].get<double>(), 1e-9) << one.dump();
    EXPECT_NEAR(100 * bleu.score(), one["bleu"].get<double>(), 1e-9) << one.dump();
  }
}

std::string joined(const std::vector<std::u32string>& words) {
  std::string out;
  for (const std::u32string& word : words) {
    out += out.empty() ? "" : "|";
    for (const char32_t c : word) {
      if (c < 0x80) {
        out += static_cast<char>(c);
      } else if (c < 0x800) {
        out += {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
      } else {
        out += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
                static_cast<char>(0x80 | (c & 0x3F))};
      }
    }
  }
  return out;
}

TEST(Syllables, OfScriptsWithoutSpaces) {
  const auto cut = [](std::string_view text) {
    return joined(tokenize(text, Tokenizer::syllables));
  };
  EXPECT_EQ(cut("မြန်မာနိုင်ငံ"), "မြန်|မာ|နိုင်|ငံ");
  EXPECT_EQ(cut("မင်္ဂလာပါ။ ၁၂ ရက်"), "မင်္ဂ|လာ|ပါ|။|၁|၂|ရက်");
  EXPECT_EQ(cut("ဗုဒ္ဓဘာသာ"), "ဗုဒ္ဓ|ဘာ|သာ");
  EXPECT_EQ(cut("水开了,GPU很快。"), "水|开|了|,|GPU|很|快|。");
  EXPECT_EQ(cut("かな と カナ"), "か|な|と|カ|ナ");
  EXPECT_EQ(cut("ที่นี่"), "ที่|นี่");
  EXPECT_EQ(cut("ខ្មែរ"), "ខ្មែ|រ");
  EXPECT_EQ(cut("it's 3.5"), "it|'|s|3|.|5");
  EXPECT_EQ(cut(""), "");
}

TEST(TokenF1, CountsWhatBothHave) {
  EXPECT_EQ(token_f1("a b c", "a b c", Tokenizer::mteval13a), 1);
  EXPECT_EQ(token_f1("x", "a b", Tokenizer::mteval13a), 0);
  EXPECT_DOUBLE_EQ(token_f1("a a b", "a b b c", Tokenizer::mteval13a), 2 * 2.0 / 7);
  EXPECT_EQ(token_f1("", "", Tokenizer::zh), 1);
  EXPECT_EQ(token_f1("", "a", Tokenizer::zh), 0);
}

class TranslationFiles : public testing::Test {
 protected:
  TranslationFiles()
      : folder_(fs::temp_directory_path() / fmt::format("hearth_tr_{}", ::getpid())) {
    fs::create_directories(folder_);
  }
  ~TranslationFiles() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view content) const {
    std::ofstream(folder_ / name) << content;
    return folder_ / name;
  }

 private:
  fs::path folder_;
};

TEST_F(TranslationFiles, ThreeFormats) {
  const Suite& suite = translation_suite();
  const std::string lines = write("a.jsonl", R"({"id":"x:1","en":"water","sw":"maji"})");
  const std::string tico = write("t.tsv",
                                 "sourceLang\ttargetLang\tsourceString\ttargetString\tstringID\turl"
                                 "\nen\tmy\twater\tရေ\t7\tu\n");
  const std::string pair =
      write("eng_Latn.devtest", "water\nfire\n") + ":" + write("swh_Latn.devtest", "maji\nmoto\n");
  const std::tuple<std::string, const char*, const char*, const char*> expected[] = {
      {lines, "en-sw/x:1", "from English to Swahili", "maji"},
      {tico, "en-my/7", "from English to Burmese", "ရေ"},
      {pair, "eng_Latn-swh_Latn/0", "from English to Swahili", "maji"}};
  for (const auto& [path, id, words, answer] : expected) {
    const auto items = suite.load(path);
    ASSERT_TRUE(items.has_value()) << items.status().message();
    EXPECT_EQ((*items)[0].id, id);
    EXPECT_NE((*items)[0].prompt.find(words), std::string::npos) << (*items)[0].prompt;
    EXPECT_EQ((*items)[0].answer, answer);
    EXPECT_TRUE(suite.judge((*items)[0], answer)->right());
    EXPECT_EQ(suite.judge((*items)[0], "xyz")->value, 0);
  }
  EXPECT_FALSE(suite.load(write("b.jsonl", R"({"id":1,"en":"water"})")).has_value());
  EXPECT_FALSE(suite.load(write("c.tsv", "en\tsw\n")).has_value());
  EXPECT_FALSE(suite.load(write("eng.d", "a\nb\n") + ":" + write("swh.d", "a\n")).has_value());
}

TEST(TranslationMeasures, OfEachPair) {
  std::vector<EvalRecord> records(2);
  records[1].item = 1;
  records[0].group = "en-sw";
  records[0].reply = records[0].answer = "maji yanachemka jikoni sasa hivi";
  records[1].group = "en-zh";
  records[1].reply = "水开";
  records[1].answer = "水开了";
  const std::vector<Measure> found = translation_suite().measures(records);
  ASSERT_EQ(found.size(), 6u);
  EXPECT_EQ(found[0].name, "chrF++ en-sw");
  EXPECT_EQ(found[0].value, 1);
  EXPECT_EQ(found[1].name, "BLEU en-sw tok:13a");
  EXPECT_EQ(found[4].name, "BLEU en-zh tok:zh");
  EXPECT_DOUBLE_EQ(found[5].value, 0.8);
  for (const Measure& measure : found) {  // one segment each: it is always the one drawn
    ASSERT_TRUE(measure.ci95.has_value());
    EXPECT_EQ(measure.ci95->low, measure.value);
    EXPECT_EQ(measure.ci95->high, measure.value);
  }
}

// Intervals are those of corpora of drawn segments: the mean's for token F1, and around the score.
TEST(TranslationMeasures, IntervalsAreOfDrawnSegments) {
  std::vector<EvalRecord> records;
  std::vector<double> f1;
  for (int64_t i = 0; i < 60; ++i) {
    EvalRecord& record = records.emplace_back();
    record.item = i / 2;  // two replies to each segment
    record.sample = i % 2;
    record.group = "en-sw";
    record.answer = fmt::format("maji {} yanachemka jikoni sasa hivi {}", i / 2, i / 4);
    record.reply = i % 3 == 0 ? "maji yanachemka" : record.answer;
    if (i % 2 == 0) f1.push_back(0);
    f1.back() += token_f1(record.reply, record.answer, Tokenizer::mteval13a) / 2;
  }
  const std::vector<Measure> found = translation_suite().measures(records);
  ASSERT_EQ(found.size(), 3u);
  for (const Measure& measure : found) {
    EXPECT_LT(measure.ci95->low, measure.value);
    EXPECT_GT(measure.ci95->high, measure.value);
  }
  const Interval mean = bootstrap95_of_mean(f1, 1000);
  EXPECT_NEAR(found[2].ci95->low, mean.low, 1e-12);
  EXPECT_NEAR(found[2].ci95->high, mean.high, 1e-12);
}

// Where the public sample lies beside the repository: references score 1.
TEST(TranslationMeasures, PublicSample) {
  const std::string path = HEARTH_SHARED_DIR "/fixtures/evals/tico19/en-sw.sample.jsonl";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto items = translation_suite().load(path);
  ASSERT_TRUE(items.has_value()) << items.status().message();
  EXPECT_EQ(items->size(), 500u);
  for (const EvalItem& item : *items) {
    EXPECT_NEAR(translation_suite().judge(item, item.answer)->value, 1, 1e-12);
  }
}

}  // namespace
}  // namespace hearth::translation
