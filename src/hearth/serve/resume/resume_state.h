// ResumeState: what a replica must know to go on with an answer that another one began, beside the
// request and the tokens. It travels as text in comments of the event stream, so that whoever
// carries it has nothing to parse:
//
//   : resume STATE              once, before the first piece
//   : tokens ,12,55 SIGNATURE   behind the pieces of these tokens; signs STATE and all ids so far
//
// and comes back as the line `STATE,12,55 SIGNATURE` before the body of the request.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/serve/generation_request.h"

struct evp_mac_ctx_st;  // OpenSSL's EVP_MAC_CTX

namespace hearth::serve {

inline constexpr int64_t kResumeKeyBytesMin = 32;
inline constexpr int64_t kResumedTokensMax = 1 << 20;  // ids of one answer

// HMAC-SHA256 over a text that grows: it can be signed at any length.
class Signer {
 public:
  explicit Signer(std::string_view key);
  Signer(const Signer& other);
  Signer& operator=(const Signer&) = delete;

  void add(std::string_view text);
  std::string signature() const;  // of all that was added, 64 lower-case digits

 private:
  struct Free {
    void operator()(evp_mac_ctx_st* context) const;
  };
  std::unique_ptr<evp_mac_ctx_st, Free> context_;
};

// The secret that replicas share: the bytes of a file, without a line's end at their end.
// invalid: fewer than 32 bytes.
Result<std::string> read_resume_key(const std::string& path);

struct ResumeState {
  Endpoint endpoint = Endpoint::chat;
  std::string numerics;  // all that tokens depend on beside the request: one id of 32 digits
  std::string adapter;   // hash of its weights; "": none
  std::string body;      // SHA-256 of the request's
  std::string prompt;    // SHA-256 of its token ids: a template may look at the date
  std::string label_id;  // of the metadata that says that a machine wrote it; "": none
  uint64_t seed = 0;     // that was drawn, or asked for
  int64_t created = 0;   // as all chunks say it

  std::string text() const;  // one word
  bool operator==(const ResumeState&) const = default;
};

struct ResumedAnswer {
  ResumeState state;
  std::vector<int32_t> tokens;
};

// A line as the head of this file has it, without its end. corrupt: it is no such line, or nobody
// who has the key wrote it.
Result<ResumedAnswer> read_resumed(std::string_view line, std::string_view key);

// The comments of one stream.
class ResumeMarks {
 public:
  // `tokens`: of the answer that is resumed.
  ResumeMarks(const ResumeState& state, std::span<const int32_t> tokens, std::string_view key);

  std::string opening() const;
  std::string tokens(std::span<const int32_t> ids);  // those that came since the last call

 private:
  const std::string state_;
  Signer signer_;
};

std::string hash_of_ids(std::span<const int32_t> ids);
std::string hash_of_text(std::string_view text);

}  // namespace hearth::serve
