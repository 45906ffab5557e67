// See verify.h.
#include "hearth/guard/audit/verify.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "hearth/base/mapped_file.h"
#include "hearth/guard/audit/log_files.h"
#include "hearth/guard/audit/signing_key.h"

namespace hearth::audit {
namespace {

bool says(const Json& event, std::string_view key, std::string_view value) {
  const Json* const found = json_find(event, key);
  return found && found->is_string() && found->get_ref<const std::string&>() == value;
}

}  // namespace

void Verifier::reject(const std::string& name, int64_t line, std::string why) {
  out_.first_bad = BadLine{name, line, out_.head.seq, std::move(why)};
}

bool Verifier::read(std::string_view bytes, const std::string& name, bool last) {
  if (out_.events == 0) out_.head.hash.clear();
  const Walked walked = walk_chain(
      bytes, out_.head, [this](const Json& event, const Head& before, const Head& after) {
        return take(event, before, after);
      });
  if (!walked.status.is_ok()) {
    reject(name, walked.lines + 1, walked.status.message());
    return false;
  }
  out_.torn = walked.torn;
  if (walked.torn == 0 || last) return true;
  reject(name, walked.lines + 1, "the file ends inside a line");
  return false;
}

Status Verifier::take(const Json& event, const Head& before, const Head& after) {
  if (before.seq == 0 && !says(event, "prev", Head().hash)) {
    return error(Code::corrupt, "the first event follows another one");
  }
  if (says(event, "kind", "open")) {
    TRY_ASSIGN(log_key_, json_string_or(event, "public_key", ""));
  }
  if (says(event, "kind", "head")) TRY(check_head(event, before));
  if (out_.events == 0) out_.first_seq = before.seq;
  ++out_.events;
  if (options_.known && *options_.known == after) known_seen_ = true;
  if (options_.on_event) options_.on_event(event);
  return Status::ok();
}

Status Verifier::check_head(const Json& event, const Head& before) {
  TRY_ASSIGN(const std::string signature, json_string(event, "signature"));
  TRY_ASSIGN(const std::string prev, json_string(event, "prev"));
  // A key that the caller knows beats what the log says of itself.
  const std::string& key = options_.public_key.empty() ? log_key_ : options_.public_key;
  if (key.empty()) return Status::ok();  // its `open` line is no longer kept
  if (!verifies(key, head_text(before.seq, prev), signature)) {
    return error(Code::corrupt, "this head was not signed by the key {}", key);
  }
  ++out_.signed_heads;
  out_.signed_events = before.seq;
  out_.public_key = key;
  return Status::ok();
}

Verification Verifier::finish() {
  if (options_.known && !known_seen_ && !out_.first_bad) {
    reject("", 0,
           fmt::format("the chain does not run through event {} with the hash {}",
                       options_.known->seq - 1, options_.known->hash));
  }
  if (!options_.public_key.empty() && out_.signed_heads == 0 && !out_.first_bad) {
    reject("", 0, fmt::format("no head is signed by the key {}", options_.public_key));
  }
  return std::move(out_);
}

Result<Verification> verify_log(const std::string& path, const VerifyOptions& options) {
  TRY_ASSIGN(const LogFiles files, find_log_files(path));
  const std::vector<std::string> all = files.all(path);
  if (all.empty()) return error(Code::not_found, "{}: there is no such log", path);
  Verifier verifier(options);
  for (const std::string& name : all) {
    TRY_ASSIGN(const MappedFile file, MappedFile::open(name));
    const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()),
                                file.bytes().size());
    if (!verifier.read(text, name, &name == &all.back())) break;
  }
  return verifier.finish();
}

}  // namespace hearth::audit
