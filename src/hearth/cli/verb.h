// What every command of the `hearth` binary shares: flags, languages, output, exit codes.
//
// A verb is one file with one function `void add_<verb>(CLI::App& app, Session& session)`, listed
// in main.cc. It declares its flags and, when chosen, sets session.exit by what its work returns.
// Exit codes: 0 done, 1 the work failed, 2 bad input or usage, 130 interrupted.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;

struct Session {
  bool json = false;     // one JSON object on stdout, everything else on stderr
  bool chinese = false;  // messages in Chinese: --lang zh, or LC_ALL/LC_MESSAGES/LANG of the user
  std::string self;      // path of the binary: bundled files lie relative to it
  int exit = kExitOk;
  std::string config_file;            // --config
  std::set<std::string> configured;   // options that a variable or a file gave: "--model"
  bool only_reads_arguments = false;  // no verb does its work

  // The text in the user's language.
  std::string_view say(std::string_view english, std::string_view chinese_text) const {
    return chinese ? chinese_text : english;
  }
};

// Declares `name` with a one-line description and an example, and runs `work` when it is chosen.
// A failed Status is printed as one line on stderr, "hearth NAME: message" with the groups that
// the verb stands in before NAME, and decides the exit code.
CLI::App* add_verb(CLI::App& app, Session& session, const std::string& name,
                   const std::string& description, const std::string& example,
                   std::function<Status()> work);

// An option that takes token ids separated by commas, at least one.
CLI::Option* add_ids(CLI::App& app, const std::string& name, std::vector<int32_t>& ids);

// --lang en|zh: messages of this command in that language, whatever the locale says.
void add_language(CLI::App& app, Session& session);

// The first of these options that was typed; nullptr: none. A file of settings may give them to all
// commands; who types one expects it to count.
const char* typed_option(std::initializer_list<const char*> names, const CLI::App& verb,
                         const Session& session);

int exit_code(const Status& status);

// Whether a person watches standard error: progress bars and dimmed text only then.
bool stderr_is_terminal();
bool stdout_is_terminal();
bool colour_allowed();  // a terminal, and NO_COLOR is not set

// The list of verbs.
void add_audit(CLI::App& app, Session& session);
void add_bench(CLI::App& app, Session& session);
void add_config(CLI::App& app, Session& session);
void add_cost(CLI::App& app, Session& session);
void add_detect(CLI::App& app, Session& session);
void add_detokenize(CLI::App& app, Session& session);
void add_doctor(CLI::App& app, Session& session);
void add_eval(CLI::App& app, Session& session);
void add_gateway(CLI::App& app, Session& session);
void add_generate(CLI::App& app, Session& session);
void add_imatrix(CLI::App& app, Session& session);
void add_inspect(CLI::App& app, Session& session);
void add_logits(CLI::App& app, Session& session);
void add_ls(CLI::App& app, Session& session);
void add_perplexity(CLI::App& app, Session& session);
void add_plan(CLI::App& app, Session& session);
void add_quantize(CLI::App& app, Session& session);
void add_merge(CLI::App& app, Session& session);
void add_pull(CLI::App& app, Session& session);
void add_redact(CLI::App& app, Session& session);
void add_render(CLI::App& app, Session& session);
void add_rm(CLI::App& app, Session& session);
void add_run(CLI::App& app, Session& session);
void add_serve(CLI::App& app, Session& session);
void add_show(CLI::App& app, Session& session);
void add_tiny(CLI::App& app, Session& session);
void add_tokenize(CLI::App& app, Session& session);
void add_tune(CLI::App& app, Session& session);
void add_verify(CLI::App& app, Session& session);
void add_watermark(CLI::App& app, Session& session);

}  // namespace hearth::cli
