// What filters and methods do alike to text.
#include <algorithm>

#include "hearth/text/template/characters.h"
#include "hearth/text/template/evaluator.h"
#include "hearth/text/template/filters.h"
#include "hearth/text/template/print.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {

Result<Value> change_case(Evaluator& evaluator, const Str& text, Case to) {
  TextBuilder out(evaluator.budget());
  bool inside = false;  // behind a letter, for title
  for (size_t i = 0; i < text.text.size();) {
    const size_t begin = i;
    const char32_t c = next_char(text.text.view(), i);
    std::string changed;
    switch (to) {
      case Case::lower:
        changed = to_lower(c);
        break;
      case Case::upper:
        changed = to_upper(c);
        break;
      case Case::capitalize:
        changed = begin == 0 ? to_title(c) : to_lower(c);
        break;
      case Case::title:
        changed = inside ? to_lower(c) : to_title(c);
        inside = is_upper(c) || is_lower(c);
        break;
      case Case::swap:
        changed = is_upper(c) ? to_lower(c) : to_upper(c);
        break;
    }
    TRY(out.append(changed, text.text.trusted_at(begin)));
  }
  return std::move(out).take_str(text.markup);
}

Value strip(const Str& text, const std::optional<std::string>& set, bool left, bool right) {
  const std::string_view all = text.text.view();
  const auto in_set = [&](size_t begin, size_t end, char32_t c) {
    return set ? set->find(all.substr(begin, end - begin)) != std::string::npos : is_space(c);
  };
  size_t first = all.size();
  size_t last = 0;
  for (size_t i = 0; i < all.size();) {
    const size_t begin = i;
    const char32_t c = next_char(all, i);
    if (in_set(begin, i, c)) continue;
    first = std::min(first, begin);
    last = i;
  }
  const size_t begin = left ? first : 0;
  const size_t end = right ? last : all.size();
  return Value::str(begin < end ? text.text.slice(begin, end) : MarkedText(), text.markup);
}

Result<Value> replace_text(Evaluator& evaluator, const Str& text, const MarkedText& from,
                           const MarkedText& to, Int count) {
  TextBuilder out(evaluator.budget());
  const std::string_view all = text.text.view();
  size_t copied = 0;
  size_t search = 0;
  for (Int done = 0; count < 0 || done < count; ++done) {
    size_t at = all.find(from.view(), search);
    if (at == std::string_view::npos) break;
    TRY(out.append(text.text, copied, at));
    TRY(out.append(to));
    copied = at + from.size();
    search = copied;
    if (from.empty()) {  // an empty text is found before each character and at the end
      if (at == all.size()) break;
      next_char(all, search);
    }
  }
  TRY(out.append(text.text, copied, all.size()));
  return std::move(out).take_str(text.markup);
}

Result<Value> join_texts(Evaluator& evaluator, const MarkedText& separator,
                         const std::vector<Value>& parts, bool markup) {
  TextBuilder out(evaluator.budget());
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) TRY(out.append(separator));
    const Str* s = parts[i].as_str();
    TRY(markup && s != nullptr && !s->markup ? append_escaped(out, *s) : print(out, parts[i]));
  }
  return std::move(out).take_str(markup);
}

std::vector<std::pair<size_t, size_t>> line_bounds(std::string_view text, bool keep_ends) {
  std::vector<std::pair<size_t, size_t>> lines;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t at = i;
    const char32_t c = next_char(text, i);
    if (!is_line_break(c)) continue;
    if (c == '\r' && i < text.size() && text[i] == '\n') ++i;
    lines.emplace_back(begin, keep_ends ? i : at);
    begin = i;
  }
  if (begin < text.size()) lines.emplace_back(begin, text.size());
  return lines;
}

}  // namespace hearth::jinja
