// The chain: one line of JSON an event, each naming the hash of the line before it, so that no line
// can be changed, dropped or put in without changing all that follow.
//
//   {"seq":7,"prev":"64 digits","kind":"request",...,"hash":"64 digits"}\n
//
// `hash` is the SHA-256 of the line's bytes up to `,"hash":`, which hold the hash before; `prev` of
// the first event is 64 zeros. What is hashed is text, not JSON: a reader needs no canonical form.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "hearth/base/status.h"
#include "hearth/files/json.h"

namespace hearth::audit {

inline constexpr int64_t kLineBytesMax = 1 << 20;  // with its newline
inline constexpr size_t kHashDigits = 64;

// Where a chain stands: what the next line must say.
struct Head {
  int64_t seq = 0;  // of the next event
  std::string hash = std::string(kHashDigits, '0');

  bool operator==(const Head&) const = default;
};

// The line of `event` (an object without seq, prev and hash), newline and all; moves `head` past
// it. invalid: it is longer than a line may be; `head` stays.
Result<std::string> append_to_chain(const Json& event, Head& head);

// Checks that `line` (without newline) is the next one of the chain, moves `head` past it and gives
// its JSON. corrupt: what is wrong with it; `head` stays. A head whose hash is "" takes any line as
// the first: an older part of the chain is no longer kept.
Result<Json> follow_chain(std::string_view line, Head& head);

// How far bytes from the front of a log file are whole lines of its chain.
struct Walked {
  int64_t bytes = 0;  // of the whole lines
  int64_t lines = 0;
  Status status;     // of the first line that is wrong, if one is
  int64_t torn = 0;  // bytes behind the last newline: a line that was being written
};
// Moves `head` past the lines that are right. `on_event`: of each, from `before` to `after`; its
// error makes the line wrong.
using OnEvent = std::function<Status(const Json& event, const Head& before, const Head& after)>;
Walked walk_chain(std::string_view bytes, Head& head, const OnEvent& on_event = {});

}  // namespace hearth::audit
