// See replies.h: replies of the engine, whose batch stays full.
#include <nlohmann/json.hpp>

#include "hearth/eval/replies.h"

namespace hearth {
namespace {

Result<TextRequest> request_for(const EvalItem& item, const TextModel& model) {
  TextRequest request;
  ChatRequest chat;
  chat.messages = Json::array({{{"role", "user"}, {"content", item.prompt}}});
  TRY_ASSIGN(request.prompt, model.chat(chat));
  return request;
}

}  // namespace

ReplySource engine_replies(const TextModel& model, Engine& engine, EngineReplies options) {
  return [&model, &engine, options = std::move(options)](const std::vector<EvalItem>& items,
                                                         const std::vector<ReplyTask>& tasks,
                                                         const TakeReply& take) {
    size_t next = 0;
    RequestStream stream;
    stream.next = [&]() -> Result<std::optional<TextRequest>> {
      if (next == tasks.size()) return std::optional<TextRequest>();
      const ReplyTask& task = tasks[next++];
      TRY_ASSIGN(TextRequest request, request_for(items[static_cast<size_t>(task.item)], model));
      request.sampling = options.sampling;
      request.sampling.seed = task.seed;
      request.adapter = options.adapter;
      request.max_tokens = options.max_tokens;
      return std::optional<TextRequest>(std::move(request));
    };
    if (options.energy != nullptr) stream.joules = [&] { return options.energy->joules(); };
    stream.on_reply = [&](int64_t index, TextReply reply, const ReplyCost& cost) {
      MadeReply made;
      made.text = std::move(reply.text);
      made.reasoning = std::move(reply.reasoning);
      made.finish_reason = finish_reason_name(reply.finish_reason);
      made.tokens = std::ssize(reply.output_ids);
      made.seconds = cost.seconds;
      if (options.energy != nullptr) made.joules = cost.joules;
      return take(static_cast<size_t>(index), std::move(made));
    };
    return generate_each(model, engine, options.batch, stream);
  };
}

}  // namespace hearth
