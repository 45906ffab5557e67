// See run.h.
#include "hearth/eval/run.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "hearth/base/random.h"
#include "hearth/eval/judging.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

// The run's seed mixed with the place of the reply: what is drawn for a reply depends neither
// on what runs beside it nor on what was done before a break.
uint64_t seed_of(uint64_t seed, int64_t item, int64_t sample) {
  return splitmix64(seed + kSplitMixStep * (1 + (static_cast<uint64_t>(item) << 16) +
                                            static_cast<uint64_t>(sample)));
}

void add(ScoreTable& table, const EvalItem& item, const EvalRecord& record) {
  const auto keep = [](std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  keep(table.rows, item.cell.row);
  keep(table.columns, item.cell.column);
  hearth::add(table.cells[{item.cell.row, item.cell.column}], record);
}

void summarise(EvalResult& result, const std::vector<EvalItem>& items) {
  std::sort(result.records.begin(), result.records.end(),
            [](const EvalRecord& a, const EvalRecord& b) {
              return std::pair(a.item, a.sample) < std::pair(b.item, b.sample);
            });
  for (const EvalRecord& record : result.records) {
    const EvalItem& item = items[static_cast<size_t>(record.item)];
    if (!item.group.empty()) hearth::add(result.groups[item.group], record);
    if (!item.detail.empty()) hearth::add(result.details[item.detail], record);
    if (!item.cell.row.empty()) add(result.table, item, record);
    result.tokens += record.tokens;
  }
}

}  // namespace

void add(Score& score, const EvalRecord& record) {
  score.right += record.judgement.right() ? 1 : 0;
  score.sum += record.judgement.value;
  score.replies += 1;
  score.n += record.sample == 0 ? 1 : 0;
}

double pass_at_k(int64_t n, int64_t c, int64_t k) {
  CHECK(0 <= c && c <= n && 1 <= k && k <= n);
  if (n - c < k) return 1;
  double none = 1;  // the chance that k of n replies, drawn without putting back, are all wrong
  for (int64_t i = n - c + 1; i <= n; ++i) {
    none *= 1 - static_cast<double>(k) / static_cast<double>(i);
  }
  return 1 - none;
}

std::map<int64_t, Estimate> pass_at(const std::vector<EvalRecord>& records, int64_t samples) {
  std::map<int64_t, int64_t> right;  // by item
  for (const EvalRecord& record : records) {
    right[record.item] += record.judgement.right() ? 1 : 0;
  }
  std::map<int64_t, Estimate> out;
  for (const int64_t k : {int64_t{1}, int64_t{2}, int64_t{5}, int64_t{10}, int64_t{100}, samples}) {
    if (k > samples || right.empty()) continue;
    std::vector<double> of_items;
    double sum = 0;
    for (const auto& [item, c] : right) sum += of_items.emplace_back(pass_at_k(samples, c, k));
    const double share = sum / static_cast<double>(right.size());
    // Of problems that are all equal every draw is the same: that would say nothing of others.
    const bool all_equal = share == 0 || share == 1;
    out[k] = {share, all_equal ? wilson95_of_share(share, std::ssize(of_items))
                               : bootstrap95_of_mean(of_items)};
  }
  return out;
}

Result<EvalResult> run_suite(const Suite& suite, const std::vector<EvalItem>& items,
                             const ReplySource& replies, EvalSettings settings) {
  EvalResult result;
  std::set<std::pair<int64_t, int64_t>> done;
  for (EvalRecord& record : settings.earlier) {
    done.emplace(record.item, record.sample);
    add(result.all, record);
    result.records.push_back(std::move(record));
  }
  std::vector<ReplyTask> tasks;
  for (int64_t item = 0; item < std::ssize(items); ++item) {
    for (int64_t sample = 0; sample < settings.samples; ++sample) {
      if (done.contains({item, sample})) continue;
      tasks.push_back({item, sample, seed_of(settings.seed, item, sample)});
    }
  }
  const auto total = static_cast<int64_t>(tasks.size() + done.size());
  const auto item_of = [&](int64_t item) -> const EvalItem& {
    return items[static_cast<size_t>(item)];
  };
  const auto judge = [&](const EvalRecord& record) {
    return suite.judge(item_of(record.item), record.reply);
  };
  const auto deliver = [&](EvalRecord record) -> Status {
    add(result.all, record);
    result.new_tokens += record.tokens;
    if (settings.on_record) TRY(settings.on_record(record));
    result.records.push_back(std::move(record));
    const int64_t so_far = std::ssize(result.records);
    if (!settings.progress || settings.progress(so_far, total, result.all)) return Status::ok();
    return error(Code::cancelled, "stopped after {} replies", so_far);
  };
  const Clock::time_point start = Clock::now();
  Judging judging(judge, deliver, settings.judges > 0 ? settings.judges : judging_threads());
  const Status made = replies(items, tasks, [&](size_t index, MadeReply reply) {
    const ReplyTask& task = tasks[index];
    return judging.put(record_of(task.item, task.sample, item_of(task.item), std::move(reply)));
  });
  // What ended before an error is judged and recorded all the same.
  TRY(judging.finish());
  TRY(made);
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  summarise(result, items);
  if (suite.measures) result.measures = suite.measures(result.records);
  return result;
}

}  // namespace hearth
