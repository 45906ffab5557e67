// See translation_suite.h. A group is a pair, "eng_Latn-swh_Latn"; its second half chooses the
// tokenizer of BLEU and of token F1.
#include "hearth/eval/translation/translation_suite.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/eval/jsonl.h"
#include "hearth/eval/record.h"
#include "hearth/eval/translation/scores.h"

namespace hearth::translation {
namespace {

constexpr int64_t kReplyTokensMax = 8192;  // thought and one sentence
constexpr int64_t kBootstrapDraws = 1000;  // as sacreBLEU does

// Codes of ISO 639, of two letters and of three (FLORES: "swh_Latn"), and what prompts call them.
struct Language {
  std::string_view two, three, name;
};
constexpr std::array<Language, 28> kLanguages = {
    {{"am", "amh", "Amharic"},    {"ar", "arb", "Arabic"},     {"bn", "ben", "Bengali"},
     {"de", "deu", "German"},     {"en", "eng", "English"},    {"es", "spa", "Spanish"},
     {"fa", "pes", "Persian"},    {"fr", "fra", "French"},     {"ha", "hau", "Hausa"},
     {"hi", "hin", "Hindi"},      {"id", "ind", "Indonesian"}, {"it", "ita", "Italian"},
     {"ja", "jpn", "Japanese"},   {"km", "khm", "Khmer"},      {"ko", "kor", "Korean"},
     {"lo", "lao", "Lao"},        {"my", "mya", "Burmese"},    {"ne", "npi", "Nepali"},
     {"pt", "por", "Portuguese"}, {"ru", "rus", "Russian"},    {"sw", "swh", "Swahili"},
     {"ta", "tam", "Tamil"},      {"th", "tha", "Thai"},       {"tr", "tur", "Turkish"},
     {"ur", "urd", "Urdu"},       {"vi", "vie", "Vietnamese"}, {"yo", "yor", "Yoruba"},
     {"zh", "zho", "Chinese"}}};

// The code itself, where it has no name here.
std::string_view language_name(std::string_view code) {
  const std::string_view base = code.substr(0, code.find_first_of("_-"));
  for (const Language& language : kLanguages) {
    if (base == language.two || base == language.three) return language.name;
  }
  return code;
}

// A group's two halves are split at its first '-': codes of tongues may hold one behind it.
std::string_view target_of(std::string_view group) {
  return group.substr(std::min(group.find('-'), group.size() - 1) + 1);
}

EvalItem item_of(std::string id, std::string_view from, std::string_view to, std::string_view text,
                 std::string reference) {
  EvalItem item;
  item.id = std::move(id);
  item.group = fmt::format("{}-{}", from, to);
  item.prompt =
      fmt::format("Translate the following text from {} to {}. Give only the translation.\n\n{}",
                  language_name(from), language_name(to), text);
  item.answer = std::move(reference);
  return item;
}

// {"id", "en": "...", "sw": "..."}: from the first language to the second.
Result<EvalItem> json_item(const Json& line) {
  std::vector<std::pair<std::string, std::string>> texts;
  if (line.is_object()) {
    for (const auto& [key, value] : line.items()) {
      if (key != "id" && value.is_string()) texts.emplace_back(key, value.get<std::string>());
    }
  }
  if (texts.size() != 2) {
    return error(Code::corrupt, "expected texts in two languages beside `id`, found {}",
                 json_excerpt(line));
  }
  const Json* id = json_find(line, "id");
  std::string name = id == nullptr ? "" : id->is_string() ? id->get<std::string>() : id->dump();
  return item_of(std::move(name), texts[0].first, texts[1].first, texts[0].second,
                 std::move(texts[1].second));
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (size_t begin = 0;;) {
    const size_t end = line.find('\t', begin);
    fields.push_back(line.substr(begin, end - begin));
    if (end == line.npos) return fields;
    begin = end + 1;
  }
}

// TICO-19: sourceLang, targetLang, sourceString, targetString, stringID and more, with a header.
Result<std::vector<EvalItem>> load_tico(const std::string& path) {
  TRY_ASSIGN(std::vector<EvalItem> items,
             read_item_lines(path, [](std::string_view line) -> Result<EvalItem> {
               const auto fields = fields_of(line);
               if (fields.size() < 5) {
                 return error(Code::corrupt, "expected 5 fields between tabs, found {}",
                              fields.size());
               }
               return item_of(std::string(fields[4]), fields[0], fields[1], fields[2],
                              std::string(fields[3]));
             }));
  if (items[0].group == "sourceLang-targetLang") items.erase(items.begin());
  if (items.empty()) return error(Code::corrupt, "{}: expected items, found none", path);
  return items;
}

Result<std::vector<std::string>> lines_of(const std::string& path) {
  TRY_ASSIGN(const std::vector<EvalItem> lines,
             read_item_lines(path, [](std::string_view line) -> Result<EvalItem> {
               EvalItem item;
               item.prompt = line;
               return item;
             }));
  std::vector<std::string> texts;
  for (const EvalItem& line : lines) texts.push_back(line.prompt);
  return texts;
}

// FLORES: "eng_Latn.devtest:swh_Latn.devtest", line by line.
Result<std::vector<EvalItem>> load_pair(const std::string& source, const std::string& target) {
  TRY_ASSIGN(const std::vector<std::string> from, lines_of(source));
  TRY_ASSIGN(std::vector<std::string> to, lines_of(target));
  if (from.size() != to.size()) {
    return error(Code::corrupt, "{}: expected {} lines as in {}, found {}", target, from.size(),
                 source, to.size());
  }
  std::vector<EvalItem> items;
  for (size_t i = 0; i < from.size(); ++i) {
    items.push_back(item_of("", stem_of(source), stem_of(target), from[i], std::move(to[i])));
  }
  return items;
}

Result<std::vector<EvalItem>> load(const std::string& path) {
  std::vector<EvalItem> items;
  if (const size_t colon = path.find(':'); colon != path.npos) {
    TRY_ASSIGN(items, load_pair(path.substr(0, colon), path.substr(colon + 1)));
  } else if (path.ends_with(".tsv")) {
    TRY_ASSIGN(items, load_tico(path));
  } else {
    TRY_ASSIGN(items, read_items(path, json_item));
  }
  items = numbered(std::move(items));
  for (EvalItem& item : items) item.id = item.group + "/" + item.id;
  return items;
}

Result<Judgement> judge(const EvalItem& item, std::string_view reply) {
  return Judgement{ChrfCounts(reply, item.answer).score(), ""};
}

// A segment's counts; several replies to one segment are drawn together.
struct Segment {
  ChrfCounts chrf;
  BleuCounts bleu;
  double f1 = 0;
  int64_t replies = 0;

  void add(const Segment& other) {
    chrf.add(other.chrf);
    bleu.add(other.bleu);
    f1 += other.f1;
    replies += other.replies;
  }
};

using Score = double (*)(const Segment& corpus);

Measure measure(std::string name, const std::vector<Segment>& segments, Score score) {
  const auto of_places = [&](std::span<const size_t> places) {
    Segment sum;
    for (const size_t place : places) sum.add(segments[place]);
    return score(sum);
  };
  Segment corpus;
  for (const Segment& segment : segments) corpus.add(segment);
  return {std::move(name), score(corpus), bootstrap95(segments.size(), kBootstrapDraws, of_places)};
}

std::vector<Measure> measures(const std::vector<EvalRecord>& records) {
  std::map<std::string, std::map<int64_t, Segment>> corpora;  // by group, then item
  for (const EvalRecord& record : records) {
    Segment& segment = corpora[record.group][record.item];
    const Tokenizer tokenizer = tokenizer_for(target_of(record.group));
    segment.chrf.add(ChrfCounts(record.reply, record.answer));
    segment.bleu.add(BleuCounts(record.reply, record.answer, tokenizer));
    segment.f1 += token_f1(record.reply, record.answer, tokenizer);
    ++segment.replies;
  }
  std::vector<Measure> out;
  for (const auto& [group, by_item] : corpora) {
    std::vector<Segment> segments;
    for (const auto& [item, segment] : by_item) segments.push_back(segment);
    const std::string_view tokenizer = tokenizer_name(tokenizer_for(target_of(group)));
    out.push_back(measure("chrF++ " + group, segments,
                          [](const Segment& corpus) { return corpus.chrf.score(); }));
    out.push_back(measure(fmt::format("BLEU {} tok:{}", group, tokenizer), segments,
                          [](const Segment& corpus) { return corpus.bleu.score(); }));
    out.push_back(measure("token F1 " + group, segments, [](const Segment& corpus) {
      return corpus.f1 / static_cast<double>(corpus.replies);
    }));
  }
  return out;
}

}  // namespace

const Suite& translation_suite() {
  static const Suite kSuite = {
      "translation",
      "sentences of FLORES, TICO-19 or a JSONL with two languages, by --data",
      kReplyTokensMax,
      kR1Temperature,
      kR1TopP,
      "",
      load,
      judge,
      {},
      measures};
  return kSuite;
}

}  // namespace hearth::translation
