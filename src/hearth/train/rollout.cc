// See rollout.h. The engine's batch stays full: as one reply ends the next begins.
#include "hearth/train/rollout.h"

#include <nlohmann/json.hpp>

#include "hearth/engine/generation.h"
#include "hearth/train/random.h"

namespace hearth::train {
namespace {

constexpr int64_t kTogether = 32;  // replies that are written together

Result<Prompt> prompt_of(const TextModel& model, const std::string& text) {
  if (!model.chat_template()) return model.plain(text, false);
  ChatRequest chat;
  chat.messages = Json::array({{{"role", "user"}, {"content", text}}});
  return model.chat(chat);
}

Reply reply_of(const TextModel& model, const std::vector<int32_t>& prompt, TextReply made) {
  Reply reply;
  reply.example.tokens = prompt;
  reply.example.learned_from = std::ssize(prompt);
  auto& tokens = reply.example.tokens;
  tokens.insert(tokens.end(), made.output_ids.begin(), made.output_ids.end());
  reply.cut = made.finish_reason == FinishReason::length;
  if (!reply.cut && !model.stop_ids().empty()) {
    tokens.push_back(model.tokenizer().eos().value_or(model.stop_ids().front()));
  }
  reply.text = std::move(made.text);
  return reply;
}

}  // namespace

Result<std::vector<Reply>> draw_replies(const Policy& policy,
                                        const std::shared_ptr<const hearth::Adapter>& adapter,
                                        const std::vector<std::string>& prompts,
                                        std::span<const int64_t> chosen,
                                        const DrawOptions& options) {
  const int64_t count = std::ssize(chosen) * options.group;
  std::vector<Reply> replies(static_cast<size_t>(count));
  std::vector<Prompt> asked;  // one a problem
  for (const int64_t problem : chosen) {
    TRY_ASSIGN(Prompt prompt, prompt_of(policy.model, prompts[static_cast<size_t>(problem)]));
    asked.push_back(std::move(prompt));
  }
  int64_t next = 0;
  const auto prompt = [&](int64_t reply) -> const Prompt& {
    return asked[static_cast<size_t>(reply / options.group)];
  };
  RequestStream stream;
  stream.next = [&]() -> Result<std::optional<TextRequest>> {
    if (next == count) return std::optional<TextRequest>();
    TextRequest request;
    request.prompt = prompt(next);
    request.sampling.temperature = options.temperature;
    request.sampling.seed = random_bits(options.key, static_cast<uint64_t>(next));
    request.max_tokens = options.reply_tokens;
    request.adapter = adapter;
    ++next;
    return std::optional<TextRequest>(std::move(request));
  };
  stream.on_reply = [&](int64_t index, TextReply made, const ReplyCost&) {
    replies[static_cast<size_t>(index)] =
        reply_of(policy.model, prompt(index).ids, std::move(made));
    replies[static_cast<size_t>(index)].example.line =
        chosen[static_cast<size_t>(index / options.group)] + 1;
    return true;
  };
  TRY(generate_each(policy.model, policy.engine, kTogether, stream));
  return replies;
}

}  // namespace hearth::train
