// See write_reply.h.
#include "hearth/serve/openai/write_reply.h"

#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "hearth/text/stream/incremental_detokenizer.h"

namespace hearth::serve {

void add_spent(const Usage& usage, Json& out) {
  if (!usage.spent) return;
  out["cost"] = usage.spent->cost;
  out["currency"] = usage.spent->currency;
  out["energy_joules"] = usage.spent->joules;
  out["energy_source"] = usage.spent->energy_source;
}

namespace {

std::string whole_characters(std::string_view bytes) {
  IncrementalDetokenizer text;
  std::string out = text.push(bytes);
  return out + text.finish();
}

Json head_json(const ReplyHead& head, bool chunk) {
  std::string object = "text_completion";
  if (head.endpoint == Endpoint::chat) object = chunk ? "chat.completion.chunk" : "chat.completion";
  return {{"id", head.id},
          {"object", object},
          {"created", head.created},
          {"model", head.model},
          {"system_fingerprint", head.fingerprint}};
}

void set_label(const ReplyHead& head, Json& reply) {
  if (head.label) reply["AIGC"] = label::aigc_json(*head.label);
}

Json usage_json(const Usage& u) {
  Json out = {{"prompt_tokens", u.prompt_tokens},
              {"completion_tokens", u.completion_tokens},
              {"total_tokens", u.prompt_tokens + u.completion_tokens},
              {"prompt_tokens_details", {{"cached_tokens", u.cached_tokens}}},
              {"completion_tokens_details", {{"reasoning_tokens", u.reasoning_tokens}}},
              {"prompt_cache_hit_tokens", u.cached_tokens},
              {"prompt_cache_miss_tokens", u.prompt_tokens - u.cached_tokens}};
  add_spent(u, out);
  return out;
}

Json token_json(std::string_view bytes, double logprob) {
  Json numbers = Json::array();
  for (char c : bytes) numbers.push_back(static_cast<uint8_t>(c));
  return {{"token", whole_characters(bytes)}, {"logprob", logprob}, {"bytes", numbers}};
}

// What is shown of a generated token.
std::string_view shown(const TokenLogprob& token, const Tokenizer& tokenizer) {
  return token.text ? std::string_view(*token.text) : tokenizer.token_bytes(token.chosen.id);
}

Json chat_logprobs(const std::vector<TokenLogprob>& tokens, const Tokenizer& tokenizer) {
  Json out = Json::array();
  for (const TokenLogprob& t : tokens) {
    Json entry = token_json(shown(t, tokenizer), t.chosen.logprob);
    entry["top_logprobs"] = Json::array();
    for (const TokenChance& c : t.top) {
      entry["top_logprobs"].push_back(token_json(tokenizer.token_bytes(c.id), c.logprob));
    }
    out.push_back(std::move(entry));
  }
  return out;
}

// The older form of /v1/completions.
Json completion_logprobs(const ReplyHead& head, const std::vector<TokenLogprob>& tokens,
                         const Tokenizer& tokenizer) {
  Json out = {{"tokens", Json::array()},
              {"token_logprobs", Json::array()},
              {"top_logprobs", Json::array()}};
  for (const TokenLogprob& t : tokens) {
    out["tokens"].push_back(whole_characters(shown(t, tokenizer)));
    out["token_logprobs"].push_back(t.chosen.logprob);
    Json top = Json::object();
    for (const TokenChance& c : t.top) {
      top[whole_characters(tokenizer.token_bytes(c.id))] = c.logprob;
    }
    if (head.top_logprobs) out["top_logprobs"].push_back(std::move(top));
  }
  return out;
}

// Thoughts have their own list, as in DeepSeek's API.
Json logprobs_json(const ReplyHead& head, const std::vector<TokenLogprob>& reply,
                   const std::vector<TokenLogprob>& thought, const Tokenizer& tokenizer) {
  if (!head.logprobs) return nullptr;
  if (head.endpoint == Endpoint::completion) return completion_logprobs(head, reply, tokenizer);
  Json out = {{"content", chat_logprobs(reply, tokenizer)}};
  if (!thought.empty()) out["reasoning_content"] = chat_logprobs(thought, tokenizer);
  return out;
}

// The same for the same answer, and known nowhere else.
std::string call_id(const ReplyHead& head, int32_t choice, int32_t call) {
  return fmt::format("call_{}_{}_{}", head.id, choice, call);
}

Json call_json(const ReplyHead& head, int32_t choice, int32_t call, const std::string& name,
               const std::string& arguments) {
  return {{"id", call_id(head, choice, call)},
          {"type", "function"},
          {"function", {{"name", name}, {"arguments", arguments}}}};
}

Json calls_json(const ReplyHead& head, int32_t choice, const std::vector<WholeCall>& calls) {
  Json out = Json::array();
  for (const WholeCall& c : calls) {
    const auto number = static_cast<int32_t>(out.size());
    out.push_back(call_json(head, choice, number, c.name, c.arguments));
  }
  return out;
}

// A call begins with its id and name; more of its arguments carry its index alone.
Json call_delta(const ReplyHead& head, const Piece& piece) {
  Json call = piece.call_name ? call_json(head, piece.choice, piece.call, piece.text, "")
                              : Json{{"function", {{"arguments", piece.text}}}};
  call["index"] = piece.call;
  return Json::array({std::move(call)});
}

void set_reasoning(Json& message, const std::string& text, ReasoningField field) {
  if (field != ReasoningField::reasoning) message["reasoning_content"] = text;
  if (field != ReasoningField::reasoning_content) message["reasoning"] = text;
}

Json or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

std::string with_choice(const ReplyHead& head, Json choice, bool labelled) {
  Json out = head_json(head, true);
  if (labelled) set_label(head, out);
  out["choices"] = Json::array({std::move(choice)});
  if (head.include_usage) out["usage"] = nullptr;
  return dump_json(out);
}

}  // namespace

std::string dump_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void WholeChoice::add(Piece piece) {
  if (piece.call_name) {
    calls.push_back({std::move(piece.text), ""});
  } else if (piece.call >= 0) {
    calls[static_cast<size_t>(piece.call)].arguments += piece.text;
  } else {
    (piece.thought ? reasoning : text) += piece.text;
  }
  auto& to = piece.thought ? reasoning_logprobs : logprobs;
  std::move(piece.logprobs.begin(), piece.logprobs.end(), std::back_inserter(to));
  if (!piece.finish.empty()) finish = piece.finish;
}

std::string sse_event(std::string_view json) {
  std::string out = "data: ";
  out += json;
  out += "\n\n";
  return out;
}

std::string role_chunk_json(const ReplyHead& head, int32_t choice) {
  return with_choice(head,
                     {{"index", choice},
                      {"delta", {{"role", "assistant"}, {"content", ""}}},
                      {"logprobs", nullptr},
                      {"finish_reason", nullptr}},
                     true);
}

std::string chunk_json(const ReplyHead& head, const Piece& piece, const Tokenizer& tokenizer) {
  Json choice = {{"index", piece.choice}};
  if (head.endpoint == Endpoint::completion) {
    choice["text"] = piece.text;
  } else {
    Json delta = Json::object();
    if (piece.call >= 0) {
      delta["tool_calls"] = call_delta(head, piece);
    } else if (piece.thought) {
      set_reasoning(delta, piece.text, head.field);
    } else if (!piece.text.empty()) {
      delta["content"] = piece.text;
    }
    choice["delta"] = std::move(delta);
  }
  const std::vector<TokenLogprob> none;
  choice["logprobs"] = piece.logprobs.empty()
                           ? Json()
                           : logprobs_json(head, piece.thought ? none : piece.logprobs,
                                           piece.thought ? piece.logprobs : none, tokenizer);
  choice["finish_reason"] = or_null(piece.finish);
  return with_choice(head, std::move(choice), !piece.finish.empty());
}

std::string usage_chunk_json(const ReplyHead& head, const Usage& usage) {
  Json out = head_json(head, true);
  out["choices"] = Json::array();
  out["usage"] = usage_json(usage);
  return dump_json(out);
}

std::string reply_json(const ReplyHead& head, const std::vector<WholeChoice>& choices,
                       const Usage& usage, const Tokenizer& tokenizer) {
  Json out = head_json(head, false);
  set_label(head, out);
  out["choices"] = Json::array();
  for (size_t i = 0; i < choices.size(); ++i) {
    const WholeChoice& c = choices[i];
    Json choice = {{"index", i}};
    if (head.endpoint == Endpoint::completion) {
      choice["text"] = c.text;
    } else {
      Json message = {{"role", "assistant"}, {"content", c.text}, {"refusal", nullptr}};
      if (!c.reasoning.empty()) set_reasoning(message, c.reasoning, head.field);
      if (!c.calls.empty()) {
        if (c.text.empty()) message["content"] = nullptr;
        message["tool_calls"] = calls_json(head, static_cast<int32_t>(i), c.calls);
      }
      choice["message"] = std::move(message);
    }
    choice["logprobs"] = logprobs_json(head, c.logprobs, c.reasoning_logprobs, tokenizer);
    choice["finish_reason"] = c.finish;
    out["choices"].push_back(std::move(choice));
  }
  out["usage"] = usage_json(usage);
  return dump_json(out);
}

namespace {

Json model_entry(const std::string& name, int64_t created, int64_t context) {
  return {{"id", name},
          {"object", "model"},
          {"created", created},
          {"owned_by", "hearth"},
          {"max_model_len", context}};
}

}  // namespace

std::string models_json(const std::vector<std::string>& names, int64_t created, int64_t context) {
  Json data = Json::array();
  for (const std::string& name : names) data.push_back(model_entry(name, created, context));
  return dump_json({{"object", "list"}, {"data", std::move(data)}});
}

std::string model_json(const std::string& name, int64_t created, int64_t context) {
  return dump_json(model_entry(name, created, context));
}

std::string tokens_json(const std::vector<int32_t>& ids, int64_t context, bool with_pieces,
                        const Tokenizer& tokenizer) {
  Json out = {{"tokens", ids}, {"count", ids.size()}, {"max_model_len", context}};
  if (with_pieces) {
    out["pieces"] = Json::array();
    for (int32_t id : ids) out["pieces"].push_back(whole_characters(tokenizer.token_bytes(id)));
  }
  return dump_json(out);
}

std::string text_json(const std::string& text) {
  // vLLM's name for it, and llama.cpp's.
  return dump_json({{"prompt", text}, {"content", text}});
}

std::string status_json(std::string_view word) {
  return dump_json({{"status", std::string(word)}});
}

}  // namespace hearth::serve
