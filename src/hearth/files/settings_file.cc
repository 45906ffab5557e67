// The one file that calls toml++: parsed without exceptions, then walked into a list.
#include "hearth/files/settings_file.h"

#include <algorithm>

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "hearth/base/mapped_file.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

// toml++ bounds how deep values nest, not how deep `a.b.c` does, and frees tables by recursion.
// Each level of a dotted name has its dot.
constexpr int64_t kDotsMax = 4096;

struct Place {
  std::vector<std::string> section;
  std::vector<Setting>& out;
};

Status error_at(int64_t line, std::string_view message) {
  return error(Code::corrupt, "line {}: {}", line, message);
}

int64_t line_of(const toml::node& node) {
  return static_cast<int64_t>(node.source().begin.line);
}

// As a flag would be typed.
Result<std::string> text_of_value(const toml::node& node, std::string_view key) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* truth = node.as_boolean()) return std::string(truth->get() ? "true" : "false");
  return error(Code::corrupt,
               "line {}: `{}`: expected a string, a number, true, false, or a list of them, found "
               "a {}",
               line_of(node), excerpt(key),
               node.is_table()   ? "table"
               : node.is_array() ? "list"
                                 : "date or time");
}

Status add_setting(const toml::node& node, std::string_view key, Place& place) {
  Setting setting = {place.section, std::string(key), {}, node.is_array(), line_of(node)};
  if (const toml::array* list = node.as_array()) {
    for (const toml::node& item : *list) {
      TRY_ASSIGN(std::string value, text_of_value(item, key));
      setting.values.push_back(std::move(value));
    }
  } else {
    TRY_ASSIGN(std::string value, text_of_value(node, key));
    setting.values.push_back(std::move(value));
  }
  place.out.push_back(std::move(setting));
  return Status::ok();
}

Status walk(const toml::table& table, Place& place) {
  for (const auto& [key, node] : table) {
    if (const toml::table* inner = node.as_table()) {
      place.section.emplace_back(key.str());
      TRY(walk(*inner, place));
      place.section.pop_back();
    } else {
      TRY(add_setting(node, key.str(), place));
    }
  }
  return Status::ok();
}

}  // namespace

Result<std::vector<Setting>> parse_settings(std::string_view text) {
  if (static_cast<int64_t>(text.size()) > kSettingsBytesMax) {
    return error(Code::corrupt, "expected at most {} bytes, found {}", kSettingsBytesMax,
                 text.size());
  }
  const int64_t dots = std::count(text.begin(), text.end(), '.');
  if (dots > kDotsMax) {
    return error(Code::corrupt, "expected at most {} dots, found {}", kDotsMax, dots);
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& what = parsed.error();
    return error_at(static_cast<int64_t>(what.source().begin.line),
                    excerpt(what.description(), 200));
  }
  std::vector<Setting> settings;
  Place place = {{}, settings};
  TRY(walk(parsed.table(), place));
  std::stable_sort(settings.begin(), settings.end(),
                   [](const Setting& a, const Setting& b) { return a.line < b.line; });
  return settings;
}

Result<SettingsFile> read_settings_file(const std::string& path) {
  TRY_ASSIGN(const std::string text, read_file(path, kSettingsBytesMax));
  auto settings = parse_settings(text);
  if (settings) return SettingsFile{path, std::move(*settings)};
  // "PATH:3: ..." is what editors and terminals make a link of.
  std::string_view message = settings.status().message();
  constexpr std::string_view kLine = "line ";
  if (!message.starts_with(kLine)) return std::move(settings).status().at(path);
  message.remove_prefix(kLine.size());
  return error(settings.status().code(), "{}:{}", path, message);
}

}  // namespace hearth
