// See embeddings.h.
#include "hearth/serve/openai/embeddings.h"

#include <openssl/evp.h>

#include <bit>
#include <iterator>
#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/serve/openai/read_request.h"
#include "hearth/serve/openai/write_reply.h"

namespace hearth::serve {
namespace {

static_assert(std::endian::native == std::endian::little);  // the bytes that OpenAI's clients read

void read_format(Fields& fields, bool& base64) {
  std::string format = "float";
  fields.string("encoding_format", format);
  base64 = format == "base64";
  if (base64 || format == "float") return;
  fields.fail("encoding_format", "invalid_value",
              fmt::format("expected float or base64, found {}", json_excerpt(Json(format))));
}

void read_dimensions(Fields& fields, int64_t width) {
  std::optional<int64_t> asked;
  fields.integer("dimensions", 1, INT32_MAX, asked);
  if (asked.value_or(width) == width) return;
  fields.fail("dimensions", "unsupported_parameter",
              fmt::format("expected {}, which this model's vectors have, found {}", width, *asked));
}

// Four characters for three bytes, and a NUL that EVP adds.
void write_base64(const std::vector<float>& values, std::string& out) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
  const size_t size = values.size() * sizeof(float);
  const size_t start = out.size();
  out.resize(start + (size + 2) / 3 * 4 + 1);
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + start), bytes,
                  static_cast<int>(size));
  out.pop_back();
}

// Shortest decimals that read back as the same f32.
void write_numbers(const std::vector<float>& values, std::string& out) {
  for (size_t i = 0; i < values.size(); ++i) {
    fmt::format_to(std::back_inserter(out), "{}{}", i == 0 ? "" : ",", values[i]);
  }
}

}  // namespace

std::optional<ApiError> read_embeddings(std::string_view body, int64_t vocab_size, int64_t width,
                                        EmbeddingRequest& out) {
  Json object;
  if (auto error = parse_body(body, object)) return error;
  return read_embeddings_fields(object, vocab_size, width, out);
}

std::optional<ApiError> read_embeddings_fields(const Json& object, int64_t vocab_size,
                                               int64_t width, EmbeddingRequest& out) {
  Fields fields(object);
  fields.string("model", out.model);
  read_texts(fields, "input", vocab_size, kEmbeddingInputsMax, out.inputs);
  for (const RawPrompt& input : out.inputs) {
    if (!input.text.empty() || !input.ids.empty()) continue;
    fields.fail("input", "empty_prompt", "expected texts of at least one character, found none");
  }
  read_format(fields, out.base64);
  read_dimensions(fields, width);
  read_priority(fields, out.priority);
  read_user(fields, out.user);
  fields.list_unasked(out.ignored);
  return fields.error();
}

// Written by hand: a tree of JSON would hold each number in sixteen bytes.
std::string embeddings_json(const std::string& model,
                            const std::vector<std::vector<float>>& embeddings, const Usage& usage,
                            bool base64) {
  std::string out = R"({"object":"list","data":[)";
  for (size_t i = 0; i < embeddings.size(); ++i) {
    fmt::format_to(std::back_inserter(out), R"({}{{"object":"embedding","index":{},"embedding":{})",
                   i == 0 ? "" : ",", i, base64 ? '"' : '[');
    if (base64) {
      write_base64(embeddings[i], out);
    } else {
      write_numbers(embeddings[i], out);
    }
    out += base64 ? "\"}" : "]}";
  }
  Json spent = {{"prompt_tokens", usage.prompt_tokens},
                {"total_tokens", usage.prompt_tokens},
                {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
  add_spent(usage, spent);
  fmt::format_to(std::back_inserter(out), R"(],"model":{},"usage":{}}})", dump_json(model),
                 dump_json(spent));
  return out;
}

}  // namespace hearth::serve
