// Filters on text. Those that Python writes with str methods share the functions of str_methods.cc.
#include <algorithm>

#include "hearth/text/template/characters.h"
#include "hearth/text/template/evaluator.h"
#include "hearth/text/template/filters.h"
#include "hearth/text/template/print.h"
#include "hearth/text/template/text_format.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {
namespace {

template <Case to>
Result<Value> filter_case(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("case filter", args, {}));
  TRY_ASSIGN(const Value text, as_text(evaluator, value));
  return change_case(evaluator, *text.as_str(), to);
}

// Jinja's title differs from str.title: words begin behind white space and - ( { [ < only.
Result<Value> filter_title(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("title", args, {}));
  TRY_ASSIGN(const Value text, as_text(evaluator, value));
  const Str& s = *text.as_str();
  TextBuilder out(evaluator.budget());
  bool begins = true;
  for (size_t i = 0; i < s.text.size();) {
    const size_t begin = i;
    const char32_t c = next_char(s.text.view(), i);
    TRY(out.append(begins ? to_upper(c) : to_lower(c), s.text.trusted_at(begin)));
    begins = is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  }
  return std::move(out).take_str();
}

Result<Value> filter_trim(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("trim", args, {"chars"}));
  TRY_ASSIGN(const Value text, as_text(evaluator, value));
  std::optional<std::string> set;
  if (!b.is_none(0)) {
    if (!b[0].is_str()) return error(Code::invalid, "trim: expected characters");
    set = b[0].as_str()->text.bytes();
  }
  return strip(*text.as_str(), set, true, true);
}

Result<Value> filter_replace(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("replace", args, {"old", "new", "count"}, 2));
  Budget& budget = evaluator.budget();
  TRY_ASSIGN(MarkedText text, to_text(budget, value));
  TRY_ASSIGN(const MarkedText from, to_text(budget, b[0]));
  TRY_ASSIGN(const MarkedText to, to_text(budget, b[1]));
  Int count = -1;
  if (!b.is_none(2)) {
    TRY_ASSIGN(count, b.integer(2, -1));
  }
  return replace_text(evaluator, Str{std::move(text), false}, from, to, count);
}

Result<Value> filter_indent(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("indent", args, {"width", "first", "blank"}));
  TRY(refuse_undefined(value));
  const Str* s = value.as_str();
  if (s == nullptr) return error(Code::invalid, "indent: expected a string");
  Budget& budget = evaluator.budget();
  MarkedText indention;
  if (b.has(0) && b[0].is_str()) {
    indention = b[0].as_str()->text;
  } else {
    TRY_ASSIGN(const Int width, b.integer(0, 4));
    if (width > 100'000) return error(Code::invalid, "indent: width too large");
    indention = MarkedText(std::string(static_cast<size_t>(std::max<Int>(width, 0)), ' '), true);
  }
  TextBuilder out(budget);
  if (b.is_true(1)) TRY(out.append(indention));
  MarkedText text = s->text;
  text.append("\n", true);
  bool first = true;
  for (const auto& [begin, end] : line_bounds(text.view(), false)) {
    if (!first) {
      TRY(out.append("\n", true));
      if (begin != end || b.is_true(2)) TRY(out.append(indention));
    }
    first = false;
    TRY(out.append(text, begin, end));
  }
  return std::move(out).take_str(s->markup);
}

Result<Value> filter_center(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("center", args, {"width"}));
  TRY_ASSIGN(const Value text, as_text(evaluator, value));
  CallArgs width;
  width.positional.push_back(b.has(0) ? b[0] : Value::integer(80));
  return find_str_method("center")(evaluator, text, width);
}

Result<Value> filter_format(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Value text, as_text(evaluator, value));
  Budget& budget = evaluator.budget();
  if (!args.positional.empty() && !args.named.empty()) {
    return error(Code::invalid, "format: positional and keyword arguments at the same time");
  }
  if (args.named.empty()) {
    TRY_ASSIGN(const Value tuple, make_list(budget, List::Kind::tuple, args.positional));
    return printf_format(budget, *text.as_str(), tuple);
  }
  Dict dict;
  for (const auto& [name, named] : args.named) {
    dict.entries.emplace_back(Value::literal(name), named);
  }
  TRY_ASSIGN(const Value values, make_dict(budget, std::move(dict)));
  return printf_format(budget, *text.as_str(), values);
}

Result<Value> filter_truncate(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("truncate", args, {"length", "killwords", "end", "leeway"}));
  TRY_ASSIGN(const Int length, b.integer(0, 255));
  TRY_ASSIGN(const Int leeway, b.is_none(3) ? Result<Int>(Int{5}) : b.integer(3, 5));
  const MarkedText end = b.has(2) && b[2].is_str() ? b[2].as_str()->text : MarkedText("...", true);
  if (b.has(2) && !b[2].is_str()) return error(Code::invalid, "truncate: end must be a string");
  if (value.is_undefined()) return value;
  const Str* s = value.as_str();
  if (s == nullptr) return error(Code::invalid, "truncate: expected a string");
  const std::vector<size_t> offsets = char_offsets(s->text.view());
  const Int end_chars = char_count(end.view());
  if (length < end_chars || leeway < 0) return error(Code::invalid, "truncate: length too small");
  if (static_cast<Int>(offsets.size()) - 1 <= length + leeway) return value;
  size_t keep = offsets[static_cast<size_t>(length - end_chars)];
  if (!b.is_true(1)) {
    const size_t space = s->text.view().substr(0, keep).rfind(' ');
    if (space != std::string_view::npos) keep = space;
  }
  MarkedText out = s->text.slice(0, keep);
  out.append(end);
  return make_str(evaluator.budget(), std::move(out), s->markup);
}

Result<Value> filter_wordcount(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("wordcount", args, {}));
  TRY_ASSIGN(const Value text, as_text(evaluator, value));
  const std::string_view s = text.as_str()->text.view();
  int64_t words = 0;
  bool inside = false;
  for (size_t i = 0; i < s.size();) {
    const bool word = is_word(next_char(s, i));
    words += word && !inside;
    inside = word;
  }
  return Value::integer(words);
}

Status append_url(TextBuilder& out, const MarkedText& text, bool query) {
  const auto plain = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("_.-~").find(c) != std::string_view::npos || (c == '/' && !query);
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text.bytes()[i];
    if (plain(c)) {
      TRY(out.append(text, i, i + 1));
    } else if (c == ' ' && query) {
      TRY(out.append("+", text.trusted_at(i)));
    } else {
      TRY(out.append(fmt::format("%{:02X}", static_cast<unsigned char>(c)), text.trusted_at(i)));
    }
  }
  return Status::ok();
}

Result<Value> filter_urlencode(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("urlencode", args, {}));
  Budget& budget = evaluator.budget();
  TextBuilder out(budget);
  Result<Next> next = iterate(budget, value);
  if (value.is_str() || !next) {
    TRY_ASSIGN(const MarkedText text, to_text(budget, value));
    TRY(append_url(out, text, false));
    return std::move(out).take_str();
  }
  std::vector<Value> pairs;
  if (value.is_dict()) {
    for (const auto& [key, element] : value.as_dict()->entries) {
      TRY_ASSIGN(Value pair, make_list(budget, List::Kind::tuple, {key, element}));
      pairs.push_back(std::move(pair));
    }
  } else {
    TRY_ASSIGN(pairs, collect(budget, value));
  }
  for (size_t i = 0; i < pairs.size(); ++i) {
    TRY_ASSIGN(const std::vector<Value> both, collect(budget, pairs[i]));
    if (both.size() != 2) return error(Code::invalid, "urlencode: expected pairs");
    TRY_ASSIGN(const MarkedText key, to_text(budget, both[0]));
    TRY_ASSIGN(const MarkedText text, to_text(budget, both[1]));
    if (i > 0) TRY(out.append("&", true));
    TRY(append_url(out, key, true));
    TRY(out.append("=", true));
    TRY(append_url(out, text, true));
  }
  return std::move(out).take_str();
}

constexpr Entry<Callable> kFilters[] = {
    {"capitalize", filter_case<Case::capitalize>},
    {"center", filter_center},
    {"format", filter_format},
    {"indent", filter_indent},
    {"lower", filter_case<Case::lower>},
    {"replace", filter_replace},
    {"title", filter_title},
    {"trim", filter_trim},
    {"truncate", filter_truncate},
    {"upper", filter_case<Case::upper>},
    {"urlencode", filter_urlencode},
    {"wordcount", filter_wordcount},
};

}  // namespace

Callable find_text_filter(std::string_view name) {
  return find_entry(kFilters, name);
}

}  // namespace hearth::jinja
