// See run.h.
#include "hearth/eval/run.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "hearth/base/random.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

struct Task {
  int64_t item;
  int64_t sample;
};

// The run's seed mixed with the place of the reply: what is drawn for a reply depends
// neither on what runs beside it nor on what was done before a break.
uint64_t seed_of(uint64_t seed, const Task& task) {
  return splitmix64(seed + kSplitMixStep * (1 + (static_cast<uint64_t>(task.item) << 16) +
                                            static_cast<uint64_t>(task.sample)));
}

Result<TextRequest> request_for(const EvalItem& item, const TextModel& model) {
  TextRequest request;
  ChatRequest chat;
  chat.messages = Json::array({{{"role", "user"}, {"content", item.prompt}}});
  TRY_ASSIGN(request.prompt, model.chat(chat));
  return request;
}

void add(Score& score, const EvalRecord& record) {
  score.right += record.judgement.right() ? 1 : 0;
  score.sum += record.judgement.value;
  score.replies += 1;
  score.n += record.sample == 0 ? 1 : 0;
}

void summarise(EvalResult& result, const std::vector<EvalItem>& items) {
  std::sort(result.records.begin(), result.records.end(),
            [](const EvalRecord& a, const EvalRecord& b) {
              return std::pair(a.item, a.sample) < std::pair(b.item, b.sample);
            });
  for (const EvalRecord& record : result.records) {
    const EvalItem& item = items[static_cast<size_t>(record.item)];
    if (!item.group.empty()) add(result.groups[item.group], record);
    if (!item.detail.empty()) add(result.details[item.detail], record);
    result.tokens += record.tokens;
  }
}

}  // namespace

double pass_at_k(int64_t n, int64_t c, int64_t k) {
  CHECK(0 <= c && c <= n && 1 <= k && k <= n);
  if (n - c < k) return 1;
  double none = 1;  // the chance that k of n replies, drawn without putting back, are all wrong
  for (int64_t i = n - c + 1; i <= n; ++i) {
    none *= 1 - static_cast<double>(k) / static_cast<double>(i);
  }
  return 1 - none;
}

std::map<int64_t, double> pass_at(const std::vector<EvalRecord>& records, int64_t samples) {
  std::map<int64_t, int64_t> right;  // by item
  for (const EvalRecord& record : records) {
    right[record.item] += record.judgement.right() ? 1 : 0;
  }
  std::map<int64_t, double> out;
  for (const int64_t k : {int64_t{1}, int64_t{2}, int64_t{5}, int64_t{10}, int64_t{100}, samples}) {
    if (k > samples || right.empty()) continue;
    double sum = 0;
    for (const auto& [item, c] : right) sum += pass_at_k(samples, c, k);
    out[k] = sum / static_cast<double>(right.size());
  }
  return out;
}

Result<EvalResult> run_suite(const Suite& suite, const std::vector<EvalItem>& items,
                             const TextModel& model, Engine& engine, EvalSettings settings) {
  EvalResult result;
  std::set<std::pair<int64_t, int64_t>> done;
  for (EvalRecord& record : settings.earlier) {
    done.emplace(record.item, record.sample);
    add(result.all, record);
    result.records.push_back(std::move(record));
  }
  std::vector<Task> tasks;
  for (int64_t item = 0; item < static_cast<int64_t>(items.size()); ++item) {
    for (int64_t sample = 0; sample < settings.samples; ++sample) {
      if (!done.contains({item, sample})) tasks.push_back({item, sample});
    }
  }
  const auto total = static_cast<int64_t>(tasks.size() + done.size());
  const Clock::time_point start = Clock::now();
  Status recorded;
  size_t next = 0;
  RequestStream stream;
  stream.next = [&]() -> Result<std::optional<TextRequest>> {
    if (next == tasks.size()) return std::optional<TextRequest>();
    const Task task = tasks[next++];
    TRY_ASSIGN(TextRequest request, request_for(items[static_cast<size_t>(task.item)], model));
    request.sampling = settings.sampling;
    request.adapter = settings.adapter;
    request.sampling.seed = seed_of(settings.sampling.seed, task);
    request.max_tokens = settings.max_tokens > 0 ? settings.max_tokens : suite.max_tokens;
    return std::optional<TextRequest>(std::move(request));
  };
  stream.on_reply = [&](int64_t index, TextReply reply) {
    const Task task = tasks[static_cast<size_t>(index)];
    const EvalItem& item = items[static_cast<size_t>(task.item)];
    EvalRecord record = record_of(task.item, task.sample, item, std::move(reply));
    auto judged = suite.judge(item, record.reply);
    if (!judged) {
      recorded = std::move(judged).status();
      return false;
    }
    record.judgement = *std::move(judged);
    add(result.all, record);
    result.new_tokens += record.tokens;
    if (settings.on_record) recorded = settings.on_record(record);
    result.records.push_back(std::move(record));
    if (!recorded.is_ok()) return false;
    const auto so_far = static_cast<int64_t>(result.records.size());
    return !settings.progress || settings.progress(so_far, total, result.all);
  };
  Status ran = generate_each(model, engine, settings.batch, stream);
  if (!recorded.is_ok()) return recorded;
  if (!ran.is_ok()) return ran;
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  summarise(result, items);
  if (suite.measures) result.measures = suite.measures(result.records);
  return result;
}

}  // namespace hearth
