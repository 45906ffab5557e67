// hearth: runs, serves, tunes, measures and guards the DeepSeek-R1 family on hardware people own.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "hearth/cli/verb.h"

namespace {

bool prefers_chinese() {
  for (const char* name : {"HEARTH_LANG", "LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(name);
    if (value && *value) return std::strncmp(value, "zh", 2) == 0;
  }
  return false;
}

// Weights are read in place from mapped files. Where one loses its end under a running model, the
// kernel sends SIGBUS: said in one line, and no core file of somebody's conversation.
void say_that_a_file_shrank(int) {
  constexpr std::string_view kLine =
      "hearth: a file of the model was truncated or became unreadable while in use\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kLine.data(), kLine.size());
  ::_exit(hearth::cli::kExitFailed);
}

std::string own_path() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace hearth::cli;
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write(), not the end of us
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a limit on the size of files
  std::signal(SIGBUS, say_that_a_file_shrank);
  Session session;
  session.chinese = prefers_chinese();
  session.self = own_path();
  CLI::App app{
      std::string(session.say("DeepSeek-R1 on your own machine", "在自己的机器上运行 DeepSeek-R1")),
      "hearth"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "hearth " HEARTH_VERSION);
  app.get_formatter()->column_width(34);
  add_run(app, session);
  add_generate(app, session);
  add_pull(app, session);
  add_ls(app, session);
  add_show(app, session);
  add_verify(app, session);
  add_rm(app, session);
  add_eval(app, session);
  add_perplexity(app, session);
  add_doctor(app, session);
  add_plan(app, session);
  add_cost(app, session);
  add_serve(app, session);
  add_gateway(app, session);
  add_bench(app, session);
  add_quantize(app, session);
  add_merge(app, session);
  add_tune(app, session);
  add_imatrix(app, session);
  add_redact(app, session);
  add_watermark(app, session);
  add_detect(app, session);
  add_audit(app, session);
  add_tiny(app, session);
  add_inspect(app, session);
  add_tokenize(app, session);
  add_detokenize(app, session);
  add_render(app, session);
  add_logits(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? kExitOk : kExitUsage;
  }
  return session.exit;
}
