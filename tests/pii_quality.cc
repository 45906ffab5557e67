// How well personal data is found: reads marked texts (tools/pii-sets) from standard input and
// prints precision, recall and F1 of each type. A finding is right where a mark of its type
// overlaps it (BANK_CARD and CREDIT_CARD are one, so are telephones). With --require RECALL
// PRECISION it fails where the total misses them, or the types whose marks say that they have check
// digits, together or one of them. --show prints each miss and each wrong finding; --names looks
// for names and addresses too.
#include <fmt/format.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "hearth/files/json.h"
#include "hearth/guard/pii/detector.h"

namespace hearth::pii {
namespace {

struct Score {
  int64_t right = 0, wrong = 0, found = 0, missed = 0;  // findings right and wrong; marks

  double precision() const { return share(right, right + wrong); }
  double recall() const { return share(found, found + missed); }
  double f1() const {
    const double sum = precision() + recall();
    return sum > 0 ? 2 * precision() * recall() / sum : 0;
  }
  Score& operator+=(const Score& other) {
    right += other.right, wrong += other.wrong, found += other.found, missed += other.missed;
    return *this;
  }
  static double share(int64_t part, int64_t of) {
    return of > 0 ? static_cast<double>(part) / static_cast<double>(of) : 1;
  }
};

struct Mark {
  std::string type;
  size_t start, end;
  bool check = false;  // its type has check digits
};

// Types that a set can't tell apart.
std::string family(std::string type) {
  if (type == "BANK_CARD") return "CREDIT_CARD";
  if (type == "MOBILE" || type == "LANDLINE") return "PHONE";
  return type;
}

bool overlap(const Mark& a, const Mark& b) {
  return family(a.type) == family(b.type) && a.start < b.end && b.start < a.end;
}

bool any_overlap(const Mark& mark, const std::vector<Mark>& others) {
  for (const Mark& other : others) {
    if (overlap(mark, other)) return true;
  }
  return false;
}

// Byte offsets of characters: characters[i] is where character i begins.
std::vector<size_t> starts_of_characters(std::string_view text) {
  std::vector<size_t> out;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<uint8_t>(text[i]) & 0xc0) != 0x80) out.push_back(i);
  }
  out.push_back(text.size());
  return out;
}

// A line may say which types it is about, and from which score on: tables of bare values, which no
// word announces.
DetectOptions options_of(const Json& item, DetectOptions options) {
  if (item.contains("types")) {
    options.types = TypeSet();
    for (const Json& name : item["types"]) {
      if (const auto type = find_type(name.get<std::string>())) options.types.set(*type, true);
    }
  }
  if (item.contains("score_min")) options.score_min = item["score_min"].get<double>();
  return options;
}

struct Counted {
  std::map<std::string, Score> scores;  // by type
  std::set<std::string> with_check;     // types of marks with check digits
  bool show = false;                    // print what is missed and what is wrong
};

void show(std::string_view what, const Mark& mark, const Json& item) {
  const std::string_view text = item["text"].get_ref<const std::string&>();
  fmt::print("{} {} {} [{}] in: {}\n", what, item.value("id", "-"), mark.type,
             text.substr(mark.start, mark.end - mark.start), text);
}

void count(const Json& item, const DetectOptions& options, Counted& counted) {
  const auto& text = item["text"].get_ref<const std::string&>();
  const std::vector<size_t> bytes = starts_of_characters(text);
  std::vector<Mark> marks, findings;
  for (const Json& m : item["entities"]) {
    const auto type = m["type"].get<std::string>();
    if (!find_type(type) || !options.types.has(*find_type(type))) continue;
    marks.push_back({type, bytes.at(m["start"].get<size_t>()), bytes.at(m["end"].get<size_t>()),
                     m.value("check", false)});
  }
  for (const Entity& e : detect(text, options)) {
    findings.push_back({std::string(type_name(e.type)), e.start, e.end});
  }
  for (const Mark& m : marks) {
    const bool found = any_overlap(m, findings);
    Score& score = counted.scores[family(m.type)];
    (found ? score.found : score.missed) += 1;
    if (m.check) counted.with_check.insert(family(m.type));
    if (!found && counted.show) show("missed", m, item);
  }
  for (const Mark& f : findings) {
    const bool right = any_overlap(f, marks);
    Score& score = counted.scores[family(f.type)];
    (right ? score.right : score.wrong) += 1;
    if (!right && counted.show) show("wrong", f, item);
  }
}

void print(std::string_view name, const Score& s) {
  fmt::print("| {} | {} | {} | {:.2f} % | {:.2f} % | {:.3f} |\n", name, s.found + s.missed,
             s.right + s.wrong, 100 * s.precision(), 100 * s.recall(), s.f1());
}

bool keeps(const Score& s, double recall, double precision) {
  return s.recall() >= recall && s.precision() >= precision;
}

// Whether the bounds are kept: by all types together, by those with check digits together, and by
// each of these.
bool report(const Counted& counted, double recall, double precision) {
  fmt::print("| type | marked | found | precision | recall | F1 |\n|---|---|---|---|---|---|\n");
  Score all, checked;
  bool kept = true;
  for (const auto& [name, s] : counted.scores) {
    print(name, s);
    all += s;
    if (!counted.with_check.contains(name)) continue;
    checked += s;
    kept = kept && keeps(s, recall, precision);
  }
  if (!counted.with_check.empty()) print("with check digits", checked);
  print("all", all);
  return kept && keeps(checked, recall, precision) && keeps(all, recall, precision);
}

int run(const DetectOptions& options, bool show, double recall, double precision) {
  Counted counted;
  counted.show = show;
  int64_t lines = 0;
  for (std::string line; std::getline(std::cin, line); ++lines) {
    const auto item = parse_json(line);
    if (!item) {
      fmt::print(stderr, "line {}: {}\n", lines + 1, item.status().message());
      return 2;
    }
    count(*item, options_of(*item, options), counted);
  }
  return lines > 0 && report(counted, recall, precision) ? 0 : 1;
}

}  // namespace
}  // namespace hearth::pii

int main(int argc, char** argv) {
  hearth::pii::DetectOptions options;
  bool show = false;
  double recall = 0, precision = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--names") options.types = hearth::pii::TypeSet::all();
    if (flag == "--show") show = true;
    if (flag == "--require" && i + 2 < argc) {
      recall = std::atof(argv[++i]);
      precision = std::atof(argv[++i]);
    }
  }
  return hearth::pii::run(options, show, recall, precision);
}
