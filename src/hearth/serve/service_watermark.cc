// The route of the watermark's detector.
#include <algorithm>

#include "hearth/serve/completions.h"
#include "hearth/serve/openai/watermark_json.h"
#include "hearth/serve/service.h"

namespace hearth::serve {
namespace {

// Numbers that one request may ask for (about half a second of one thread), and its tokens.
constexpr size_t kNumbersMax = 1 << 24;
constexpr size_t kTokensMax = 1 << 17;

}  // namespace

HttpReply Service::detect_watermark(const RequestHead&, const RequestContext& context,
                                    std::string_view body) {
  DetectionRequest request;
  if (auto error = read_detection(body, request)) return error_reply(*error);
  if (auto error = admission_.check_model(request.model)) return error_reply(*error);
  const auto& ring = admission_.watermark().ring();
  if (!ring) {
    return error_reply(
        api_error(404, "no_watermark_key", "the server was started without --watermark-key-file"));
  }
  EncodeOptions plain;
  plain.add_special_prefix_suffix = false;
  const std::vector<int32_t> tokens = model_.tokenizer().encode(request.text, plain);
  const std::vector<watermark::SourceKeys> sources = ring->derive_all();
  const size_t tokens_max = std::min(kTokensMax, kNumbersMax / (2 * sources.size()));
  if (tokens.size() > tokens_max) {
    return error_reply(bad_field(
        "text", "too_long",
        fmt::format("`text`: expected at most {} tokens, found {}", tokens_max, tokens.size())));
  }
  return json_reply(detection_json(watermark::detect(tokens, sources), context.caller.administers),
                    request.ignored);
}

}  // namespace hearth::serve
