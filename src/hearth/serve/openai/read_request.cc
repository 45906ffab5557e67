// See read_request.h.
#include "hearth/serve/openai/read_request.h"

#include <array>
#include <charconv>
#include <limits>

#include "hearth/serve/access/api_keys.h"
#include "hearth/serve/openai/fields.h"
#include "hearth/serve/openai/output_fields.h"

namespace hearth::serve {
namespace {

constexpr int64_t kTokensMax = std::numeric_limits<int32_t>::max();
constexpr size_t kPromptIdsMax = 1 << 22;
constexpr size_t kUserBytesMax = 512;

void read_stop(Fields& fields, std::vector<std::string>& out) {
  const Json* stop = fields.any("stop");
  if (!stop) return;
  if (!stop->is_string() && !stop->is_array()) {
    return fields.wrong_type("stop", "a string or an array of strings", *stop);
  }
  const Json list = stop->is_array() ? *stop : Json::array({*stop});
  if (list.size() > static_cast<size_t>(kStopsMax)) {
    return fields.fail("stop", "invalid_value",
                       fmt::format("expected at most {} texts, found {}", kStopsMax, list.size()));
  }
  for (const Json& text : list) {
    if (!text.is_string()) return fields.wrong_type("stop", "strings", text);
    const auto& bytes = text.get_ref<const std::string&>();
    if (bytes.empty() || bytes.size() > kStopBytesMax) {
      return fields.fail("stop", "invalid_value",
                         fmt::format("expected texts of 1 to {} bytes, found one of {}",
                                     kStopBytesMax, bytes.size()));
    }
    out.push_back(bytes);
  }
}

void read_logit_bias(Fields& fields, int64_t vocab_size, std::vector<LogitBias>& out) {
  const Json* biases = fields.any("logit_bias");
  if (!biases) return;
  if (!biases->is_object()) return fields.wrong_type("logit_bias", "an object", *biases);
  if (biases->size() > static_cast<size_t>(kBiasesMax)) {
    return fields.fail(
        "logit_bias", "invalid_value",
        fmt::format("expected at most {} tokens, found {}", kBiasesMax, biases->size()));
  }
  for (const auto& [key, value] : biases->items()) {
    int32_t id = -1;
    const char* const end = key.data() + key.size();
    const auto [stop, failure] = std::from_chars(key.data(), end, id);
    if (failure != std::errc() || stop != end || id < 0 || id >= vocab_size) {
      return fields.fail("logit_bias", "invalid_value",
                         fmt::format("expected token ids in [0, {}), found {}", vocab_size,
                                     json_excerpt(Json(key))));
    }
    const double bias = value.is_number() ? value.get<double>() : NAN;
    if (!(bias >= -100 && bias <= 100)) {
      return fields.fail("logit_bias", "invalid_value",
                         fmt::format("expected values in [-100, 100], found {} for token {}",
                                     json_excerpt(value), id));
    }
    out.push_back({id, static_cast<float>(bias)});
  }
}

void read_ids(Fields& fields, std::string_view key, const Json& ids, int64_t vocab_size,
              std::vector<int32_t>& out) {
  if (ids.size() > kPromptIdsMax) return fields.fail(key, "invalid_value", "too many token ids");
  for (const Json& id : ids) {
    const bool whole = id.is_number_integer();
    const auto value = whole && !(id.is_number_unsigned() && id.get<uint64_t>() > INT32_MAX)
                           ? id.get<int64_t>()
                           : int64_t{-1};
    if (value < 0 || value >= vocab_size) {
      return fields.fail(
          key, "invalid_value",
          fmt::format("expected token ids in [0, {}), found {}", vocab_size, json_excerpt(id)));
    }
    out.push_back(static_cast<int32_t>(value));
  }
}

// Known to OpenAI's clients and without an effect on any answer.
void check_what_has_no_effect(Fields& fields) {
  bool store = false;
  fields.boolean("store", store);
  std::string text;
  for (std::string_view key : {"service_tier", "prompt_cache_key", "prompt_cache_retention"}) {
    fields.string(key, text);
  }
  const Json* const metadata = fields.any("metadata");
  if (metadata && !metadata->is_object()) fields.wrong_type("metadata", "an object", *metadata);
}

// Fields of which only the value that changes nothing can be served today.
void refuse_what_is_missing(Fields& fields) {
  const auto refuse = [&](std::string_view key) {
    fields.fail(key, "unsupported_parameter", "this server does not offer it");
  };
  std::string suffix;
  fields.string("suffix", suffix);
  if (!suffix.empty()) refuse("suffix");
  const Json* const kinds = fields.any("modalities");
  if (kinds && !kinds->is_array()) return fields.wrong_type("modalities", "an array", *kinds);
  if (kinds && *kinds != Json::array({"text"})) refuse("modalities");
}

// A template is a program, and the model's own the only one that runs here: who brings another, or
// asks to leave it out, must not believe that it was heard.
void refuse_other_templates(Fields& fields) {
  for (std::string_view key : {"chat_template", "tokenize"}) {
    if (fields.any(key)) {
      fields.fail(key, "unsupported_parameter", "only the model's own chat template is offered");
    }
  }
}

void read_sampling(Fields& fields, int64_t vocab_size, GenerationRequest& out) {
  fields.number("temperature", 0, 100, out.sampling.temperature);
  fields.number("top_p", 0, 1, out.sampling.top_p);
  fields.number("min_p", 0, 1, out.sampling.min_p);
  // vLLM's clients say -1 for "all".
  fields.integer("top_k", -1, kTokensMax, out.sampling.top_k);
  if (out.sampling.top_k == -1) out.sampling.top_k = 0;
  fields.number("repetition_penalty", 0.01, 100, out.sampling.repetition_penalty);
  fields.number("frequency_penalty", -10, 10, out.sampling.frequency_penalty);
  fields.number("presence_penalty", -10, 10, out.sampling.presence_penalty);
  std::optional<int64_t> seed;
  fields.integer("seed", std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
                 seed);
  if (seed) out.sampling.seed = static_cast<uint64_t>(*seed);
  read_logit_bias(fields, vocab_size, out.sampling.logit_bias);
  read_stop(fields, out.stop);
}

// Chat says `logprobs: true, top_logprobs: 5`; completions say `logprobs: 5`.
void read_logprobs(Fields& fields, GenerationRequest& out) {
  std::optional<int64_t> top;
  if (out.endpoint == Endpoint::completion) {
    fields.integer("logprobs", 0, kTopLogprobsMax, top);
    out.logprobs = top.has_value();
  } else {
    fields.boolean("logprobs", out.logprobs);
    fields.integer("top_logprobs", 0, kTopLogprobsMax, top);
    if (top.value_or(0) > 0 && !out.logprobs) {
      fields.fail("top_logprobs", "invalid_value", "expected `logprobs` to be true beside it");
    }
  }
  out.top_logprobs = top.value_or(0);
}

void read_length(Fields& fields, GenerationRequest& out) {
  std::optional<int64_t> older;
  fields.integer("max_tokens", 1, kTokensMax, older);
  fields.integer("max_completion_tokens", 1, kTokensMax, out.max_tokens);
  if (!out.max_tokens) out.max_tokens = older;
  // What OpenAI's /v1/completions does when nothing is said.
  if (!out.max_tokens && out.endpoint == Endpoint::completion) out.max_tokens = 16;
}

// A budget in tokens, or in words: which budget a word means is the server's to say.
void read_thought(Fields& fields, GenerationRequest& out) {
  fields.integer("thinking_budget", 0, kTokensMax, out.thinking_budget);
  fields.boolean("end_thought_loops", out.end_thought_loops);
  fields.string("reasoning_effort", out.reasoning_effort);
  for (std::string_view known : {"", "low", "medium", "high"}) {
    if (out.reasoning_effort == known) return;
  }
  fields.fail("reasoning_effort", "invalid_value",
              fmt::format("expected low, medium or high, found {}",
                          json_excerpt(Json(out.reasoning_effort))));
}

void read_choices(Fields& fields, GenerationRequest& out) {
  std::optional<int64_t> n, best_of;
  fields.integer("n", 1, kChoicesMax, n);
  out.n = n.value_or(1);
  fields.integer("best_of", 1, kChoicesMax, best_of);
  if (best_of.value_or(out.n) != out.n) {
    fields.fail("best_of", "unsupported_parameter", "expected the value of `n`");
  }
  const int64_t prompts = std::max<int64_t>(1, static_cast<int64_t>(out.prompts.size()));
  if (out.n * prompts > kChoicesMax) {
    fields.fail("n", "invalid_value",
                fmt::format("expected at most {} answers, found {} for each of {} prompts",
                            kChoicesMax, out.n, prompts));
  }
}

void read_stream(Fields& fields, GenerationRequest& out, std::optional<ApiError>& error) {
  fields.boolean("stream", out.stream);
  const Json* options = fields.any("stream_options");
  if (!options) return;
  if (!options->is_object()) return fields.wrong_type("stream_options", "an object", *options);
  Fields inner(*options, "stream_options.");
  inner.boolean("include_usage", out.include_usage);
  inner.list_unasked(out.ignored, "stream_options.");
  error = inner.error();
}

// Variables for the template: plain values only, and none that Hearth itself sets.
void read_template_variables(Fields& fields, ChatRequest& out) {
  const Json* variables = fields.any("chat_template_kwargs");
  if (!variables) return;
  if (!variables->is_object()) {
    return fields.wrong_type("chat_template_kwargs", "an object", *variables);
  }
  constexpr std::array<std::string_view, 8> kOurs = {
      "messages",  "tools",     "chat_template", "tokenize", "add_generation_prompt",
      "bos_token", "eos_token", "documents"};
  for (const auto& [name, value] : variables->items()) {
    const bool ours = std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end();
    if (ours || value.is_structured()) {
      return fields.fail(
          "chat_template_kwargs", "invalid_value",
          fmt::format("expected plain values that are not set by the server, found {}",
                      json_excerpt(Json(name))));
    }
  }
  out.extra = *variables;
}

}  // namespace

void read_texts(Fields& fields, std::string_view key, int64_t vocab_size, int64_t count_max,
                std::vector<RawPrompt>& out) {
  const Json* texts = fields.any(key);
  if (!texts) return fields.fail(key, "missing", "expected a text, found nothing");
  if (texts->is_string()) {
    out.push_back({texts->get_ref<const std::string&>(), {}});
    return;
  }
  if (!texts->is_array()) return fields.wrong_type(key, "a string or an array", *texts);
  if (texts->empty()) return fields.fail(key, "invalid_value", "expected at least one text");
  if ((*texts)[0].is_number()) {
    out.emplace_back();
    return read_ids(fields, key, *texts, vocab_size, out.back().ids);
  }
  if (texts->size() > static_cast<size_t>(count_max)) {
    return fields.fail(
        key, "invalid_value",
        fmt::format("expected at most {} texts, found {}", count_max, texts->size()));
  }
  for (const Json& one : *texts) {
    out.emplace_back();
    if (one.is_string()) {
      out.back().text = one.get_ref<const std::string&>();
    } else if (one.is_array() && !one.empty()) {
      read_ids(fields, key, one, vocab_size, out.back().ids);
    } else {
      return fields.wrong_type(key, "texts or lists of token ids", one);
    }
  }
}

void read_priority(Fields& fields, std::optional<int64_t>& out) {
  fields.integer("priority", kPriorityFirst, kPriorityLast, out);
}

void read_user(Fields& fields, std::string& out) {
  for (std::string_view key : {"safety_identifier", "user"}) {
    const Json* const user = fields.any(key);
    if (!user) continue;
    if (!user->is_string()) return fields.wrong_type(key, "a string", *user);
    const auto& name = user->get_ref<const std::string&>();
    if (name.size() > kUserBytesMax) {
      fields.fail(key, "invalid_value", fmt::format("expected at most {} bytes", kUserBytesMax));
    }
    if (out.empty()) out = name;
  }
}

std::optional<ApiError> read_generation(Endpoint endpoint, std::string_view body,
                                        int64_t vocab_size, GenerationRequest& out) {
  Json object;
  if (auto error = parse_body(body, object)) return error;
  return read_generation_fields(endpoint, object, vocab_size, out);
}

std::optional<ApiError> read_generation_fields(Endpoint endpoint, const Json& object,
                                               int64_t vocab_size, GenerationRequest& out) {
  out.endpoint = endpoint;
  Fields fields(object);
  fields.string("model", out.model);
  std::optional<ApiError> inner;
  if (endpoint == Endpoint::chat) {
    const Json* messages = fields.any("messages");
    inner = read_messages(messages ? *messages : Json(), out.chat.messages, out.ignored);
    read_template_variables(fields, out.chat);
    read_tools(fields, out);
    read_thought(fields, out);
  } else {
    read_texts(fields, "prompt", vocab_size, kChoicesMax, out.prompts);
    fields.boolean("echo", out.echo);
  }
  if (fields.error() || inner) return fields.error() ? fields.error() : inner;
  read_choices(fields, out);
  read_stream(fields, out, inner);
  if (inner) return inner;
  read_length(fields, out);
  read_sampling(fields, vocab_size, out);
  read_logprobs(fields, out);
  refuse_what_is_missing(fields);
  refuse_other_templates(fields);
  read_output_format(fields, out);
  read_priority(fields, out.priority);
  read_user(fields, out.user);
  check_what_has_no_effect(fields);
  fields.list_unasked(out.ignored);
  return fields.error();
}

std::optional<ApiError> read_tokenize(std::string_view body, TokenizeRequest& out) {
  Json object;
  if (auto error = parse_body(body, object)) return error;
  return read_tokenize_fields(object, out);
}

std::optional<ApiError> read_tokenize_fields(const Json& object, TokenizeRequest& out) {
  Fields fields(object);
  fields.string("model", out.model);
  if (const Json* messages = fields.any("messages")) {
    Json read;
    if (auto error = read_messages(*messages, read, out.ignored)) return error;
    out.messages = std::move(read);
  } else if (!json_find(object, "prompt") && !json_find(object, "content")) {
    fields.fail("prompt", "missing", "expected a text, found nothing");
  }
  refuse_other_templates(fields);
  fields.string("content", out.text);
  fields.string("prompt", out.text);
  fields.boolean("add_special", out.add_special);
  fields.boolean("add_special_tokens", out.add_special);
  fields.boolean("with_pieces", out.with_pieces);
  fields.list_unasked(out.ignored);
  return fields.error();
}

std::optional<ApiError> read_detokenize(std::string_view body, int64_t vocab_size,
                                        DetokenizeRequest& out) {
  Json object;
  if (auto error = parse_body(body, object)) return error;
  Fields fields(object);
  fields.string("model", out.model);
  const Json* tokens = fields.any("tokens");
  if (!tokens || !tokens->is_array()) {
    fields.wrong_type("tokens", "an array of token ids", tokens ? *tokens : Json());
  } else {
    read_ids(fields, "tokens", *tokens, vocab_size, out.tokens);
  }
  fields.list_unasked(out.ignored);
  return fields.error();
}

}  // namespace hearth::serve
