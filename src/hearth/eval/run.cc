// See run.h.
#include "hearth/eval/run.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hearth {
namespace {

Result<TextRequest> request_for(const EvalItem& item, const Suite& suite, const TextModel& model,
                                const EvalSettings& settings) {
  TextRequest request;
  ChatRequest chat;
  chat.messages = Json::array({{{"role", "user"}, {"content", item.prompt}}});
  TRY_ASSIGN(request.prompt, model.chat(chat));
  request.sampling = settings.sampling;
  request.max_tokens = suite.max_tokens;
  return request;
}

void count(EvalResult& result, const EvalRecord& record) {
  for (Score* score :
       {&result.all, &result.groups[record.item.group], &result.details[record.item.detail]}) {
    ++score->n;
    score->right += record.right ? 1 : 0;
  }
}

void add(Timings& sum, const Timings& part) {
  sum.prefill_tokens += part.prefill_tokens;
  sum.prefill_ms += part.prefill_ms;
  sum.decode_tokens += part.decode_tokens;
  sum.decode_ms += part.decode_ms;
}

}  // namespace

Result<EvalResult> run_suite(const Suite& suite, std::vector<EvalItem> items,
                             const TextModel& model, Engine& engine, const EvalSettings& settings) {
  if (settings.limit > 0 && static_cast<int64_t>(items.size()) > settings.limit) {
    items.resize(static_cast<size_t>(settings.limit));
  }
  EvalResult result;
  const auto total = static_cast<int64_t>(items.size());
  for (size_t begin = 0; begin < items.size(); begin += static_cast<size_t>(settings.batch)) {
    const size_t end = std::min(items.size(), begin + static_cast<size_t>(settings.batch));
    std::vector<TextRequest> requests;
    for (size_t i = begin; i < end; ++i) {
      TRY_ASSIGN(TextRequest request, request_for(items[i], suite, model, settings));
      requests.push_back(std::move(request));
    }
    Timings timings;
    TRY_ASSIGN(std::vector<TextReply> replies,
               generate(model, engine, std::move(requests), &timings));
    add(result.timings, timings);
    for (size_t i = begin; i < end; ++i) {
      EvalRecord record{items[i], std::move(replies[i - begin]), false};
      record.right = suite.is_right(record.item, record.reply.text);
      count(result, record);
      result.records.push_back(std::move(record));
    }
    if (settings.progress && !settings.progress(static_cast<int64_t>(end), total)) {
      return error(Code::cancelled, "stopped after {} of {} items", end, total);
    }
  }
  return result;
}

}  // namespace hearth
