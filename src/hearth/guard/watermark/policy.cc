// See policy.h.
#include "hearth/guard/watermark/policy.h"

#include "hearth/base/check.h"
#include "hearth/files/outside_bytes.h"

namespace hearth::watermark {
namespace {

Result<Mode> mode_of(std::string_view name) {
  if (name == "off") return Mode::off;
  if (name == "on") return Mode::on;
  if (name == "require") return Mode::require;
  return error(Code::invalid, "--watermark: expected off, on or require, found {}", excerpt(name));
}

Result<Greedy> greedy_of(std::string_view name) {
  if (name == "bias") return Greedy::bias;
  if (name == "refuse") return Greedy::refuse;
  if (name == "leave") return Greedy::leave;
  return error(Code::invalid, "--watermark-greedy: expected bias, refuse or leave, found {}",
               excerpt(name));
}

}  // namespace

Result<Policy> Policy::open(const PolicySettings& settings) {
  Policy policy;
  TRY_ASSIGN(policy.mode_, mode_of(settings.mode));
  TRY_ASSIGN(policy.greedy_, greedy_of(settings.greedy));
  policy.thinking_ = settings.thinking;
  if (settings.key_file.empty()) {
    if (policy.mode_ == Mode::off) return policy;
    return error(Code::invalid,
                 "--watermark {}: expected --watermark-key-file (make one with "
                 "`hearth watermark key`)",
                 settings.mode);
  }
  if (policy.mode_ == Mode::require && policy.greedy_ == Greedy::leave) {
    return error(Code::invalid,
                 "--watermark require: --watermark-greedy leave would let unmarked "
                 "answers out");
  }
  TRY_ASSIGN(Keyring ring, Keyring::read(settings.key_file));
  policy.source_ = settings.source.empty() ? ring.sources()[0] : settings.source;
  if (!ring.has(policy.source_)) {
    return error(Code::invalid, "--watermark-source: expected a source of {}, found `{}`",
                 settings.key_file, excerpt(policy.source_));
  }
  policy.ring_ = std::make_shared<const Keyring>(std::move(ring));
  return policy;
}

// The most precise source that the file lists, since those are what a detector tries.
Result<std::optional<Mark>> Policy::mark(bool greedy, std::string_view adapter) const {
  if (mode_ == Mode::off) return std::optional<Mark>();
  if (greedy && greedy_ == Greedy::leave) return std::optional<Mark>();
  if (greedy && greedy_ == Greedy::refuse) {
    return error(Code::invalid,
                 "temperature 0: answers are watermarked here, and these can't be without changing "
                 "their text; ask with a temperature");
  }
  const std::string precise = fmt::format("{}:{}", source_, adapter);
  const bool has_own = !adapter.empty() && ring_->has(precise);
  return std::optional<Mark>(
      {ring_->derive(has_own ? precise : source_), kGreenBias, thinking_, mode_ == Mode::require});
}

}  // namespace hearth::watermark
