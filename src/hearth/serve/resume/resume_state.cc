// See resume_state.h.
#include "hearth/serve/resume/resume_state.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <charconv>

#include "hearth/base/hex.h"
#include "hearth/base/mapped_file.h"
#include "hearth/base/sha256.h"

namespace hearth::serve {
namespace {

constexpr std::string_view kVersion = "1";
constexpr int64_t kKeyBytesMax = 4096;
constexpr size_t kNumericsDigits = 32;
constexpr size_t kHashDigits = 64;
constexpr size_t kLabelDigits = 24;
constexpr size_t kFields = 9;

Status no_state(std::string_view why) {
  return error(Code::corrupt, "resumed answer: {}", why);
}

bool is_hex(std::string_view text, size_t digits) {
  return text.size() == digits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "-" stands for nothing.
bool read_hex(std::string_view text, size_t digits, bool may_lack, std::string& out) {
  if (may_lack && text == "-") return true;
  out = text;
  return is_hex(text, digits);
}

template <typename Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failure == std::errc() && end == text.data() + text.size();
}

std::string_view or_dash(const std::string& text) {
  return text.empty() ? std::string_view("-") : std::string_view(text);
}

// "1.chat.NUMERICS.ADAPTER.BODY.PROMPT.LABEL.SEED.CREATED"
bool read_state(std::string_view text, ResumeState& out) {
  std::array<std::string_view, kFields> fields;
  for (size_t i = 0; i < kFields; ++i) {
    const size_t dot = text.find('.');
    if ((dot == text.npos) != (i + 1 == kFields)) return false;
    fields[i] = text.substr(0, dot);
    text.remove_prefix(dot == text.npos ? text.size() : dot + 1);
  }
  const auto& [version, endpoint, numerics, adapter, body, prompt, label, seed, created] = fields;
  if (version != kVersion || (endpoint != "chat" && endpoint != "completion")) return false;
  out.endpoint = endpoint == "chat" ? Endpoint::chat : Endpoint::completion;
  return read_hex(numerics, kNumericsDigits, false, out.numerics) &&
         read_hex(adapter, kHashDigits, true, out.adapter) &&
         read_hex(body, kHashDigits, false, out.body) &&
         read_hex(prompt, kHashDigits, false, out.prompt) &&
         read_hex(label, kLabelDigits, true, out.label_id) && read_number(seed, out.seed) &&
         read_number(created, out.created);
}

// ",12,55"
bool read_ids(std::string_view text, std::vector<int32_t>& out) {
  while (!text.empty()) {
    if (text[0] != ',' || static_cast<int64_t>(out.size()) >= kResumedTokensMax) return false;
    const size_t end = std::min(text.find(',', 1), text.size());
    int32_t id = 0;
    if (!read_number(text.substr(1, end - 1), id) || id < 0) return false;
    out.push_back(id);
    text.remove_prefix(end);
  }
  return true;
}

std::string ids_text(std::span<const int32_t> ids) {
  std::string out;
  for (const int32_t id : ids) out += fmt::format(",{}", id);
  return out;
}

}  // namespace

void Signer::Free::operator()(evp_mac_ctx_st* context) const {
  EVP_MAC_CTX_free(context);
}

Signer::Signer(std::string_view key) {
  EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  CHECK(mac != nullptr);
  context_.reset(EVP_MAC_CTX_new(mac));
  EVP_MAC_free(mac);  // the context holds it
  CHECK(context_ != nullptr);
  char digest[] = "SHA256";
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  CHECK_EQ(EVP_MAC_init(context_.get(), reinterpret_cast<const unsigned char*>(key.data()),
                        key.size(), parameters.data()),
           1);
}

Signer::Signer(const Signer& other) : context_(EVP_MAC_CTX_dup(other.context_.get())) {
  CHECK(context_ != nullptr);
}

void Signer::add(std::string_view text) {
  CHECK_EQ(EVP_MAC_update(context_.get(), reinterpret_cast<const unsigned char*>(text.data()),
                          text.size()),
           1);
}

std::string Signer::signature() const {
  const Signer end(*this);
  std::array<unsigned char, 32> bytes{};
  size_t size = 0;
  CHECK_EQ(EVP_MAC_final(end.context_.get(), bytes.data(), &size, bytes.size()), 1);
  CHECK_EQ(size, bytes.size());
  return hex_of(bytes);
}

Result<std::string> read_resume_key(const std::string& path) {
  TRY_ASSIGN(std::string key, read_file(path, kKeyBytesMax));
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) key.pop_back();
  if (static_cast<int64_t>(key.size()) >= kResumeKeyBytesMin) return key;
  return error(Code::invalid, "{}: expected a secret of at least {} bytes, found {}", path,
               kResumeKeyBytesMin, key.size());
}

std::string ResumeState::text() const {
  return fmt::format("{}.{}.{}.{}.{}.{}.{}.{}.{}", kVersion,
                     endpoint == Endpoint::chat ? "chat" : "completion", numerics, or_dash(adapter),
                     body, prompt, or_dash(label_id), seed, created);
}

Result<ResumedAnswer> read_resumed(std::string_view line, std::string_view key) {
  const size_t space = line.rfind(' ');
  if (space == line.npos) return no_state("expected a state and its signature");
  const std::string_view text = line.substr(0, space);
  const std::string_view signature = line.substr(space + 1);
  Signer signer(key);
  signer.add(text);
  const std::string right = signer.signature();
  if (signature.size() != right.size() ||
      CRYPTO_memcmp(signature.data(), right.data(), right.size()) != 0) {
    return no_state("the signature is not that of our --resume-key");
  }
  ResumedAnswer out;
  const size_t comma = std::min(text.find(','), text.size());
  if (read_state(text.substr(0, comma), out.state) && read_ids(text.substr(comma), out.tokens)) {
    return out;
  }
  return no_state("it is of another version of hearth");
}

ResumeMarks::ResumeMarks(const ResumeState& state, std::span<const int32_t> tokens,
                         std::string_view key)
    : state_(state.text()), signer_(key) {
  signer_.add(state_);
  signer_.add(ids_text(tokens));
}

std::string ResumeMarks::opening() const {
  return fmt::format(": resume {}\n\n", state_);
}

std::string ResumeMarks::tokens(std::span<const int32_t> ids) {
  const std::string text = ids_text(ids);
  signer_.add(text);
  return fmt::format(": tokens {} {}\n\n", text, signer_.signature());
}

std::string hash_of_ids(std::span<const int32_t> ids) {
  Sha256 hash;
  hash.update(std::as_bytes(ids));
  return hash.hex();
}

std::string hash_of_text(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

}  // namespace hearth::serve
