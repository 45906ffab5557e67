// Batch: one step of the engine as a plain value. Rows of several sequences, prompt chunks and
// generated tokens mixed, each row one token. It is passed along and never stored globally.
#pragma once

#include <cstdint>
#include <vector>

namespace hearth {

// Where two ways of computing differ in rounding (MLA: expanded keys for prompts, absorbed weights
// for generated tokens), the role of the token chooses, never the shape of the batch. A prompt fed
// whole, in chunks or token by token therefore gives the same bits.
enum class Role : uint8_t { prompt, generated };

inline constexpr int64_t kKvBlockTokens = 64;  // tokens in one block of the KV cache

// Consecutive rows of one sequence. The row i of these has position `start + i`; positions
// [0, start) are in the cache already.
struct SequenceRows {
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t start = 0;
  Role role = Role::prompt;
  std::vector<int32_t> blocks;  // KV block of positions [64 i, 64 i + 64); covers start + rows
  uint64_t adapter = 0;         // id of the adapter of these rows; 0: the bare model

  int64_t end() const { return start + rows; }
};

struct Batch {
  std::vector<int32_t> tokens;  // [rows]
  std::vector<SequenceRows> sequences;
  std::vector<int64_t> logits_rows;  // rows whose logits are wanted, ascending
  std::vector<int64_t> hidden_rows;  // rows whose last hidden states are wanted, ascending

  int64_t rows() const { return static_cast<int64_t>(tokens.size()); }
};

}  // namespace hearth
