// See perplexity.h.
#include "hearth/eval/perplexity.h"

#include <algorithm>
#include <cmath>

#include "hearth/engine/engine.h"
#include "hearth/eval/stored_logits.h"

namespace hearth {
namespace {

struct Window {
  std::vector<int32_t> ids;  // with the opening token
  int64_t first_scored;      // rows [first_scored, size - 1) predict tokens that count
};

std::vector<Window> cut(const std::vector<int32_t>& ids, std::optional<int32_t> bos,
                        int64_t window) {
  std::vector<Window> out;
  const auto total = static_cast<int64_t>(ids.size());
  const int64_t lead = bos ? 1 : 0;
  const int64_t room = std::max<int64_t>(2, window - lead);
  int64_t scored = 1;  // tokens [0, scored) need no score any more
  for (int64_t begin = 0; scored < total; begin += room / 2) {
    const int64_t end = std::min(total, begin + room);
    Window w;
    if (bos) w.ids.push_back(*bos);
    w.ids.insert(w.ids.end(), ids.begin() + begin, ids.begin() + end);
    w.first_scored = scored - begin + lead - 1;  // the row before token `scored`
    scored = end;
    out.push_back(std::move(w));
  }
  return out;
}

using Rows = std::vector<std::vector<float>>;

// Logits of the rows that count in one window.
Result<Rows> logits_of(const LogitSource& source, const Window& window) {
  EngineOptions options;
  options.context = static_cast<int64_t>(window.ids.size()) + 1;
  options.kv_format = source.kv_format;
  Engine engine(*source.model, *source.backend, options, {});
  Rows rows;
  int64_t index = 0;
  const auto last = static_cast<int64_t>(window.ids.size()) - 1;
  TokenRequest request;
  request.prompt = window.ids;
  request.max_tokens = 0;
  TokenSink sink;
  sink.on_logits = [&](std::span<const float> row) {
    if (index >= window.first_scored && index < last) rows.emplace_back(row.begin(), row.end());
    ++index;
  };
  TRY(engine.submit(std::move(request), std::move(sink)));
  while (!engine.idle()) engine.step();
  return rows;
}

double log_sum_exp(const std::vector<float>& row) {
  const double top = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (float v : row) sum += std::exp(v - top);
  return top + std::log(sum);
}

// KL(reference || model) of two rows of logits, in nats.
double divergence(const std::vector<float>& reference, const std::vector<float>& model) {
  const double lr = log_sum_exp(reference);
  const double lm = log_sum_exp(model);
  double kl = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double log_p = reference[i] - lr;
    kl += std::exp(log_p) * (log_p - (model[i] - lm));
  }
  return std::max(0.0, kl);
}

int64_t best(const std::vector<float>& row) {
  return std::max_element(row.begin(), row.end()) - row.begin();
}

struct Sums {
  std::vector<double> losses;
  std::vector<double> divergences;
  int64_t same = 0;
};

void score(const Window& window, const Rows& rows, const Rows* reference, Sums& sums) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto next = static_cast<size_t>(window.first_scored) + i + 1;
    const auto token = static_cast<size_t>(window.ids[next]);
    sums.losses.push_back(log_sum_exp(rows[i]) - rows[i][token]);
    if (!reference) continue;
    sums.divergences.push_back(divergence((*reference)[i], rows[i]));
    sums.same += best((*reference)[i]) == best(rows[i]) ? 1 : 0;
  }
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

PerplexityResult summarise(Sums& sums) {
  PerplexityResult out;
  out.tokens = static_cast<int64_t>(sums.losses.size());
  const double loss = mean(sums.losses);
  double variance = 0;
  for (double v : sums.losses) variance += (v - loss) * (v - loss);
  const auto n = static_cast<double>(out.tokens);
  variance /= std::max(1.0, n - 1);
  out.ppl = std::exp(loss);
  out.ppl_stderr = out.ppl * std::sqrt(variance / n);
  if (sums.divergences.empty()) return out;
  out.kld_mean = mean(sums.divergences);
  out.same_top1 = static_cast<double>(sums.same) / n;
  std::sort(sums.divergences.begin(), sums.divergences.end());
  const auto rank = static_cast<size_t>(0.99 * static_cast<double>(sums.divergences.size() - 1));
  out.kld_p99 = sums.divergences[rank];
  return out;
}

// `total`: tokens, for the progress.
Result<PerplexityResult> measure(const LogitSource& subject,
                                 const std::optional<LogitSource>& reference,
                                 const std::vector<Window>& windows, int64_t total,
                                 const PerplexitySettings& settings) {
  Sums sums;
  for (const Window& window : windows) {
    TRY_ASSIGN(const Rows rows, logits_of(subject, window));
    std::optional<Rows> other;
    if (settings.against != nullptr) {
      TRY_ASSIGN(other, settings.against->rows(std::ssize(sums.losses), std::ssize(rows)));
    } else if (reference) {
      TRY_ASSIGN(other, logits_of(*reference, window));
    }
    if (settings.on_logits) {
      for (const std::vector<float>& row : rows) TRY(settings.on_logits(row));
    }
    score(window, rows, other ? &*other : nullptr, sums);
    const auto done = static_cast<int64_t>(sums.losses.size());
    if (settings.progress && !settings.progress(done, total)) {
      return error(Code::cancelled, "stopped after {} tokens", done);
    }
  }
  return summarise(sums);
}

}  // namespace

Result<PerplexityResult> perplexity(const LogitSource& subject,
                                    const std::optional<LogitSource>& reference,
                                    const std::vector<int32_t>& ids, std::optional<int32_t> bos,
                                    const PerplexitySettings& settings) {
  if (ids.size() < 2) {
    return error(Code::invalid, "text: expected at least two tokens, found {}", ids.size());
  }
  if (settings.against != nullptr) {
    if (reference) return error(Code::invalid, "expected a reference or its logits, found both");
    TRY(settings.against->check({ids, bos, settings.window, subject.model->info().vocab_size}));
  }
  return measure(subject, reference, cut(ids, bos, settings.window), std::ssize(ids), settings);
}

Result<PerplexityResult> perplexity(const LogitSource& subject,
                                    const std::optional<LogitSource>& reference,
                                    const std::vector<ScoredReply>& replies,
                                    const PerplexitySettings& settings) {
  CHECK(settings.against == nullptr);  // they are of a text
  std::vector<Window> windows;
  int64_t total = 0;
  for (const ScoredReply& reply : replies) {
    const int64_t scored = std::ssize(reply.ids) - reply.scored_from;
    if (reply.scored_from < 1 || scored < 1) {
      return error(Code::invalid, "reply: expected tokens before and behind {}, found {} in all",
                   reply.scored_from, reply.ids.size());
    }
    windows.push_back({reply.ids, reply.scored_from - 1});
    total += scored;
  }
  if (windows.empty()) return error(Code::invalid, "replies: expected at least one, found none");
  return measure(subject, reference, windows, total, settings);
}

}  // namespace hearth
