// What a user may say about a network that its files do not, and what of it is wanted.
#pragma once

#include <cstdint>
#include <optional>

namespace hearth {

// The router's limits: of n_group groups of experts the topk_group best are searched.
struct ExpertGroups {
  int64_t n_group = 1;
  int64_t topk_group = 1;
};

struct ModelHints {
  // For GGUF files made before `expert_group_count` existed, of a shape that is none of the
  // published models'. A file that has the key is believed.
  std::optional<ExpertGroups> expert_groups;
  // The layer for multi-token prediction, where the files have one: it costs memory and only
  // guesses. See Model::has_mtp.
  bool mtp = false;
};

}  // namespace hearth
