// See subject_keys.h.
#include "hearth/guard/audit/subject_keys.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <vector>

#include "hearth/base/hex.h"
#include "hearth/base/sha256.h"

namespace hearth::audit {
namespace {

constexpr size_t kIdDigits = 32;
constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr std::string_view kBeforeSubject = "{\"subject\":\"";
constexpr std::string_view kBeforeId = "\",\"id\":\"";
constexpr std::string_view kBeforeKey = "\",\"key\":\"";
constexpr std::string_view kAfterKey = "\"}\n";
constexpr size_t kSubjectAt = kBeforeSubject.size();
constexpr size_t kIdAt = kSubjectAt + 64 + kBeforeId.size();
constexpr size_t kKeyAt = kIdAt + kIdDigits + kBeforeKey.size();
constexpr size_t kSlotBytes = kKeyAt + 2 * kKeyBytes + kAfterKey.size();

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;
using Key = std::vector<unsigned char>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string blank_slot() {
  return std::string(kSlotBytes - 1, ' ') + '\n';
}

std::string subject_hash(std::string_view subject) {
  Sha256 hash;
  hash.update(subject);
  return hash.hex();
}

std::string base64(const std::string& bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

// nullopt: it is none.
std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > (size_t{1} << 30)) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<size_t>(size) - padding);
  return out;
}

// The subject's id goes into the tag: a box can't be moved to another subject.
std::string encrypt(const Key& key, std::string_view id, std::string_view text) {
  std::string box(kNonceBytes + text.size() + kTagBytes, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(box.data());
  CHECK_EQ(RAND_bytes(out, kNonceBytes), 1);
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  CHECK(cipher != nullptr);
  int done = 0;
  CHECK_EQ(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), out), 1);
  CHECK_EQ(
      EVP_EncryptUpdate(cipher.get(), nullptr, &done, bytes_of(id), static_cast<int>(id.size())),
      1);
  CHECK_EQ(EVP_EncryptUpdate(cipher.get(), out + kNonceBytes, &done, bytes_of(text),
                             static_cast<int>(text.size())),
           1);
  CHECK_EQ(EVP_EncryptFinal_ex(cipher.get(), out + kNonceBytes + done, &done), 1);
  CHECK_EQ(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                               out + kNonceBytes + text.size()),
           1);
  return box;
}

std::optional<std::string> decrypt(const Key& key, std::string_view id, std::string box) {
  if (box.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const size_t size = box.size() - kNonceBytes - kTagBytes;
  auto* const bytes = reinterpret_cast<unsigned char*>(box.data());
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  CHECK(cipher != nullptr);
  std::string text(size + 1, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(text.data());
  int done = 0;
  CHECK_EQ(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), bytes), 1);
  CHECK_EQ(
      EVP_DecryptUpdate(cipher.get(), nullptr, &done, bytes_of(id), static_cast<int>(id.size())),
      1);
  CHECK_EQ(EVP_DecryptUpdate(cipher.get(), out, &done, bytes + kNonceBytes, static_cast<int>(size)),
           1);
  CHECK_EQ(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes,
                               bytes + kNonceBytes + size),
           1);
  if (EVP_DecryptFinal_ex(cipher.get(), out + done, &done) != 1) return std::nullopt;
  text.resize(size);
  return text;
}

}  // namespace

// A line of the file; without a key (`key` is empty) it is blank.
struct SubjectKeys::Slot {
  Slot() = default;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { OPENSSL_cleanse(key.data(), key.size()); }

  std::string subject, id;
  Key key;
};

Result<std::unique_ptr<SubjectKeys>> SubjectKeys::open(const std::string& path, Use use) {
  TRY_ASSIGN(OpenFile file, OpenFile::open(path, use == Use::writer ? O_RDWR | O_CREAT : O_RDWR));
  std::unique_ptr<SubjectKeys> keys(new SubjectKeys(std::move(file)));
  TRY(keys->load(use));
  return keys;
}

Status SubjectKeys::load(Use use) {
  TRY_ASSIGN(const int64_t size, file_.size());
  const auto slot_bytes = static_cast<int64_t>(kSlotBytes);
  if (size > kSubjectsMax * 2 * slot_bytes) {
    return error(Code::corrupt, "{}: {} bytes are too many for keys", file_.path(), size);
  }
  // A line that a crash cut short sealed nothing: its key is flushed before it is used.
  end_ = size / slot_bytes;
  if (use == Use::writer && size % slot_bytes != 0) {
    TRY(file_.write_at(end_ * slot_bytes, blank_slot()));
    ++end_;
  }
  for (int64_t at = 0; at < end_; ++at) {
    Slot slot;
    TRY(read_slot(at, slot));
    if (slot.key.empty()) continue;
    by_subject_[slot.subject] = at;
    by_id_[slot.id] = at;
  }
  return Status::ok();
}

Status SubjectKeys::read_slot(int64_t at, Slot& out) const {
  std::array<char, kSlotBytes> bytes;
  TRY(file_.read_at(at * static_cast<int64_t>(kSlotBytes), bytes.data(), bytes.size()));
  const std::string_view text(bytes.data(), bytes.size());
  const bool blank =
      std::ranges::all_of(text.substr(0, kSlotBytes - 1), [](char c) { return c == ' '; });
  if (blank) return Status::ok();
  out.subject = text.substr(kSubjectAt, 64);
  out.id = text.substr(kIdAt, kIdDigits);
  const auto key = bytes_of_hex(text.substr(kKeyAt, 2 * kKeyBytes));
  OPENSSL_cleanse(bytes.data() + kKeyAt, 2 * kKeyBytes);
  if (!text.starts_with(kBeforeSubject) || !text.ends_with(kAfterKey) || !key) {
    return error(Code::corrupt, "{}: line {} is no key of a subject", file_.path(), at + 1);
  }
  out.key = *key;
  return Status::ok();
}

// Where the line of a subject is, as the file stands now.
Result<int64_t> SubjectKeys::find(std::string_view hash) const {
  const auto found = by_subject_.find(std::string(hash));
  if (found == by_subject_.end()) return error(Code::not_found, "this subject has no key");
  return found->second;
}

void SubjectKeys::forget(int64_t at) {
  std::erase_if(by_subject_, [at](const auto& entry) { return entry.second == at; });
  std::erase_if(by_id_, [at](const auto& entry) { return entry.second == at; });
}

Status SubjectKeys::make(const std::string& hash) {
  if (static_cast<int64_t>(by_subject_.size()) >= kSubjectsMax) {
    return error(Code::busy, "{}: there are {} subjects, no more are taken", file_.path(),
                 kSubjectsMax);
  }
  const std::string id = random_hex(kIdDigits / 2);
  std::string key = random_hex(kKeyBytes);
  std::string line = fmt::format("{}{}{}{}{}{}{}", kBeforeSubject, hash, kBeforeId, id, kBeforeKey,
                                 key, kAfterKey);
  CHECK_EQ(line.size(), kSlotBytes);
  Status status = file_.write_at(end_ * static_cast<int64_t>(kSlotBytes), line);
  if (status.is_ok()) status = file_.sync();
  OPENSSL_cleanse(key.data(), key.size());
  OPENSSL_cleanse(line.data(), line.size());
  TRY(std::move(status));
  by_subject_[hash] = end_;
  by_id_[id] = end_;
  ++end_;
  return Status::ok();
}

Result<Sealed> SubjectKeys::seal(std::string_view subject, std::string_view text) {
  const std::string hash = subject_hash(subject);
  std::lock_guard lock(mutex_);
  if (const auto at = find(hash)) {
    Slot slot;
    TRY(read_slot(*at, slot));
    if (slot.subject == hash) return Sealed{slot.id, base64(encrypt(slot.key, slot.id, text))};
    forget(*at);  // erased by another process: what comes now is a new subject
  }
  TRY(make(hash));
  Slot slot;
  TRY(read_slot(by_subject_.at(hash), slot));
  return Sealed{slot.id, base64(encrypt(slot.key, slot.id, text))};
}

Result<std::string> SubjectKeys::unseal(const Sealed& sealed) const {
  std::lock_guard lock(mutex_);
  const auto found = by_id_.find(sealed.id);
  if (found == by_id_.end()) return error(Code::not_found, "this subject has no key");
  Slot slot;
  TRY(read_slot(found->second, slot));
  if (slot.id != sealed.id) return error(Code::not_found, "this subject has no key");
  auto box = from_base64(sealed.box);
  auto text = box ? decrypt(slot.key, slot.id, *std::move(box)) : std::nullopt;
  if (!text) return error(Code::corrupt, "it was not sealed with this subject's key");
  return *std::move(text);
}

Result<std::string> SubjectKeys::id_of(std::string_view subject) const {
  const std::string hash = subject_hash(subject);
  std::lock_guard lock(mutex_);
  TRY_ASSIGN(const int64_t at, find(hash));
  Slot slot;
  TRY(read_slot(at, slot));
  if (slot.subject != hash) return error(Code::not_found, "this subject has no key");
  return slot.id;
}

Result<std::string> SubjectKeys::erase(std::string_view subject) {
  TRY_ASSIGN(std::string id, id_of(subject));
  std::lock_guard lock(mutex_);
  TRY_ASSIGN(const int64_t at, find(subject_hash(subject)));
  TRY(file_.write_at(at * static_cast<int64_t>(kSlotBytes), blank_slot()));
  TRY(file_.sync());
  forget(at);
  return id;
}

int64_t SubjectKeys::size() const {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(by_subject_.size());
}

}  // namespace hearth::audit
