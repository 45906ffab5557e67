// Any bytes of an answer to an event stream and back: one event a chunk, one line an event, valid
// JSON whatever the bytes, and text that is UTF-8 comes back as it was.
#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/serve/openai/write_reply.h"

namespace hearth::serve {
namespace {

const Tokenizer& bytes_tokenizer() {
  static const Tokenizer tokenizer = [] {
    auto made = Tokenizer::from_tokenizer_json(
        R"({"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]},"pre_tokenizer":)"
        R"({"type":"ByteLevel","add_prefix_space":false},"decoder":{"type":"ByteLevel"}})",
        "");
    CHECK(made.has_value());
    return *std::move(made);
  }();
  return tokenizer;
}

void check_event(const std::string& json, const std::string& key, const std::string& text) {
  const std::string event = sse_event(json);
  CHECK(event.starts_with("data: ") && event.ends_with("\n\n"));
  CHECK_EQ(event.find('\n'), event.size() - 2);
  CHECK(event.find('\r') == std::string::npos);
  const auto parsed = parse_json(json);
  CHECK(parsed.has_value());
  const Json& choice = (*parsed)["choices"][0];
  const Json& holder = choice.contains("delta") ? choice["delta"] : choice;
  if (!text.empty() && is_utf8(text)) CHECK(holder[key] == text);
}

}  // namespace
}  // namespace hearth::serve

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  using namespace hearth::serve;
  if (size < 2) return 0;
  ReplyHead head;
  head.logprobs = (data[0] & 1) != 0;
  head.include_usage = (data[0] & 2) != 0;
  head.endpoint = (data[0] & 4) != 0 ? Endpoint::completion : Endpoint::chat;
  Piece piece;
  piece.thought = (data[0] & 8) != 0 && head.endpoint == Endpoint::chat;
  piece.choice = data[1];
  piece.text = std::string(text_of(data + 2, size - 2));
  head.model = piece.text;
  if (head.logprobs) piece.logprobs.push_back({{0, -1}, {{1, -2}, {data[1], -3}}, {}});
  std::string key = head.endpoint == Endpoint::completion ? "text" : "content";
  if (piece.thought) key = "reasoning_content";
  check_event(chunk_json(head, piece, bytes_tokenizer()), key, piece.text);
  WholeChoice whole;
  whole.add(piece);
  CHECK(parse_json(reply_json(head, {whole}, {}, bytes_tokenizer())).has_value());
  return 0;
}
