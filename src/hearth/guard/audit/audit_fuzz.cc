// The readers of the audit log on any bytes: the verifier, the walk that a server resumes by, and
// the export. What one of them takes for a whole chain the others take too; a chain goes on behind
// it; and whichever byte of it is then changed is found.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/guard/audit/processing_record.h"
#include "hearth/guard/audit/verify.h"

namespace hearth::audit {
namespace {

std::string good_chain(size_t lines) {
  Head head;
  std::string out;
  for (size_t i = 0; i < lines; ++i) {
    const Json event = {{"time", "2026-01-01T00:00:00.000Z"},
                        {"kind", i == 0 ? "open" : "request"},
                        {"state", "complete"},
                        {"personal_data", {{"EMAIL", i}}}};
    auto line = append_to_chain(event, head);
    CHECK(line.has_value());
    out += *line;
  }
  return out;
}

Verification verify(std::string_view bytes, ProcessingRecord* record = nullptr) {
  VerifyOptions options;
  if (record) options.on_event = [record](const Json& event) { record->add(event); };
  Verifier verifier(options);
  verifier.read(bytes, "log", true);
  return verifier.finish();
}

void check_any(std::string_view bytes) {
  ProcessingRecord record;
  const Verification found = verify(bytes, &record);
  CHECK(!record.json(Json::object(), found).empty());
  Head head;
  const Walked walked = walk_chain(bytes, head);
  if (!walked.status.is_ok()) return;
  CHECK_EQ(walked.bytes + walked.torn, static_cast<int64_t>(bytes.size()));
  CHECK_EQ(walked.torn, found.torn);
  auto more = append_to_chain({{"kind", "request"}}, head);
  CHECK(more.has_value());
  std::string longer(bytes.substr(0, static_cast<size_t>(walked.bytes)));
  longer += *more;
  Head again;
  CHECK(walk_chain(longer, again).status.is_ok());
  CHECK(again == head);
}

// Changes one byte of a good chain, any but the last newline (without which it is a torn line).
void check_changed(FuzzRandom& random) {
  std::string text = good_chain(1 + random.below(4));
  const size_t at = random.below(text.size() - 1);
  text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
  const Verification found = verify(text);
  CHECK(!found.ok());
}

}  // namespace
}  // namespace hearth::audit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  audit::check_any(text_of(data, size));
  FuzzRandom random(static_cast<unsigned>(size) + (size > 0 ? data[size / 2] : 0u));
  audit::check_changed(random);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (text.empty() || random.once_in(16)) text = audit::good_chain(1 + random.below(6));
  switch (random.below(3)) {
    case 0:
      return give(mutate_json(std::move(text), random), data, max_size);
    case 1:
      return give(text.substr(0, random.below(text.size() + 1)), data, max_size);
    default:
      return give(mutate_bytes(std::move(text), 16), data, max_size);
  }
}
