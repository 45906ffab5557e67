// json.dumps as CPython writes it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "hearth/text/template/characters.h"
#include "hearth/text/template/print.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {
namespace {

class JsonPrinter {
 public:
  JsonPrinter(TextBuilder& out, const JsonStyle& style) : out_(out), style_(style) {}

  Status print(const Value& value) {
    if (const Str* s = value.as_str()) return string(s->text);
    if (const List* list = value.as_list();
        list != nullptr && (list->kind == List::Kind::list || list->kind == List::Kind::tuple)) {
      return array(*list);
    }
    if (const Dict* dict = value.as_dict()) return object(*dict);
    TRY_ASSIGN(const std::string text, scalar(value));
    return out_.append(text, true);
  }

 private:
  Result<std::string> scalar(const Value& value) const {
    if (value.is_none()) return std::string("null");
    if (value.is_bool()) return std::string(value.as_bool() ? "true" : "false");
    if (value.is_int()) return int_text(value.as_int());
    if (value.is_float()) {
      const double d = value.as_double();
      if (std::isnan(d)) return std::string("NaN");
      if (std::isinf(d)) return std::string(d < 0 ? "-Infinity" : "Infinity");
      return float_repr(d);
    }
    return error(Code::invalid, "Object of type {} is not JSON serializable", value.type_name());
  }

  static std::string escaped(char32_t c) {
    switch (c) {
      case '"':
        return "\\\"";
      case '\\':
        return "\\\\";
      case '\n':
        return "\\n";
      case '\r':
        return "\\r";
      case '\t':
        return "\\t";
      case '\b':
        return "\\b";
      case '\f':
        return "\\f";
      default:
        break;
    }
    const auto code = static_cast<uint32_t>(c);
    if (code < 0x10000) return fmt::format("\\u{:04x}", code);
    const uint32_t v = code - 0x10000;
    return fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (v >> 10), 0xDC00 + (v & 0x3FF));
  }

  Status string(const MarkedText& text) {
    TRY(out_.append("\"", false));
    size_t copied = 0;
    for (size_t i = 0; i < text.size();) {
      const size_t begin = i;
      const char32_t c = next_char(text.view(), i);
      if (c >= 0x20 && c != '"' && c != '\\' && (!style_.ascii || c < 0x7F)) continue;
      TRY(out_.append(text, copied, begin));
      TRY(out_.append(escaped(c), text.trusted_at(begin)));
      copied = i;
    }
    TRY(out_.append(text, copied, text.size()));
    return out_.append("\"", false);
  }

  Status line(int level) {
    if (!style_.indent.has_value()) return Status::ok();
    TRY(out_.append("\n", false));
    for (int i = 0; i < level; ++i) TRY(out_.append(*style_.indent, false));
    return Status::ok();
  }

  Status array(const List& list) {
    if (list.elements.empty()) return out_.append("[]", false);
    TRY(out_.append("[", false));
    ++level_;
    for (size_t i = 0; i < list.elements.size(); ++i) {
      if (i > 0) TRY(out_.append(style_.item_separator, false));
      TRY(line(level_));
      TRY(print(list.elements[i]));
    }
    --level_;
    TRY(line(level_));
    return out_.append("]", false);
  }

  Status object(const Dict& dict) {
    if (dict.entries.empty()) return out_.append("{}", false);
    std::vector<const std::pair<Value, Value>*> order;
    for (const auto& entry : dict.entries) order.push_back(&entry);
    if (style_.sort_keys) TRY(sort(order));
    TRY(out_.append("{", false));
    ++level_;
    for (size_t i = 0; i < order.size(); ++i) {
      if (i > 0) TRY(out_.append(style_.item_separator, false));
      TRY(line(level_));
      TRY(key(order[i]->first));
      TRY(out_.append(style_.key_separator, false));
      TRY(print(order[i]->second));
    }
    --level_;
    TRY(line(level_));
    return out_.append("}", false);
  }

  Status key(const Value& key) {
    if (const Str* s = key.as_str()) return string(s->text);
    Result<std::string> text = scalar(key);
    if (!text) {
      return error(Code::invalid, "keys must be str, int, float, bool or None, not {}",
                   key.type_name());
    }
    return string(MarkedText(*text, true));
  }

  Status sort(std::vector<const std::pair<Value, Value>*>& order) {
    Status failed;
    std::stable_sort(order.begin(), order.end(), [&](const auto* a, const auto* b) {
      if (!failed.is_ok()) return false;
      Result<bool> before = less(out_.budget(), a->first, b->first);
      if (!before) failed = std::move(before).status();
      return before && *before;
    });
    return failed;
  }

  TextBuilder& out_;
  const JsonStyle& style_;
  int level_ = 0;
};

}  // namespace

Status print_json(TextBuilder& out, const Value& value, const JsonStyle& style) {
  return JsonPrinter(out, style).print(value);
}

}  // namespace hearth::jinja
