// For fuzz targets: a few steps through a grammar, each a token that the mask allows.
#pragma once

#include <string>
#include <utility>

#include "hearth/files/fuzz_tools.h"
#include "hearth/text/grammar/testing.h"

namespace hearth::grammar {

// The text drawn, if it is complete; "" else. A refusal is one line of UTF-8.
inline std::string walk_or_refusal(Result<Grammar> grammar, size_t seed) {
  const auto one_line = [](const Status& status) {
    check_message(status);
    return std::string();
  };
  if (!grammar) return one_line(grammar.status());
  StateLimits limits;
  limits.bytes_max = 4 << 20;
  limits.work_max = 100'000;
  const auto compiled = CompiledGrammar::compile(*std::move(grammar), small_vocabulary(), limits);
  if (!compiled) return one_line(compiled.status());
  std::mt19937_64 random(seed);
  const Drawn drawn = draw(*compiled, random, 30);
  CHECK(!drawn.stuck);
  return drawn.complete ? drawn.text : "";
}

}  // namespace hearth::grammar
