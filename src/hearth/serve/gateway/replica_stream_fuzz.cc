// Any bytes as a replica's stream, in pieces of any size: the client gets the same bytes, what it
// gets are whole events, and a change of the replica never gives back what was shown.
#include <cstddef>
#include <cstdint>
#include <string>

#include "hearth/base/check.h"
#include "hearth/serve/gateway/replica_stream.h"

namespace hearth::serve {
namespace {

// What was shown before the first error.
std::string read_in_pieces(std::string_view bytes, size_t piece) {
  ReplicaStream stream;
  std::string out;
  while (!bytes.empty()) {
    const size_t size = std::min(piece, bytes.size());
    const bool was_shown = stream.shown();
    const size_t before = out.size();
    if (!stream.push(bytes.substr(0, size), out).is_ok()) break;
    CHECK(stream.shown() || !was_shown);
    CHECK(out.size() == before || out.ends_with("\n\n"));
    bytes.remove_prefix(size);
  }
  if (stream.can_change() && stream.shown()) {
    const auto line = stream.resume_line();
    CHECK(line.has_value() && line->find('\n') == line->npos);
    const size_t progress = stream.progress();
    stream.change_replica();
    CHECK_EQ(stream.progress(), progress);
    CHECK(stream.resume_line() == line);
  }
  return out;
}

}  // namespace
}  // namespace hearth::serve

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::serve;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  CHECK(read_in_pieces(bytes, 1 + data[0]) == read_in_pieces(bytes, 1));
  return 0;
}
