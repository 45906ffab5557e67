// SubjectKeys: one key for each person or caller that events speak of. What names them is sealed
// with their key (AES-256-GCM) before it enters the chain; erasing a subject destroys the key, and
// what was sealed is noise from then on, while the chain stays as it is and verifies.
//
// The file has one line of fixed length for each subject: {"subject":"SHA-256 of the name","id":
// "32 digits","key":"64 digits"}. Erasing overwrites the line in place with spaces, so that no old
// copy of the file is left behind; it may be done by another process while a server runs, which
// reads the line anew each time. Keep this file out of backups that outlive an erasure.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "hearth/base/status.h"
#include "hearth/guard/audit/open_file.h"

namespace hearth::audit {

inline constexpr int64_t kSubjectsMax = 1 << 18;

struct Sealed {
  std::string id;   // of the subject; says nothing without the file
  std::string box;  // base64: nonce, text, tag
};

// Thread-safe.
class SubjectKeys {
 public:
  // The log's writer makes the file where there is none, for its owner alone, and mends its last
  // line after a crash; readers find it as it is. corrupt: a line that is none of ours.
  enum class Use : uint8_t { writer, reader };
  static Result<std::unique_ptr<SubjectKeys>> open(const std::string& path, Use use);

  // With the subject's key, which is made (and on the disk) where it has none. busy: there are
  // kSubjectsMax already.
  Result<Sealed> seal(std::string_view subject, std::string_view text);
  // not_found: no such subject, or erased. corrupt: it was not sealed with this key.
  Result<std::string> unseal(const Sealed& sealed) const;
  // The id that it had. not_found: it has no key.
  Result<std::string> erase(std::string_view subject);
  // The id of a subject; not_found: it has no key.
  Result<std::string> id_of(std::string_view subject) const;

  int64_t size() const;  // subjects with a key

 private:
  struct Slot;
  explicit SubjectKeys(OpenFile file) : file_(std::move(file)) {}
  Status load(Use use);
  Status read_slot(int64_t at, Slot& out) const;
  Result<int64_t> find(std::string_view subject_hash) const;
  Status make(const std::string& subject_hash);
  void forget(int64_t at);

  OpenFile file_;
  mutable std::mutex mutex_;
  int64_t end_ = 0;  // slots of the file
  // Where a line stands, counted in lines.
  std::unordered_map<std::string, int64_t> by_subject_, by_id_;
};

}  // namespace hearth::audit
