// See commands.h.
#include "hearth/cli/commands.h"

namespace hearth::cli {
namespace {

bool is_named(const CLI::App* app) {
  return !app->get_name().empty();
}

// On the verbs themselves, so that each one's --help has it.
void add_config_file(CLI::App& app, Session& session) {
  for (CLI::App* verb : app.get_subcommands(is_named)) add_config_file(*verb, session);
  if (app.get_option_no_throw("--config") != nullptr) return;
  app.add_option("--config", session.config_file,
                 "settings from this TOML file alone; else ./hearth.toml, the user's, the system's")
      ->configurable(false);
}

}  // namespace

void declare_commands(CLI::App& app, Session& session) {
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  add_run(app, session);
  add_generate(app, session);
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
  add_config(app, session);
  add_config_file(app, session);
}

}  // namespace hearth::cli
