// Any bytes as a line that resumes an answer, also signed by our own key: refused in one line, or a
// state that is written as it was read.
#include <cstddef>
#include <cstdint>

#include "hearth/base/check.h"
#include "hearth/serve/resume/resume_state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  using namespace hearth::serve;
  static const std::string key(32, 'k');
  const std::string text(reinterpret_cast<const char*>(data), size);
  CHECK(!read_resumed(text, key).has_value());  // nobody guesses a signature
  Signer signer(key);
  signer.add(text);
  const auto read = read_resumed(text + " " + signer.signature(), key);
  if (!read) {
    CHECK(read.status().message().find('\n') == std::string::npos);
    return 0;
  }
  CHECK(static_cast<int64_t>(read->tokens.size()) <= kResumedTokensMax);
  ResumeMarks marks(read->state, {}, key);
  CHECK(marks.opening() == ": resume " + read->state.text() + "\n\n");
  const std::string comment = marks.tokens(read->tokens);  // ": tokens IDS SIGNATURE\n\n"
  const std::string line = read->state.text() + comment.substr(9, comment.size() - 11);
  const auto again = read_resumed(line, key);
  CHECK(again.has_value() && again->state == read->state && again->tokens == read->tokens);
  return 0;
}
