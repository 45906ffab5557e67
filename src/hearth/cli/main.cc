// hearth: runs, serves, tunes, measures and guards the DeepSeek-R1 family on hardware people own.
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "hearth/cli/commands.h"
#include "hearth/cli/configuration.h"
#include "hearth/files/outside_bytes.h"

namespace hearth::cli {
namespace {

bool prefers_chinese() {
  for (const char* name : {"HEARTH_LANG", "LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(name);
    if (value && *value) return std::strncmp(value, "zh", 2) == 0;
  }
  return false;
}

// Weights are read in place from mapped files. Where one loses its end under a running model, the
// kernel sends SIGBUS: said in one line, whichever of the threads that read there comes first, and
// no core file of somebody's conversation.
void say_that_a_file_shrank(int) {
  static std::atomic_flag said;
  while (said.test_and_set()) ::pause();  // until the first ends the process
  constexpr std::string_view kLine =
      "hearth: a file of the model was truncated or became unreadable while in use\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kLine.data(), kLine.size());
  ::_exit(kExitFailed);
}

std::string own_path() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

// Values from variables and files, and the language that they choose, before the verb is parsed.
Status configure(CLI::App& app, const CommandLine& line, const Configuration& configuration,
                 Session& session) {
  TRY(configuration.check(app));
  CLI::App* const verb = find_verb(app, line.verb);
  CHECK(verb != nullptr);
  return apply_values(*verb, configuration.values_for(*verb), line.flags, session);
}

int fail(const CommandLine& line, const Status& status) {
  fmt::print(stderr, "hearth {}: {}\n", fmt::join(line.verb, " "), status.message());
  return exit_code(status);
}

// What CLI11 found wrong, in one line, and where the right form is told.
int fail(const CommandLine& line, const CLI::ParseError& e, const Session& session) {
  const std::string verb = fmt::format("{}", fmt::join(line.verb, " "));
  const std::string command = verb.empty() ? "hearth" : "hearth " + verb;
  fmt::print(stderr, "{}: {}; {} {} --help\n", command, excerpt(e.what(), 300),
             session.say("see", "参见"), command);
  return kExitUsage;
}

int run(const std::vector<std::string>& args) {
  const CommandLine line = read_command_line(args);
  const bool reads_configuration = !line.verb.empty() && !line.asks_for_help;
  auto configuration = reads_configuration ? Configuration::read(line.config_file)
                                           : Result<Configuration>(Configuration());
  if (!configuration) return fail(line, configuration.status());
  Session session;
  session.chinese = configuration->chinese(prefers_chinese());
  session.self = own_path();
  CLI::App app{
      std::string(session.say("DeepSeek-R1 on your own machine", "在自己的机器上运行 DeepSeek-R1")),
      "hearth"};
  app.set_version_flag("--version", "hearth " HEARTH_VERSION);
  declare_commands(app, session);
  if (reads_configuration) {
    const Status status = configure(app, line, *configuration, session);
    if (!status.is_ok()) return fail(line, status);
  }
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::Success& e) {
    return app.exit(e);  // --help, --version
  } catch (const CLI::ParseError& e) {
    return fail(line, e, session);
  }
  return session.exit;
}

}  // namespace
}  // namespace hearth::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write(), not the end of us
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a limit on the size of files
  std::signal(SIGBUS, hearth::cli::say_that_a_file_shrank);
  return hearth::cli::run({argv + std::min(argc, 1), argv + argc});
}
