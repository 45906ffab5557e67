// Where an option's value comes from when no flag gives it: a variable, then files.
//   HEARTH_SERVE_PORT, HEARTH_PORT     of a verb, of every verb with such an option
//   --config FILE or HEARTH_CONFIG, else ./hearth.toml, $XDG_CONFIG_HOME/hearth/hearth.toml,
//   /etc/hearth/hearth.toml            stronger first; in a file [eval.run], then [eval], the top
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "hearth/cli/verb.h"
#include "hearth/files/settings_file.h"

namespace hearth::cli {

struct Origin {
  enum class Kind { flag, variable, file, fallback };
  Kind kind = Kind::fallback;
  std::string name;  // of the variable, or the file's path
  int64_t line = 0;  // of the file

  std::string text() const;  // "flag", "variable HEARTH_PORT", "file hearth.toml:3", "default"
};

struct ConfiguredValue {
  std::string option;  // "--port"
  std::vector<std::string> values;
  Origin origin;
};

class Configuration {
 public:
  // `path` is that of --config; empty: the variable's, else the three places. A file that is named
  // must be there.
  static Result<Configuration> read(const std::string& path);

  // invalid, "PATH:3: ...": a section that is no verb, a key that no verb there has.
  Status check(const CLI::App& app) const;

  // What variables and files give to `verb`, for each option the strongest one.
  std::vector<ConfiguredValue> values_for(const CLI::App& verb) const;

  // Messages in Chinese: a file's `lang` at the top, where no variable says otherwise.
  bool chinese(bool by_locale) const;

  const std::vector<SettingsFile>& files() const { return files_; }

 private:
  std::vector<SettingsFile> files_;  // those that exist, stronger first
};

// What stands on a command line.
struct CommandLine {
  std::vector<std::string> verb;  // {"eval", "run"}; empty: none was recognised
  std::set<std::string> flags;    // "--port"
  std::string config_file;
  bool asks_for_help = false;
};

// `args` without the program's name. Wrong arguments are left to who parses them for good.
CommandLine read_command_line(const std::vector<std::string>& args);

// The verb of these names; nullptr: there is none.
CLI::App* find_verb(CLI::App& app, const std::vector<std::string>& names);

// The long options of a verb that variables and files may give.
std::vector<const CLI::Option*> configurable_options(const CLI::App& verb);
std::string option_name(const CLI::Option& option);  // "--port"

// Puts the values into the options of `verb`, before it is parsed, as if they had been typed: but
// for those that a flag gives, or that a stronger one excludes. Names what it set in
// session.configured. invalid: a value that the option refuses, with its origin.
Status apply_values(CLI::App& verb, const std::vector<ConfiguredValue>& values,
                    const std::set<std::string>& flags, Session& session);

}  // namespace hearth::cli
