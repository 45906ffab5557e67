// hearth config show: what the options of a command come out as, and who said so.
#include <nlohmann/json.hpp>

#include "hearth/cli/commands.h"
#include "hearth/cli/configuration.h"
#include "hearth/files/json.h"

namespace hearth::cli {
namespace {

struct Shown {
  std::string verb;  // "eval run"
  ConfiguredValue value;
};

CommandLine without_verb(const std::string& config_file) {
  CommandLine line;
  line.config_file = config_file;
  return line;
}

// Flags and defaults, too: of an app whose options remember their defaults.
Result<std::vector<Shown>> values_of_verb(const std::vector<std::string>& args,
                                          const CommandLine& line,
                                          const Configuration& configuration) {
  Session session;
  session.only_reads_arguments = true;
  CLI::App app("", "hearth");
  app.option_defaults()->always_capture_default();
  declare_commands(app, session);
  CLI::App* const verb = find_verb(app, line.verb);
  CHECK(verb != nullptr);
  const std::vector<ConfiguredValue> configured = configuration.values_for(*verb);
  TRY(apply_values(*verb, configured, line.flags, session));
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::RequiredError&) {
    // What must be given need not be, to be shown.
  } catch (const CLI::ParseError& e) {
    return error(Code::invalid, "{}", e.what());
  }
  std::vector<Shown> out;
  const std::string name = fmt::format("{}", fmt::join(line.verb, " "));
  for (const CLI::Option* option : configurable_options(*verb)) {
    ConfiguredValue value = {option_name(*option), option->results(), {}};
    if (line.flags.contains(value.option)) {
      value.origin.kind = Origin::Kind::flag;
    } else if (session.configured.contains(value.option)) {
      value = *std::find_if(configured.begin(), configured.end(),
                            [&](const ConfiguredValue& c) { return c.option == value.option; });
    } else if (!option->get_default_str().empty()) {
      value.values = {option->get_default_str()};
    }
    out.push_back({name, std::move(value)});
  }
  return out;
}

// What variables and files say, for all verbs below `app`.
void add_configured(const CLI::App& app, const std::string& name,
                    const Configuration& configuration, std::vector<Shown>& out) {
  const auto verbs =
      app.get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); });
  if (verbs.empty()) {
    for (ConfiguredValue& value : configuration.values_for(app)) {
      out.push_back({name, std::move(value)});
    }
  }
  for (const CLI::App* verb : verbs) {
    const std::string inner = name.empty() ? verb->get_name() : name + " " + verb->get_name();
    add_configured(*verb, inner, configuration, out);
  }
}

Json to_json(const Shown& shown) {
  const ConfiguredValue& value = shown.value;
  Json out = {{"command", shown.verb},
              {"key", value.option.substr(2)},
              {"value", value.values.empty()       ? Json()
                        : value.values.size() == 1 ? Json(value.values[0])
                                                   : Json(value.values)},
              {"origin", value.origin.text()}};
  if (value.origin.kind == Origin::Kind::variable) out["variable"] = value.origin.name;
  if (value.origin.kind == Origin::Kind::file) {
    out["file"] = value.origin.name;
    out["line"] = value.origin.line;
  }
  return out;
}

void print(const std::vector<Shown>& all, const Configuration& configuration, bool origin,
           const Session& session) {
  if (session.json) {
    Json out = {{"files", Json::array()}, {"values", Json::array()}};
    for (const SettingsFile& file : configuration.files()) out["files"].push_back(file.path);
    for (const Shown& shown : all) out["values"].push_back(to_json(shown));
    fmt::print("{}\n", out.dump(-1, ' ', false, Json::error_handler_t::replace));
    return;
  }
  std::string verb;
  for (const Shown& shown : all) {
    if (shown.verb != verb) fmt::print("[{}]\n", shown.verb);
    verb = shown.verb;
    std::string line =
        fmt::format("{} = {}", shown.value.option.substr(2), fmt::join(shown.value.values, ", "));
    if (origin) line = fmt::format("{:<40} # {}", line, shown.value.origin.text());
    fmt::print("{}\n", line);
  }
  if (all.empty()) {
    fmt::print(stderr, "{}\n",
               session.say("no variable and no file sets anything", "没有变量或文件设置任何选项"));
  }
}

Status show(const std::vector<std::string>& args, bool origin, const Session& session) {
  CommandLine line = args.empty() ? without_verb(session.config_file) : read_command_line(args);
  if (line.config_file.empty()) line.config_file = session.config_file;
  TRY_ASSIGN(const Configuration configuration, Configuration::read(line.config_file));
  Session unused;
  CLI::App app("", "hearth");
  declare_commands(app, unused);
  TRY(configuration.check(app));
  std::vector<Shown> all;
  if (args.empty()) {
    add_configured(app, "", configuration, all);
  } else {
    const CLI::App* const verb = find_verb(app, line.verb);
    if (line.verb.empty() || line.asks_for_help || verb->get_require_subcommand_min() > 0) {
      return error(Code::invalid, "expected a command and its flags, found `{}`",
                   fmt::join(args, " "));
    }
    TRY_ASSIGN(all, values_of_verb(args, line, configuration));
  }
  print(all, configuration, origin, session);
  return Status::ok();
}

}  // namespace

void add_config(CLI::App& app, Session& session) {
  CLI::App* group = app.add_subcommand(
      "config", std::string(session.say("Where the values of options come from", "选项值的来源")));
  group->require_subcommand(1);
  const std::string example = "hearth config show --origin\n  hearth config show serve --port 80";
  group->footer("Example:\n  " + example);
  auto origin = std::make_shared<bool>(false);
  auto verb = std::make_shared<CLI::App*>(nullptr);
  *verb = add_verb(
      *group, session, "show", "what variables and files set; with a command, each of its options",
      example, [origin, verb, &session] { return show((*verb)->remaining(), *origin, session); });
  (*verb)->add_flag("--origin", *origin, "who said so: flag, variable, file and line, default");
  (*verb)->allow_extras();
}

}  // namespace hearth::cli
