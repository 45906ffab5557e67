// See configuration.h.
#include "hearth/cli/configuration.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "hearth/cli/commands.h"
#include "hearth/files/outside_bytes.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLanguageVariable = "HEARTH_LANG";

bool is_named(const CLI::App* app) {
  return !app->get_name().empty();
}

// An empty variable is one that isn't there, as everywhere in a shell.
std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::vector<std::string> path_of(const CLI::App& verb) {
  if (verb.get_parent() == nullptr) return {};
  std::vector<std::string> path = path_of(*verb.get_parent());
  path.push_back(verb.get_name());
  return path;
}

std::string variable_name(const std::vector<std::string>& verb, std::string_view option) {
  std::string name = "HEARTH";
  for (const std::string& part : verb) name += "_" + part;
  name += std::string("_").append(option.substr(2));
  for (char& c : name) {
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::vector<std::string> file_places() {
  std::vector<std::string> places = {"./hearth.toml"};
  if (const auto folder = variable("XDG_CONFIG_HOME")) {
    places.push_back(*folder + "/hearth/hearth.toml");
  } else if (const auto home = variable("HOME")) {
    places.push_back(*home + "/.config/hearth/hearth.toml");
  }
  places.emplace_back("/etc/hearth/hearth.toml");
  return places;
}

// Of a verb, those of its groups among them.
std::vector<const CLI::Option*> long_options(const CLI::App& verb) {
  std::vector<const CLI::Option*> out;
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->get_lnames().empty()) out.push_back(option);
  }
  for (const CLI::App* group :
       verb.get_subcommands([](const CLI::App* sub) { return !is_named(sub); })) {
    const auto inner = long_options(*group);
    out.insert(out.end(), inner.begin(), inner.end());
  }
  return out;
}

bool has_option(const CLI::App& app, std::string_view key) {
  const auto options = configurable_options(app);
  if (std::any_of(options.begin(), options.end(), [&](const CLI::Option* option) {
        return std::string_view(option_name(*option)).substr(2) == key;
      })) {
    return true;
  }
  const auto verbs = app.get_subcommands(is_named);
  return std::any_of(verbs.begin(), verbs.end(),
                     [&](const CLI::App* verb) { return has_option(*verb, key); });
}

// Whether a section holds for a verb: [eval] for `eval run`.
bool covers(const std::vector<std::string>& section, const std::vector<std::string>& verb) {
  return section.size() <= verb.size() && std::equal(section.begin(), section.end(), verb.begin());
}

// Of the deepest section of the first file that has one.
std::optional<ConfiguredValue> find_in_files(const std::vector<SettingsFile>& files,
                                             const std::vector<std::string>& verb,
                                             const std::string& option) {
  for (const SettingsFile& file : files) {
    const Setting* best = nullptr;
    for (const Setting& setting : file.settings) {
      if (setting.key != option.substr(2) || !covers(setting.section, verb)) continue;
      if (!best || setting.section.size() > best->section.size()) best = &setting;
    }
    if (best) {
      const Origin origin = {Origin::Kind::file, file.path, best->line};
      return ConfiguredValue{option, best->values, origin};
    }
  }
  return std::nullopt;
}

std::optional<ConfiguredValue> find_variable(const std::vector<std::string>& verb,
                                             const std::string& option) {
  for (const std::string& name : {variable_name(verb, option), variable_name({}, option)}) {
    auto value = variable(name);
    if (!value) continue;
    // This one may hold a whole locale, such as zh_CN.UTF-8.
    if (name == kLanguageVariable) value = value->starts_with("zh") ? "zh" : "en";
    return ConfiguredValue{option, {*value}, {Origin::Kind::variable, name, 0}};
  }
  return std::nullopt;
}

const CLI::App* parsed_verb(const CLI::App& app) {
  const std::vector<CLI::App*> parsed = app.get_subcommands();
  return parsed.empty() ? &app : parsed_verb(*parsed.front());
}

bool is_present(const CLI::Option& option, const std::set<std::string>& flags) {
  return option.count() > 0 || flags.contains(option_name(option));
}

// By a flag, or by what was set before and is stronger.
bool is_excluded(const CLI::App& group, const CLI::Option& option,
                 const std::set<std::string>& flags) {
  for (const CLI::Option* other : option.get_excludes()) {
    if (is_present(*other, flags)) return true;
  }
  if (group.get_require_option_max() != 1) return false;
  const auto options = group.get_options();
  return std::any_of(options.begin(), options.end(), [&](const CLI::Option* other) {
    return other != &option && is_present(*other, flags);
  });
}

// The app or group of it that has the option.
std::pair<CLI::App*, CLI::Option*> find_option(CLI::App& app, const std::string& name) {
  for (CLI::Option* option : app.get_options()) {
    if (option_name(*option) == name) return {&app, option};
  }
  for (CLI::App* group : app.get_subcommands([](CLI::App* sub) { return !is_named(sub); })) {
    if (const auto found = find_option(*group, name); found.second) return found;
  }
  return {nullptr, nullptr};
}

}  // namespace

std::string Origin::text() const {
  switch (kind) {
    case Kind::flag:
      return "flag";
    case Kind::variable:
      return "variable " + name;
    case Kind::file:
      return fmt::format("file {}:{}", name, line);
    case Kind::fallback:
      break;
  }
  return "default";
}

Result<Configuration> Configuration::read(const std::string& path) {
  Configuration out;
  const std::string named = path.empty() ? variable("HEARTH_CONFIG").value_or("") : path;
  for (const std::string& place : named.empty() ? file_places() : std::vector{named}) {
    std::error_code ignored;
    if (named.empty() && !fs::exists(place, ignored)) continue;
    TRY_ASSIGN(SettingsFile file, read_settings_file(place));
    out.files_.push_back(std::move(file));
  }
  return out;
}

Status Configuration::check(const CLI::App& app) const {
  for (const SettingsFile& file : files_) {
    for (const Setting& setting : file.settings) {
      const CLI::App* verb = &app;
      for (const std::string& name : setting.section) {
        const auto found =
            verb->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == name; });
        if (found.empty()) {
          return error(Code::invalid, "{}:{}: [{}]: expected the name of a command, found `{}`",
                       file.path, setting.line, fmt::join(setting.section, "."), excerpt(name));
        }
        verb = found.front();
      }
      if (has_option(*verb, setting.key)) continue;
      return error(
          Code::invalid, "{}:{}: unknown key `{}`{}; keys are flags without their --", file.path,
          setting.line, excerpt(setting.key),
          setting.section.empty() ? "" : fmt::format(" of [{}]", fmt::join(setting.section, ".")));
    }
  }
  return Status::ok();
}

std::vector<ConfiguredValue> Configuration::values_for(const CLI::App& verb) const {
  const std::vector<std::string> path = path_of(verb);
  std::vector<ConfiguredValue> by_variable, by_file;
  for (const CLI::Option* option : configurable_options(verb)) {
    const std::string name = option_name(*option);
    if (auto value = find_variable(path, name)) {
      by_variable.push_back(std::move(*value));
    } else if (auto setting = find_in_files(files_, path, name)) {
      by_file.push_back(std::move(*setting));
    }
  }
  by_variable.insert(by_variable.end(), by_file.begin(), by_file.end());
  return by_variable;
}

bool Configuration::chinese(bool by_locale) const {
  if (variable(std::string(kLanguageVariable))) return by_locale;
  const auto setting = find_in_files(files_, {}, "--lang");
  return setting && setting->values.size() == 1 ? setting->values[0] == "zh" : by_locale;
}

CommandLine read_command_line(const std::vector<std::string>& args) {
  Session session;
  session.only_reads_arguments = true;
  CLI::App app("", "hearth");
  app.set_version_flag("--version", "");
  declare_commands(app, session);
  CommandLine out;
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::Success&) {
    out.asks_for_help = true;
  } catch (const CLI::ParseError&) {
    // A wrong argument is told by the parse that counts; an option that must be given may still
    // come from a file.
  }
  const CLI::App* verb = parsed_verb(app);
  out.verb = path_of(*verb);
  for (const CLI::Option* option : long_options(*verb)) {
    if (option->count() > 0) out.flags.insert(option_name(*option));
  }
  out.config_file = session.config_file;
  return out;
}

CLI::App* find_verb(CLI::App& app, const std::vector<std::string>& names) {
  CLI::App* verb = &app;
  for (const std::string& name : names) {
    const auto found =
        verb->get_subcommands([&](CLI::App* sub) { return sub->get_name() == name; });
    if (found.empty()) return nullptr;
    verb = found.front();
  }
  return verb;
}

std::string option_name(const CLI::Option& option) {
  return option.get_lnames().empty() ? "" : "--" + option.get_lnames().front();
}

std::vector<const CLI::Option*> configurable_options(const CLI::App& verb) {
  std::vector<const CLI::Option*> options = long_options(verb);
  std::erase_if(options, [](const CLI::Option* option) { return !option->get_configurable(); });
  return options;
}

Status apply_values(CLI::App& verb, const std::vector<ConfiguredValue>& values,
                    const std::set<std::string>& flags, Session& session) {
  for (const ConfiguredValue& value : values) {
    if (flags.contains(value.option)) continue;
    const auto [group, option] = find_option(verb, value.option);
    CHECK(option != nullptr);
    if (is_excluded(*group, *option, flags)) continue;
    try {
      option->add_result(value.values);
      option->run_callback();
    } catch (const CLI::ParseError& e) {
      return error(Code::invalid, "{}: {}", value.origin.text(), excerpt(e.what(), 300));
    }
    session.configured.insert(value.option);
  }
  return Status::ok();
}

}  // namespace hearth::cli
