// Reading an audit log: every line of its files in order, each checked against the chain, heads
// against their signature.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/status.h"
#include "hearth/files/json.h"
#include "hearth/guard/audit/chain.h"

namespace hearth::audit {

struct BadLine {
  std::string file;
  int64_t line = 0;  // from 1
  int64_t seq = 0;   // of the event that should stand there
  std::string why;
};

struct Verification {
  int64_t events = 0;     // lines that follow each other, heads among them
  int64_t first_seq = 0;  // of the oldest line that is kept
  Head head;              // behind the last good line
  std::optional<BadLine> first_bad;
  int64_t torn = 0;  // bytes of a last line that a crash cut short, or is being written
  int64_t signed_heads = 0;
  int64_t signed_events = 0;  // up to the last head
  std::string public_key;     // that signed the last one; "": none is signed

  bool ok() const { return !first_bad; }
};

struct VerifyOptions {
  std::string public_key;     // must have signed a head; "": whichever the log names
  std::optional<Head> known;  // of an earlier look: the chain must run through it
  // Told of each good line.
  std::function<void(const Json& event)> on_event;
};

// The files of the log at `path`. not_found: there are none.
Result<Verification> verify_log(const std::string& path, const VerifyOptions& options = {});

// The same for the bytes of one file; false: a line is wrong, and the rest was not looked at.
class Verifier {
 public:
  explicit Verifier(const VerifyOptions& options) : options_(options) {}
  // `last`: it may end in a torn line.
  bool read(std::string_view bytes, const std::string& name, bool last);
  // After the last file: whether the chain ran through what was known before, and the caller's key
  // signed any of it.
  Verification finish();

 private:
  Status take(const Json& event, const Head& before, const Head& after);
  Status check_head(const Json& event, const Head& before);
  void reject(const std::string& name, int64_t line, std::string why);

  const VerifyOptions& options_;
  Verification out_;
  std::string log_key_;  // that the log names
  bool known_seen_ = false;
};

}  // namespace hearth::audit
