// The head of a file of weights: what says which tensors lie where in the rest. How long it is
// shows in the file's beginning alone, so a reader of heads asks for a beginning, and for more
// where that was too short.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hearth::store {

// How many bytes from the start the file's reader looks at before any tensor, as far as a beginning
// of the file shows. More than that beginning has: ask again with so many, or with the whole file.
// What is no such file has a head, too: the bytes that show it.
int64_t safetensors_head_bytes(std::span<const std::byte> beginning);
// Here `file` has the length of the whole, with anything behind the beginning.
int64_t gguf_head_bytes(std::span<const std::byte> file);

// A safetensors head of any bytes, whole, filled up with spaces so that tensors lie aligned behind
// it: the reader copies those that don't, and whoever has heads alone has nothing to copy. What is
// no head, or would be one too long, stays as it is.
std::string aligned_safetensors_head(std::string head);

}  // namespace hearth::store
