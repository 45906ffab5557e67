// What a server or a command marks, and what it refuses because it can't be marked: read once from
// the flags, asked for each answer. The engine is told how to draw and knows nothing of all this.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/guard/watermark/keyring.h"

namespace hearth::watermark {

// off: nothing is marked. on: all that can be. require: what can't be marked is refused, and what
// turns out too short to bear a mark is withheld.
enum class Mode : uint8_t { off, on, require };
// Answers at temperature 0, which leave nothing to chance. bias: green tokens are preferred, which
// changes the text. refuse: there are none. leave: they stay unmarked (not with `require`).
enum class Greedy : uint8_t { bias, refuse, leave };

struct PolicySettings {
  std::string mode = "off";     // off, on, require
  std::string key_file;         // needed unless `off`
  std::string source;           // "": the key file's first
  std::string greedy = "bias";  // bias, refuse, leave
  bool thinking = false;        // the thought is marked, too
};

// How one answer is marked.
struct Mark {
  SourceKeys keys;
  double green_bias = 0;  // added to the logits of green tokens, at temperature 0
  bool thinking = false;
  bool required = false;  // no answer goes out without a token that is drawn so
};

class Policy {
 public:
  static constexpr double kGreenBias = 2;

  Policy() = default;  // off
  // invalid: a mode without a key file, a source that the file doesn't list, `leave` with
  // `require`.
  static Result<Policy> open(const PolicySettings& settings);

  Mode mode() const { return mode_; }
  // Null: no key file was given.
  const std::shared_ptr<const Keyring>& ring() const { return ring_; }
  // nullopt: the answer stays unmarked. invalid: it is refused. `adapter`: "" for the bare model.
  Result<std::optional<Mark>> mark(bool greedy, std::string_view adapter) const;

 private:
  Mode mode_ = Mode::off;
  Greedy greedy_ = Greedy::bias;
  bool thinking_ = false;
  std::string source_;
  std::shared_ptr<const Keyring> ring_;
};

}  // namespace hearth::watermark
