// What the audit log's tests share: a folder of their own, and an event.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "hearth/guard/audit/audit_log.h"
#include "hearth/guard/audit/verify.h"

namespace hearth::audit::test {

class Folder {
 public:
  Folder() {
    std::string name = testing::TempDir() + "audit-XXXXXX";
    CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline Event event_of(const std::string& key_name, const std::string& user = "") {
  Event event;
  event.protocol = "http";
  event.method = "POST";
  event.route = "/v1/chat/completions";
  event.key_id = "0123456789abcdef";
  event.status = 200;
  event.model = "mini";
  event.model_hash = "aa";
  event.prompt_tokens = 7;
  event.completion_tokens = 9;
  event.personal_data = {{"EMAIL", 2}};
  event.personal_data_mode = "mask";
  event.key_name = key_name;
  event.user = user;
  event.request_id = "req-of-" + key_name;
  return event;
}

inline std::unique_ptr<AuditLog> open_log(LogOptions options,
                                          std::optional<SigningKey> key = std::nullopt) {
  auto log = AuditLog::open(std::move(options), std::move(key));
  EXPECT_TRUE(log.has_value()) << log.status().message();
  return log ? *std::move(log) : nullptr;
}

inline Verification verified(const std::string& path, const VerifyOptions& options = {}) {
  auto found = verify_log(path, options);
  EXPECT_TRUE(found.has_value()) << found.status().message();
  return found ? *found : Verification();
}

}  // namespace hearth::audit::test
