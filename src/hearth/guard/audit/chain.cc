// See chain.h.
#include "hearth/guard/audit/chain.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/base/sha256.h"

namespace hearth::audit {
namespace {

constexpr std::string_view kHashMember = ",\"hash\":\"";
constexpr std::string_view kEnd = "\"}";
constexpr size_t kTailBytes = kHashMember.size() + kHashDigits + kEnd.size();
constexpr int kDepthMax = 16;

std::string hash_of(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

// The hash that a line says of itself; corrupt: it doesn't end in one.
Result<std::string_view> stated_hash(std::string_view line) {
  if (line.size() > kTailBytes) {
    const std::string_view tail = line.substr(line.size() - kTailBytes);
    if (tail.starts_with(kHashMember) && tail.ends_with(kEnd)) {
      return tail.substr(kHashMember.size(), kHashDigits);
    }
  }
  return error(Code::corrupt, "expected a line that ends in its hash");
}

// A crash of the whole machine may leave the length of a file without its bytes.
bool is_blank(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '\0'; });
}

}  // namespace

Result<std::string> append_to_chain(const Json& event, Head& head) {
  CHECK(event.is_object());
  Json line = {{"seq", head.seq}, {"prev", head.hash}};
  line.update(event);
  std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.pop_back();  // the closing brace comes back behind the hash
  const std::string hash = hash_of(text);
  text += kHashMember;
  text += hash;
  text += kEnd;
  text += '\n';
  if (static_cast<int64_t>(text.size()) > kLineBytesMax) {
    return error(Code::invalid, "an event of {} bytes: expected at most {}", text.size(),
                 kLineBytesMax);
  }
  head = {head.seq + 1, hash};
  return text;
}

Result<Json> follow_chain(std::string_view line, Head& head) {
  if (static_cast<int64_t>(line.size()) >= kLineBytesMax) {
    return error(Code::corrupt, "a line of {} bytes: expected fewer than {}", line.size(),
                 kLineBytesMax);
  }
  TRY_ASSIGN(const std::string_view stated, stated_hash(line));
  const std::string hash = hash_of(line.substr(0, line.size() - kTailBytes));
  if (hash != stated) return error(Code::corrupt, "its hash is not that of its bytes");
  JsonLimits limits;
  limits.bytes_max = kLineBytesMax;
  limits.depth_max = kDepthMax;
  limits.refuse_duplicates = true;
  TRY_ASSIGN(Json event, parse_json(line, limits));
  TRY_ASSIGN(const int64_t seq, json_int(event, "seq", 0, int64_t{1} << 53));
  TRY_ASSIGN(const std::string prev, json_string(event, "prev"));
  if (!head.hash.empty()) {
    if (seq != head.seq) {
      return error(Code::corrupt, "expected event {}, found event {}", head.seq, seq);
    }
    if (prev != head.hash) return error(Code::corrupt, "it doesn't follow the event before it");
  }
  head = {seq + 1, hash};
  return event;
}

Walked walk_chain(std::string_view bytes, Head& head, const OnEvent& on_event) {
  Walked walked;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    if (end == bytes.npos || is_blank(bytes)) {
      walked.torn = static_cast<int64_t>(bytes.size());
      break;
    }
    Head after = head;
    auto event = follow_chain(bytes.substr(0, end), after);
    walked.status = event ? Status::ok() : std::move(event).status();
    if (event && on_event) walked.status = on_event(*event, {after.seq - 1, head.hash}, after);
    if (!walked.status.is_ok()) break;
    head = std::move(after);
    walked.bytes += static_cast<int64_t>(end) + 1;
    ++walked.lines;
    bytes.remove_prefix(end + 1);
  }
  return walked;
}

}  // namespace hearth::audit
