// See watermark_options.h.
#include "hearth/cli/watermark_options.h"

#include <filesystem>

namespace hearth::cli {

void WatermarkOptions::declare(CLI::App& verb) {
  verb.add_option(
          "--watermark", mode,
          "mark answers so that `detect` knows them: off, on, or require, which refuses what "
          "can't be marked")
      ->check(CLI::IsMember({"off", "on", "require"}))
      ->capture_default_str();
  verb.add_option("--watermark-key-file", key_file, "the key; `hearth watermark key` makes one");
  verb.add_option("--watermark-source", source,
                  "whose answers they are: a source of the key file, else its first");
  verb.add_option("--watermark-greedy", greedy,
                  "answers at temperature 0: bias changes their text, refuse, or leave unmarked")
      ->check(CLI::IsMember({"bias", "refuse", "leave"}))
      ->capture_default_str();
  verb.add_flag("--watermark-thinking", thinking, "mark the thought, too");
}

Result<std::optional<watermark::Mark>> mark_of(const WatermarkOptions& options,
                                               const SamplingParams& sampling,
                                               const std::string& adapter) {
  TRY_ASSIGN(const watermark::Policy policy, watermark::Policy::open(options));
  // The name of a file or folder, which may be given with a slash behind it.
  const std::filesystem::path path = (std::filesystem::path(adapter) / "").parent_path();
  return policy.mark(sampling.temperature == 0, path.stem().string());
}

}  // namespace hearth::cli
