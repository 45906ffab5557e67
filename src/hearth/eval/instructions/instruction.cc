// See instruction.h: one maker of a checker for each id, in the table at the end.
#include "hearth/eval/instructions/instruction.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "hearth/eval/instructions/language.h"
#include "hearth/eval/instructions/reply_text.h"

namespace hearth::instructions {
namespace {

constexpr int64_t kCountMax = 1'000'000;
constexpr std::string_view kWhite = " \t\n\r\v\f";

Result<int64_t> count_of(const Json& parameters, const char* name) {
  return json_int(parameters, name, 0, kCountMax);
}

// A text in lower case, as whatever it is looked for in.
Result<std::string> folded(const Json& parameters, const char* name) {
  TRY_ASSIGN(const std::string text, json_string(parameters, name));
  if (trimmed(text).empty()) return error(Code::corrupt, "`{}`: expected a text, found none", name);
  return lower(cleaned(text));
}

Result<std::vector<std::string>> folded_list(const Json& parameters, const char* name) {
  TRY_ASSIGN(const Json* list, json_array(parameters, name));
  std::vector<std::string> out;
  for (const Json& one : *list) {
    if (!one.is_string()) return error(Code::corrupt, "`{}`: expected an array of texts", name);
    out.push_back(lower(cleaned(one.get<std::string>())));
  }
  if (out.empty()) return error(Code::corrupt, "`{}`: expected texts, found none", name);
  return out;
}

// "less than" or "at least" a number.
struct Bound {
  int64_t number = 0;
  bool at_least = true;
  bool holds(int64_t n) const { return at_least ? n >= number : n < number; }
};

Result<Bound> bound_of(const Json& parameters, const char* number, const char* relation) {
  Bound bound;
  TRY_ASSIGN(bound.number, count_of(parameters, number));
  TRY_ASSIGN(const std::string words, json_string(parameters, relation));
  bound.at_least = words == "at least";
  if (bound.at_least || words == "less than") return bound;
  return error(Code::corrupt, "`{}`: expected \"at least\" or \"less than\", found \"{}\"",
               relation, words);
}

Result<Check> keywords(const Json& parameters) {
  TRY_ASSIGN(auto keywords, folded_list(parameters, "keywords"));
  return Check([keywords = std::move(keywords)](std::string_view reply) {
    const std::string text = lower(reply);
    return std::all_of(keywords.begin(), keywords.end(),
                       [&](const std::string& keyword) { return text.find(keyword) != text.npos; });
  });
}

Result<Check> keyword_frequency(const Json& parameters) {
  TRY_ASSIGN(std::string keyword, folded(parameters, "keyword"));
  TRY_ASSIGN(const Bound bound, bound_of(parameters, "frequency", "relation"));
  return Check([keyword = std::move(keyword), bound](std::string_view reply) {
    return bound.holds(occurrences(lower(reply), keyword));
  });
}

Result<Check> forbidden_words(const Json& parameters) {
  TRY_ASSIGN(auto forbidden, folded_list(parameters, "forbidden_words"));
  return Check([forbidden = std::move(forbidden)](std::string_view reply) {
    const std::string text = lower(reply);
    return std::none_of(forbidden.begin(), forbidden.end(),
                        [&](const std::string& word) { return has_word(text, word); });
  });
}

Result<Check> letter_frequency(const Json& parameters) {
  TRY_ASSIGN(std::string letter, folded(parameters, "letter"));
  TRY_ASSIGN(const Bound bound, bound_of(parameters, "let_frequency", "let_relation"));
  return Check([letter = std::move(letter), bound](std::string_view reply) {
    return bound.holds(occurrences(lower(reply), letter));
  });
}

Result<Check> response_language(const Json& parameters) {
  TRY_ASSIGN(std::string language, json_string(parameters, "language"));
  if (!is_known_language(language)) {
    return error(Code::unsupported,
                 "`language`: expected a language that is known here, found \"{}\"", language);
  }
  return Check([language = std::move(language)](std::string_view reply) {
    return is_in_language(reply, language);
  });
}

Result<Check> number_sentences(const Json& parameters) {
  TRY_ASSIGN(const Bound bound, bound_of(parameters, "num_sentences", "relation"));
  return Check([bound](std::string_view reply) { return bound.holds(sentences(reply)); });
}

Result<Check> number_words(const Json& parameters) {
  TRY_ASSIGN(const Bound bound, bound_of(parameters, "num_words", "relation"));
  return Check([bound](std::string_view reply) { return bound.holds(std::ssize(words(reply))); });
}

// Parts between dividers; an empty one counts at the beginning or the end as none.
// nullopt: one in the middle is empty.
std::optional<std::vector<std::string_view>> parts_of(std::string_view reply,
                                                      std::string_view divider) {
  std::vector<std::string_view> parts = split(reply, divider), out;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string_view part = trimmed(parts[i]);
    if (!part.empty()) {
      out.push_back(part);
    } else if (i > 0 && i + 1 < parts.size()) {
      return std::nullopt;
    }
  }
  return out;
}

Result<Check> number_paragraphs(const Json& parameters) {
  TRY_ASSIGN(const int64_t wanted, count_of(parameters, "num_paragraphs"));
  return Check([wanted](std::string_view reply) {
    const auto parts = parts_of(reply, "***");
    return parts && std::ssize(*parts) == wanted;
  });
}

Result<Check> first_word(const Json& parameters) {
  TRY_ASSIGN(const int64_t wanted, count_of(parameters, "num_paragraphs"));
  TRY_ASSIGN(const int64_t nth, json_int(parameters, "nth_paragraph", 1, kCountMax));
  TRY_ASSIGN(std::string word, folded(parameters, "first_word"));
  return Check([=, word = std::move(word)](std::string_view reply) {
    const std::vector<std::string_view> paragraphs = split(reply, "\n\n");
    const auto filled = std::count_if(paragraphs.begin(), paragraphs.end(),
                                      [](std::string_view one) { return !trimmed(one).empty(); });
    if (filled != wanted || nth > wanted) return false;
    // Its place counts empty paragraphs, their number doesn't: so the authors have it.
    const std::string text = lower(trimmed(paragraphs[static_cast<size_t>(nth - 1)]));
    std::string_view first = std::string_view(text).substr(0, text.find_first_of(kWhite));
    first.remove_prefix(std::min(first.find_first_not_of('\''), first.size()));
    first.remove_prefix(std::min(first.find_first_not_of('"'), first.size()));
    return first.substr(0, first.find_first_of(".,?!'\"")) == word;
  });
}

// Brackets with something between them on one line.
Result<Check> placeholders(const Json& parameters) {
  TRY_ASSIGN(const int64_t wanted, count_of(parameters, "num_placeholders"));
  return Check([wanted](std::string_view reply) {
    int64_t found = 0;
    for (const std::string_view line : split(reply, "\n")) {
      for (size_t open = line.find('['); open != line.npos;) {
        const size_t close = line.find(']', open);
        if (close == line.npos) break;
        ++found;
        open = line.find('[', close);
      }
    }
    return found >= wanted;
  });
}

// "P.S." is found as "p. s." and "P.P.S" as "P. P. S", too.
Result<Check> postscript(const Json& parameters) {
  TRY_ASSIGN(std::string marker, folded(parameters, "postscript_marker"));
  return Check([marker = std::move(marker)](std::string_view reply) {
    const std::string text = lower(reply);
    if (text.find(marker) != text.npos) return true;
    if (!marker.starts_with("p.")) return false;
    std::string joined;
    for (size_t i = 0; i < text.size(); ++i) {
      const bool between = text[i] == ' ' && i > 0 && text[i - 1] == '.';
      if (!between) joined += text[i];
    }
    return joined.find(marker) != joined.npos;
  });
}

Result<Check> bullets(const Json& parameters) {
  TRY_ASSIGN(const int64_t wanted, count_of(parameters, "num_bullets"));
  return Check([wanted](std::string_view reply) {
    int64_t found = 0;
    for (const std::string_view line : split(reply, "\n")) {
      const size_t mark = line.find_first_not_of(" \t\r\v\f");
      if (mark == line.npos) continue;
      // A star needs something behind it, if only the end of the line.
      const size_t behind = mark + 1;
      const bool last = line.data() + line.size() == reply.data() + reply.size();
      const bool ends = behind == line.size();
      found += line[mark] == '-' || (line[mark] == '*' && (ends ? !last : line[behind] != '*'));
    }
    return found == wanted;
  });
}

Result<Check> constrained_response(const Json&) {
  return Check([](std::string_view reply) {
    constexpr std::array<std::string_view, 3> kAnswers = {"My answer is yes.", "My answer is no.",
                                                          "My answer is maybe."};
    return std::any_of(kAnswers.begin(), kAnswers.end(),
                       [&](std::string_view answer) { return reply.find(answer) != reply.npos; });
  });
}

// Texts between two marks, without a star or an end of line in them and not blank.
int64_t marked(std::string_view reply, std::string_view mark) {
  int64_t found = 0;
  for (size_t at = reply.find(mark); at != reply.npos;) {
    const size_t begin = at + mark.size();
    const size_t end = std::min(reply.find_first_of("*\n", begin), reply.size());
    if (!reply.substr(end).starts_with(mark)) {
      at = reply.find(mark, at + 1);
      continue;
    }
    found += trimmed(reply.substr(begin, end - begin)).empty() ? 0 : 1;
    at = reply.find(mark, end + mark.size());
  }
  return found;
}

// *so* and **so**, on one line; ***so*** is both.
Result<Check> highlights(const Json& parameters) {
  TRY_ASSIGN(const int64_t wanted, count_of(parameters, "num_highlights"));
  return Check([wanted](std::string_view reply) {
    return marked(reply, "*") + marked(reply, "**") >= wanted;
  });
}

// "SECTION 1", "SECTION 2", ...
Result<Check> sections(const Json& parameters) {
  TRY_ASSIGN(const std::string mark, json_string(parameters, "section_spliter"));
  TRY_ASSIGN(const int64_t wanted, count_of(parameters, "num_sections"));
  if (mark.empty()) return error(Code::corrupt, "`section_spliter`: expected a text, found none");
  return Check([mark, wanted](std::string_view reply) {
    int64_t found = 0;
    for (size_t at = reply.find(mark); at != reply.npos; at = reply.find(mark, at)) {
      at += mark.size();
      if (at < reply.size() && kWhite.find(reply[at]) != kWhite.npos) ++at;
      found += at < reply.size() && reply[at] >= '0' && reply[at] <= '9' ? 1 : 0;
    }
    return found >= wanted;
  });
}

Result<Check> json_format(const Json&) {
  return Check([](std::string_view reply) {
    std::string_view text = trimmed(reply);
    if (text.starts_with("```")) {
      text.remove_prefix(3);
      if (lower(text.substr(0, 4)) == "json") text.remove_prefix(4);
    }
    if (text.ends_with("```")) text.remove_suffix(3);
    return parse_json(trimmed(text)).has_value();
  });
}

Result<Check> title(const Json&) {
  return Check([](std::string_view reply) {
    for (const std::string_view line : split(reply, "\n")) {
      const size_t open = line.find("<<");
      const size_t close = line.rfind(">>");
      if (open == line.npos || close == line.npos || close < open + 2) continue;
      if (trimmed(line.substr(open + 2, close - open - 2)).find_first_not_of("<> ") != line.npos) {
        return true;
      }
    }
    return false;
  });
}

Result<Check> two_responses(const Json&) {
  return Check([](std::string_view reply) {
    const auto parts = parts_of(reply, "******");
    return parts && parts->size() == 2 && (*parts)[0] != (*parts)[1];
  });
}

Result<Check> repeat_prompt(const Json& parameters) {
  TRY_ASSIGN(const std::string prompt, folded(parameters, "prompt_to_repeat"));
  return Check([prompt = std::string(trimmed(prompt))](std::string_view reply) {
    return lower(trimmed(reply)).starts_with(prompt);
  });
}

Result<Check> end_phrase(const Json& parameters) {
  TRY_ASSIGN(const std::string phrase, folded(parameters, "end_phrase"));
  return Check([phrase = std::string(trimmed(phrase))](std::string_view reply) {
    std::string_view text = trimmed(reply);
    while (text.starts_with('"')) text.remove_prefix(1);
    while (text.ends_with('"')) text.remove_suffix(1);
    return lower(text).ends_with(phrase);
  });
}

// As tokenizers of English cut a text: at white space and punctuation, but neither at hyphens nor
// at the points of "U.S.".
std::vector<std::string_view> tokens(std::string_view text) {
  constexpr std::string_view kCuts = " \t\n\r\v\f,;:@#$%&?!*()[]{}<>\"'`";
  std::vector<std::string_view> out;
  for (size_t begin = text.find_first_not_of(kCuts); begin != text.npos;) {
    const size_t end = std::min(text.find_first_of(kCuts, begin), text.size());
    for (const std::string_view part : split(text.substr(begin, end - begin), "--")) {
      if (!part.empty()) out.push_back(part);
    }
    begin = text.find_first_not_of(kCuts, end);
  }
  return out;
}

Result<Check> capital_words(const Json& parameters) {
  TRY_ASSIGN(const Bound bound, bound_of(parameters, "capital_frequency", "capital_relation"));
  return Check([bound](std::string_view reply) {
    const auto all = tokens(reply);
    return bound.holds(std::count_if(all.begin(), all.end(), all_upper));
  });
}

Result<Check> english_capital(const Json&) {
  return Check(
      [](std::string_view reply) { return all_upper(reply) && is_in_language(reply, "en"); });
}

Result<Check> english_lowercase(const Json&) {
  return Check(
      [](std::string_view reply) { return all_lower(reply) && is_in_language(reply, "en"); });
}

Result<Check> no_comma(const Json&) {
  return Check([](std::string_view reply) { return reply.find(',') == reply.npos; });
}

Result<Check> quotation(const Json&) {
  return Check([](std::string_view reply) {
    const std::string_view text = trimmed(reply);
    return text.size() > 1 && text.front() == '"' && text.back() == '"';
  });
}

struct Kind {
  std::string_view id;
  Result<Check> (*make)(const Json& parameters);
};

constexpr std::array<Kind, 25> kKinds = {
    {{"keywords:existence", keywords},
     {"keywords:frequency", keyword_frequency},
     {"keywords:forbidden_words", forbidden_words},
     {"keywords:letter_frequency", letter_frequency},
     {"language:response_language", response_language},
     {"length_constraints:number_sentences", number_sentences},
     {"length_constraints:number_paragraphs", number_paragraphs},
     {"length_constraints:number_words", number_words},
     {"length_constraints:nth_paragraph_first_word", first_word},
     {"detectable_content:number_placeholders", placeholders},
     {"detectable_content:postscript", postscript},
     {"detectable_format:number_bullet_lists", bullets},
     {"detectable_format:constrained_response", constrained_response},
     {"detectable_format:number_highlighted_sections", highlights},
     {"detectable_format:multiple_sections", sections},
     {"detectable_format:json_format", json_format},
     {"detectable_format:title", title},
     {"combination:two_responses", two_responses},
     {"combination:repeat_prompt", repeat_prompt},
     {"startend:end_checker", end_phrase},
     {"startend:quotation", quotation},
     {"change_case:capital_word_frequency", capital_words},
     {"change_case:english_capital", english_capital},
     {"change_case:english_lowercase", english_lowercase},
     {"punctuation:no_comma", no_comma}}};

}  // namespace

Result<Check> make_check(std::string_view id, const Json& parameters) {
  Json given = Json::object();
  if (parameters.is_object()) {
    for (const auto& [key, value] : parameters.items()) {
      if (!value.is_null()) given[key] = value;
    }
  }
  for (const Kind& kind : kKinds) {
    if (kind.id == id) return kind.make(given);
  }
  return error(Code::unsupported, "`instruction_id_list`: no checker of the instruction \"{}\"",
               id);
}

std::vector<std::string_view> known_ids() {
  std::vector<std::string_view> out;
  for (const Kind& kind : kKinds) out.push_back(kind.id);
  return out;
}

}  // namespace hearth::instructions
