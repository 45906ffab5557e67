// A TOML file of settings, as a flat list: a table is a section, a line in it a setting. Values
// keep the text that a command line would have given, so that one reader checks both.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth {

inline constexpr int64_t kSettingsBytesMax = 256 << 10;

struct Setting {
  std::vector<std::string> section;  // [eval.run]: {"eval", "run"}; empty at the top
  std::string key;
  std::vector<std::string> values;  // one, or those of a list
  bool is_list = false;
  int64_t line = 0;  // from 1

  bool operator==(const Setting&) const = default;
};

struct SettingsFile {
  std::string path;
  std::vector<Setting> settings;  // by line
};

// corrupt, "line 3: ...": no TOML; a date or a list of lists, which no setting is; more than
// kSettingsBytesMax bytes.
Result<std::vector<Setting>> parse_settings(std::string_view text);

// Errors read "PATH:3: ..."; not_found where there is no such file.
Result<SettingsFile> read_settings_file(const std::string& path);

}  // namespace hearth
