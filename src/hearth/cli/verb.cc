// See verb.h.
#include "hearth/cli/verb.h"

#include <unistd.h>

#include <charconv>
#include <cstdlib>

namespace hearth::cli {

const char* typed_option(std::initializer_list<const char*> names, const CLI::App& verb,
                         const Session& session) {
  for (const char* name : names) {
    const CLI::Option* const option = verb.get_option_no_throw(name);
    const bool typed = option != nullptr && option->count() > 0;
    if (typed && !session.configured.contains(name)) return name;
  }
  return nullptr;
}

int exit_code(const Status& status) {
  switch (status.code()) {
    case Code::ok:
      return kExitOk;
    case Code::cancelled:
      return kExitInterrupted;
    case Code::internal:
    case Code::busy:
      return kExitFailed;
    default:
      return kExitUsage;  // what the user gave (path, file, flag, size) was wrong
  }
}

namespace {

// As it is typed: "hearth eval compare", the groups before the verb.
std::string full_name(const CLI::App& verb) {
  const CLI::App* const group = verb.get_parent();
  return group ? fmt::format("{} {}", full_name(*group), verb.get_name()) : verb.get_name();
}

}  // namespace

CLI::App* add_verb(CLI::App& app, Session& session, const std::string& name,
                   const std::string& description, const std::string& example,
                   std::function<Status()> work) {
  CLI::App* verb = app.add_subcommand(name, description);
  verb->footer("Example:\n  " + example);
  verb->add_flag("--json", session.json, "one JSON object on standard output");
  verb->callback([&session, verb, work = std::move(work)] {
    if (session.only_reads_arguments) return;
    const Status status = work();
    if (!status.is_ok()) fmt::print(stderr, "{}: {}\n", full_name(*verb), status.message());
    session.exit = exit_code(status);
  });
  return verb;
}

CLI::Option* add_ids(CLI::App& app, const std::string& name, std::vector<int32_t>& ids) {
  // Not CLI11's own lists: those drop what is empty and so accept `1,,2`.
  const auto read = [name, &ids](const std::string& text) {
    const char* const end = text.data() + text.size();
    for (const char* at = text.data();; ++at) {
      int32_t id = 0;
      const auto [stop, failure] = std::from_chars(at, end, id);
      if (failure != std::errc() || (stop != end && *stop != ',')) {
        throw CLI::ValidationError(name, "expected ids separated by commas, found `" + text + "`");
      }
      ids.push_back(id);
      if (stop == end) return;
      at = stop;
    }
  };
  return app.add_option_function<std::string>(name, read, "token ids, separated by commas")
      ->type_name("ID,...");
}

void add_language(CLI::App& app, Session& session) {
  const auto choose = [&session](const std::string& name) { session.chinese = name == "zh"; };
  app.add_option_function<std::string>("--lang", choose, "en or zh; else as the locale says")
      ->check(CLI::IsMember({"en", "zh"}));
}

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}
bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}

bool colour_allowed() {
  const char* no_color = std::getenv("NO_COLOR");
  return stdout_is_terminal() && (no_color == nullptr || *no_color == '\0');
}

}  // namespace hearth::cli
