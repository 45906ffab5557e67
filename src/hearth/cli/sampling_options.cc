// See sampling_options.h.
#include "hearth/cli/sampling_options.h"

namespace hearth::cli {

void SamplingOptions::declare(CLI::App& verb) {
  verb.add_option("--max-tokens", max_tokens, "longest answer, thought included; 0: the context")
      ->check(CLI::Range(0, 1 << 24));
  verb.add_option("--temperature", temperature, "0: always the most likely token")
      ->check(CLI::Range(0.0, 100.0));
  verb.add_option("--top-k", top_k, "only the k most likely tokens; 0: all")
      ->check(CLI::Range(0, 1 << 24));
  verb.add_option("--top-p", top_p, "only the most likely tokens up to this probability")
      ->check(CLI::Range(0.0, 1.0));
  verb.add_option("--min-p", min_p, "no token less likely than this share of the best")
      ->check(CLI::Range(0.0, 1.0));
  verb.add_option("--repetition-penalty", repetition_penalty, "1: none")
      ->check(CLI::Range(0.01, 100.0));
  verb.add_option("--frequency-penalty", frequency_penalty, "0: none")
      ->check(CLI::Range(-10.0, 10.0));
  verb.add_option("--presence-penalty", presence_penalty, "0: none")
      ->check(CLI::Range(-10.0, 10.0));
  verb.add_option("--seed", seed, "same seed, same text");
  verb.add_option("--thinking-budget", thought.tokens_max,
                  "longest thought in tokens: then it is closed, and the answer follows")
      ->check(CLI::Range(0, 1 << 24));
  verb.add_flag("--end-thought-loops", thought.end_loops, "close a thought that repeats itself");
  verb.add_option("--stop", stop, "end the answer before this text; may be given again")
      ->allow_extra_args(false);
}

}  // namespace hearth::cli
