// Methods of Python's str. Each result keeps the marks of the bytes it is made of; indices count
// characters.
#include <algorithm>

#include "hearth/text/template/characters.h"
#include "hearth/text/template/evaluator.h"
#include "hearth/text/template/filters.h"
#include "hearth/text/template/print.h"
#include "hearth/text/template/text_format.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {

namespace {

const Str& str_of(const Value& self) {
  return *self.as_str();
}

template <Case to>
Result<Value> method_case(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY(bind("str", args, {}));
  return change_case(evaluator, str_of(self), to);
}

template <bool left, bool right>
Result<Value> method_strip(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("strip", args, {"chars"}));
  TRY(evaluator.budget().bytes(static_cast<int64_t>(str_of(self).text.size())));
  if (b.is_none(0)) return strip(str_of(self), std::nullopt, left, right);
  if (!b[0].is_str()) return error(Code::invalid, "strip arg must be None or str");
  return strip(str_of(self), b[0].as_str()->text.bytes(), left, right);
}

Result<const MarkedText*> text_argument(const Bound& b, size_t i) {
  if (b[i].is_str()) return &b[i].as_str()->text;
  TRY(refuse_undefined(b[i]));
  return error(Code::invalid, "expected str, found {}", b[i].type_name());
}

// Pieces of at most `splits` + 1 parts, cut from the left or the right; no separator: white space.
std::vector<std::pair<size_t, size_t>> split_at(std::string_view text, std::string_view separator,
                                                Int splits, bool from_right) {
  std::vector<size_t> cuts;
  for (size_t at = from_right ? text.rfind(separator) : text.find(separator);
       at != std::string_view::npos && splits != 0; --splits) {
    cuts.push_back(at);
    if (from_right) {
      if (at < separator.size()) break;
      at = text.rfind(separator, at - separator.size());
    } else {
      at = text.find(separator, at + separator.size());
    }
  }
  std::sort(cuts.begin(), cuts.end());
  std::vector<std::pair<size_t, size_t>> parts;
  size_t begin = 0;
  for (const size_t cut : cuts) {
    parts.emplace_back(begin, cut);
    begin = cut + separator.size();
  }
  parts.emplace_back(begin, text.size());
  return parts;
}

std::vector<std::pair<size_t, size_t>> split_words(std::string_view text, Int splits,
                                                   bool from_right) {
  std::vector<std::pair<size_t, size_t>> words;
  bool inside = false;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const bool space = is_space(next_char(text, i));
    if (!space && !inside) words.emplace_back(begin, i);
    if (!space) words.back().second = i;
    inside = !space;
  }
  if (splits < 0 || static_cast<Int>(words.size()) <= splits) {
    return words;
  }
  const auto keep = static_cast<size_t>(splits);
  if (from_right) {  // the rest at the left is one part, without white space at its right end
    const size_t rest = words.size() - keep;
    words[rest - 1].first = 0;
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(rest - 1));
    return words;
  }
  words.resize(keep + 1);
  words.back().second = text.size();
  return words;
}

template <bool from_right>
Result<Value> method_split(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("split", args, {"sep", "maxsplit"}));
  TRY_ASSIGN(const Int splits, b.integer(1, -1));
  const Str& s = str_of(self);
  std::vector<std::pair<size_t, size_t>> parts;
  TRY(evaluator.budget().bytes(static_cast<int64_t>(s.text.size())));
  if (b.is_none(0)) {
    parts = split_words(s.text.view(), splits, from_right);
  } else {
    TRY_ASSIGN(const MarkedText* separator, text_argument(b, 0));
    if (separator->empty()) return error(Code::invalid, "empty separator");
    parts = split_at(s.text.view(), separator->view(), splits, from_right);
  }
  std::vector<Value> out;
  for (const auto& [begin, end] : parts) {
    TRY(evaluator.budget().bytes(sizeof(Str)));
    out.push_back(Value::str(s.text.slice(begin, end), s.markup));
  }
  return make_list(evaluator.budget(), List::Kind::list, std::move(out));
}

Result<Value> method_splitlines(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("splitlines", args, {"keepends"}));
  const Str& s = str_of(self);
  std::vector<Value> out;
  for (const auto& [begin, end] : line_bounds(s.text.view(), b.is_true(0))) {
    TRY_ASSIGN(Value line, make_str(evaluator.budget(), s.text.slice(begin, end), s.markup));
    out.push_back(std::move(line));
  }
  return make_list(evaluator.budget(), List::Kind::list, std::move(out));
}

// Byte range of text[start:end] given in characters.
Result<std::pair<size_t, size_t>> window(Evaluator& evaluator, std::string_view text,
                                         const Bound& b) {
  std::pair<size_t, size_t> out(0, text.size());
  if (b.is_none(1) && b.is_none(2)) return out;
  TRY(evaluator.budget().bytes(static_cast<int64_t>(text.size())));
  const std::vector<size_t> offsets = char_offsets(text);
  const auto n = static_cast<Int>(offsets.size() - 1);
  const auto clamp = [&](Int i) {
    return static_cast<size_t>(std::clamp<Int>(i < 0 ? i + n : i, 0, n));
  };
  if (!b.is_none(1)) {
    TRY_ASSIGN(const Int start, b.integer(1, 0));
    // A start behind the end finds nothing, not even the empty text.
    out.first = start > n ? text.size() + 1 : offsets[clamp(start)];
  }
  if (!b.is_none(2)) {
    TRY_ASSIGN(const Int end, b.integer(2, n));
    out.second = offsets[clamp(end)];
  }
  return out;
}

template <bool at_end>
Result<Value> method_affix(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("startswith or endswith", args, {"prefix", "start", "end"}, 1));
  const std::string_view all = str_of(self).text.view();
  TRY_ASSIGN(const auto bounds, window(evaluator, all, b));
  if (bounds.first > bounds.second) return Value::boolean(false);
  const std::string_view text = all.substr(bounds.first, bounds.second - bounds.first);
  const List* tuple = b[0].as_list();
  const bool several = tuple != nullptr && tuple->kind == List::Kind::tuple;
  for (size_t i = 0; i < (several ? tuple->elements.size() : 1); ++i) {
    const Value& affix = several ? tuple->elements[i] : b[0];
    TRY(refuse_undefined(affix));
    if (!affix.is_str()) {
      return error(Code::invalid, "first arg must be str or a tuple of str, not {}",
                   affix.type_name());
    }
    const std::string_view wanted = affix.as_str()->text.view();
    if (at_end ? text.ends_with(wanted) : text.starts_with(wanted)) return Value::boolean(true);
  }
  return Value::boolean(false);
}

// find and index, from either side.
template <bool from_right, bool must_be_there>
Result<Value> method_find(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("find", args, {"sub", "start", "end"}, 1));
  TRY_ASSIGN(const MarkedText* wanted, text_argument(b, 0));
  const std::string_view all = str_of(self).text.view();
  TRY_ASSIGN(const auto bounds, window(evaluator, all, b));
  TRY(evaluator.budget().bytes(static_cast<int64_t>(all.size())));
  if (bounds.first <= bounds.second) {
    const std::string_view text = all.substr(bounds.first, bounds.second - bounds.first);
    const size_t at = from_right ? text.rfind(wanted->view()) : text.find(wanted->view());
    if (at != std::string_view::npos) {
      return Value::integer(char_count(all.substr(0, bounds.first + at)));
    }
  }
  if (must_be_there) return error(Code::invalid, "substring not found");
  return Value::integer(-1);
}

Result<Value> method_count(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("count", args, {"sub", "start", "end"}, 1));
  TRY_ASSIGN(const MarkedText* wanted, text_argument(b, 0));
  const std::string_view all = str_of(self).text.view();
  TRY_ASSIGN(const auto bounds, window(evaluator, all, b));
  TRY(evaluator.budget().bytes(static_cast<int64_t>(all.size())));
  if (bounds.first > bounds.second) return Value::integer(0);
  const std::string_view text = all.substr(bounds.first, bounds.second - bounds.first);
  if (wanted->empty()) return Value::integer(char_count(text) + 1);
  Int count = 0;
  for (size_t at = text.find(wanted->view()); at != std::string_view::npos;
       at = text.find(wanted->view(), at + wanted->size())) {
    ++count;
  }
  return Value::integer(count);
}

Result<Value> method_replace(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("replace", args, {"old", "new", "count"}, 2));
  TRY_ASSIGN(const MarkedText* from, text_argument(b, 0));
  TRY_ASSIGN(const MarkedText* to, text_argument(b, 1));
  TRY_ASSIGN(const Int count, b.integer(2, -1));
  if (!str_of(self).markup) return replace_text(evaluator, str_of(self), *from, *to, count);
  // Markup escapes what is put into it.
  TextBuilder safe_from(evaluator.budget());
  TextBuilder safe_to(evaluator.budget());
  TRY(b[0].as_str()->markup ? safe_from.append(*from) : append_escaped(safe_from, *b[0].as_str()));
  TRY(b[1].as_str()->markup ? safe_to.append(*to) : append_escaped(safe_to, *b[1].as_str()));
  return replace_text(evaluator, str_of(self), std::move(safe_from).take(),
                      std::move(safe_to).take(), count);
}

Result<Value> method_join(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("join", args, {"iterable"}, 1));
  TRY_ASSIGN(const std::vector<Value> parts, collect(evaluator.budget(), b[0]));
  for (const Value& part : parts) {
    if (part.is_str()) continue;
    return error(Code::invalid, "join: expected str, found {}", part.type_name());
  }
  return join_texts(evaluator, str_of(self).text, parts, str_of(self).markup);
}

template <bool suffix>
Result<Value> method_remove(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("removeprefix or removesuffix", args, {"affix"}, 1));
  TRY_ASSIGN(const MarkedText* affix, text_argument(b, 0));
  const Str& s = str_of(self);
  const std::string_view text = s.text.view();
  if (suffix ? !text.ends_with(affix->view()) : !text.starts_with(affix->view())) return self;
  const size_t begin = suffix ? 0 : affix->size();
  const size_t end = suffix ? text.size() - affix->size() : text.size();
  return make_str(evaluator.budget(), s.text.slice(begin, end), s.markup);
}

template <bool from_right>
Result<Value> method_partition(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("partition", args, {"sep"}, 1));
  TRY_ASSIGN(const MarkedText* separator, text_argument(b, 0));
  if (separator->empty()) return error(Code::invalid, "empty separator");
  const Str& s = str_of(self);
  const std::string_view text = s.text.view();
  const size_t at = from_right ? text.rfind(separator->view()) : text.find(separator->view());
  TRY(evaluator.budget().bytes(static_cast<int64_t>(text.size())));
  const bool found = at != std::string_view::npos;
  const size_t left = found ? at : from_right ? 0 : text.size();
  const size_t right = found ? at + separator->size() : left;
  return make_list(
      evaluator.budget(), List::Kind::tuple,
      {Value::str(s.text.slice(0, left), s.markup), Value::str(s.text.slice(left, right), s.markup),
       Value::str(s.text.slice(right, text.size()), s.markup)});
}

// ljust, rjust, center: -1, 1, 0 for where the text goes.
template <int side>
Result<Value> method_justify(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("justify", args, {"width", "fillchar"}, 1));
  TRY_ASSIGN(const Int width, b.integer(0, 0));
  const Str& s = str_of(self);
  MarkedText fill(" ", true);
  if (b.has(1)) {
    TRY_ASSIGN(const MarkedText* given, text_argument(b, 1));
    if (char_count(given->view()) != 1) {
      return error(Code::invalid, "The fill character must be exactly one character long");
    }
    fill = *given;
  }
  const Int missing = std::max<Int>(0, width - char_count(s.text.view()));
  if (missing > INT32_MAX) return error(Code::invalid, "justify: width too large");
  // As CPython divides the odd place in center().
  const Int left = side < 0 ? 0 : side > 0 ? missing : missing / 2 + (missing & width & 1);
  TextBuilder out(evaluator.budget());
  for (Int i = 0; i < left; ++i) TRY(out.append(fill));
  TRY(out.append(s.text));
  for (Int i = left; i < missing; ++i) TRY(out.append(fill));
  return std::move(out).take_str(s.markup);
}

Result<Value> method_zfill(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("zfill", args, {"width"}, 1));
  TRY_ASSIGN(const Int width, b.integer(0, 0));
  const Str& s = str_of(self);
  const Int missing = std::max<Int>(0, width - char_count(s.text.view()));
  if (missing > INT32_MAX) return error(Code::invalid, "zfill: width too large");
  const bool sign = !s.text.empty() && (s.text.bytes()[0] == '-' || s.text.bytes()[0] == '+');
  TextBuilder out(evaluator.budget());
  if (sign) TRY(out.append(s.text, 0, 1));
  for (Int i = 0; i < missing; ++i) TRY(out.append("0", true));
  TRY(out.append(s.text, sign ? 1 : 0, s.text.size()));
  return std::move(out).take_str(s.markup);
}

// isdigit and its kin: not empty and every character in the class.
template <bool (*in_class)(char32_t)>
Result<Value> method_all(Evaluator&, const Value& self, const CallArgs& args) {
  TRY(bind("str", args, {}));
  const std::string_view text = str_of(self).text.view();
  for (size_t i = 0; i < text.size();) {
    if (!in_class(next_char(text, i))) return Value::boolean(false);
  }
  return Value::boolean(!text.empty());
}

bool is_alnum(char32_t c) {
  return c != '_' && is_word(c);
}
bool is_ascii(char32_t c) {
  return c < 0x80;
}

Result<Value> method_isascii(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  if (str_of(self).text.empty()) return Value::boolean(true);
  return method_all<is_ascii>(evaluator, self, args);
}

template <bool upper>
Result<Value> method_iscase(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const bool holds, find_test(upper ? "upper" : "lower")(evaluator, self, args));
  return Value::boolean(holds);
}

// "{}".format(...): fields name an argument by place or keyword; what follows goes through the
// sandbox like any attribute.
Result<Value> format_field(Evaluator& evaluator, const CallArgs& args, std::string_view field) {
  const size_t end = std::min(field.find_first_of(".["), field.size());
  const std::string_view first = field.substr(0, end);
  Value value;
  if (first.find_first_not_of("0123456789") == std::string_view::npos && first.size() < 10) {
    size_t index = 0;
    for (const char c : first) index = index * 10 + static_cast<size_t>(c - '0');
    if (index >= args.positional.size()) {
      return error(Code::invalid, "Replacement index {} out of range", index);
    }
    value = args.positional[index];
  } else {
    const auto found = std::find_if(args.named.begin(), args.named.end(),
                                    [&](const auto& named) { return named.first == first; });
    if (found == args.named.end()) return error(Code::invalid, "format: no argument '{}'", first);
    value = found->second;
  }
  for (size_t at = end; at < field.size();) {
    const bool attribute = field[at] == '.';
    const size_t stop =
        attribute ? std::min(field.find_first_of(".[", at + 1), field.size()) : field.find(']', at);
    if (stop == std::string_view::npos) return error(Code::invalid, "format: expected ']'");
    const std::string_view name = field.substr(at + 1, stop - at - 1);
    if (attribute) {
      TRY_ASSIGN(value, evaluator.attribute(value, name));
    } else {
      const bool digits = !name.empty() && name.size() < 10 &&
                          name.find_first_not_of("0123456789") == std::string_view::npos;
      Int index = 0;
      for (const char c : digits ? name : "") index = index * 10 + (c - '0');
      TRY_ASSIGN(value,
                 evaluator.item(value, digits ? Value::integer(index) : Value::literal(name)));
    }
    at = attribute ? stop : stop + 1;
  }
  return value;
}

Result<Value> method_format(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  return brace_format(evaluator.budget(), str_of(self),
                      [&](std::string_view field) { return format_field(evaluator, args, field); });
}

constexpr Entry<Callable> kMethods[] = {
    {"capitalize", method_case<Case::capitalize>},
    {"casefold", method_case<Case::lower>},
    {"center", method_justify<0>},
    {"count", method_count},
    {"endswith", method_affix<true>},
    {"find", method_find<false, false>},
    {"format", method_format},
    {"index", method_find<false, true>},
    {"isalnum", method_all<is_alnum>},
    {"isalpha", method_all<is_alpha>},
    {"isascii", method_isascii},
    {"isdecimal", method_all<is_digit>},
    {"isdigit", method_all<is_digit>},
    {"islower", method_iscase<false>},
    {"isnumeric", method_all<is_digit>},
    {"isspace", method_all<is_space>},
    {"isupper", method_iscase<true>},
    {"join", method_join},
    {"ljust", method_justify<-1>},
    {"lower", method_case<Case::lower>},
    {"lstrip", method_strip<true, false>},
    {"partition", method_partition<false>},
    {"removeprefix", method_remove<false>},
    {"removesuffix", method_remove<true>},
    {"replace", method_replace},
    {"rfind", method_find<true, false>},
    {"rindex", method_find<true, true>},
    {"rjust", method_justify<1>},
    {"rpartition", method_partition<true>},
    {"rsplit", method_split<true>},
    {"rstrip", method_strip<false, true>},
    {"split", method_split<false>},
    {"splitlines", method_splitlines},
    {"startswith", method_affix<false>},
    {"strip", method_strip<true, true>},
    {"swapcase", method_case<Case::swap>},
    {"title", method_case<Case::title>},
    {"upper", method_case<Case::upper>},
    {"zfill", method_zfill},
};

}  // namespace

Callable find_str_method(std::string_view name) {
  return find_entry(kMethods, name);
}

}  // namespace hearth::jinja
