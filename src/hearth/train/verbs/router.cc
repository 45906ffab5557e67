// See router.h. With s the scores of the chosen and S their sum: w = factor s / S, so
//   ds_i = factor / S (dw_i - sum of dw_j s_j / S)     (and factor dw_i without the division).
#include "hearth/train/verbs/router.h"

#include <cmath>

#include "hearth/backend/router.h"

namespace hearth::train {
namespace {

constexpr double kSumFloor = 1e-20;  // choose_experts adds it, too

template <typename T>
void score_row(ExpertScoring scoring, T* row, int64_t n) {
  if (scoring == ExpertScoring::sigmoid) {
    for (int64_t i = 0; i < n; ++i) row[i] = 1 / (1 + std::exp(-row[i]));
    return;
  }
  const T top = *std::max_element(row, row + n);
  T sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += row[i] = std::exp(row[i] - top);
  for (int64_t i = 0; i < n; ++i) row[i] /= sum;
}

template <typename T>
T chosen_sum(const Routing<T>& r, int64_t t) {
  T sum = 0;
  for (int64_t k = 0; k < r.chosen; ++k) {
    sum += r.scores.row(t)[r.ids[static_cast<size_t>(t * r.chosen + k)]];
  }
  return sum + static_cast<T>(kSumFloor);
}

// Gradient of the scores -> gradient of the logits.
template <typename T>
void logits_gradient(ExpertScoring scoring, const T* scores, T* gradient, int64_t n) {
  if (scoring == ExpertScoring::sigmoid) {
    for (int64_t i = 0; i < n; ++i) gradient[i] *= scores[i] * (1 - scores[i]);
    return;
  }
  T mean = 0;
  for (int64_t i = 0; i < n; ++i) mean += gradient[i] * scores[i];
  for (int64_t i = 0; i < n; ++i) gradient[i] = scores[i] * (gradient[i] - mean);
}

}  // namespace

template <typename T>
Routing<T> route(Compute& c, const RouteExperts& rule, Matrix<T> scores) {
  Routing<T> out;
  out.chosen = rule.num_experts_per_tok;
  out.ids.resize(static_cast<size_t>(scores.rows * out.chosen));
  out.weights.resize(out.ids.size());
  out.scores = scores;
  c.in_pieces(scores.rows, kRowsPiece, [&](int64_t begin, int64_t end) {
    std::vector<float> logits(static_cast<size_t>(scores.columns));
    std::vector<float> ignored(static_cast<size_t>(out.chosen));
    for (int64_t t = begin; t < end; ++t) {
      T* row = scores.row(t);
      std::transform(row, row + scores.columns, logits.begin(),
                     [](T x) { return static_cast<float>(x); });
      choose_experts(rule, logits, out.ids.data() + t * out.chosen, ignored.data());
      score_row(rule.scoring, row, scores.columns);
      const T divisor = rule.norm_topk_prob ? chosen_sum(out, t) : T(1);
      for (int64_t k = 0; k < out.chosen; ++k) {
        const auto slot = static_cast<size_t>(t * out.chosen + k);
        out.weights[slot] =
            row[out.ids[slot]] / divisor * static_cast<T>(rule.routed_scaling_factor);
      }
    }
  });
  return out;
}

template <typename T>
void route_backward(Compute& c, const RouteExperts& rule, const Routing<T>& r,
                    const std::vector<T>& weight_gradients, Matrix<T> score_gradients) {
  const T factor = static_cast<T>(rule.routed_scaling_factor);
  c.in_pieces(r.scores.rows, kRowsPiece, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const T* scores = r.scores.row(t);
      T* gradient = score_gradients.row(t);
      const T sum = rule.norm_topk_prob ? chosen_sum(r, t) : T(1);
      const auto first = static_cast<size_t>(t * r.chosen);
      T mean = 0;
      for (size_t k = first; rule.norm_topk_prob && k < first + static_cast<size_t>(r.chosen);
           ++k) {
        mean += weight_gradients[k] * scores[r.ids[k]] / sum;
      }
      for (size_t k = first; k < first + static_cast<size_t>(r.chosen); ++k) {
        gradient[r.ids[k]] += factor / sum * (weight_gradients[k] - mean);
      }
      logits_gradient(rule.scoring, scores, gradient, r.scores.columns);
    }
  });
}

template <typename T>
double balance_loss(const Routing<T>& r, std::span<const Document> documents, double alpha,
                    double weight, Matrix<T> score_gradients) {
  const int64_t experts = r.scores.columns;
  const auto count = static_cast<size_t>(experts);
  double loss = 0;
  for (const Document& d : documents) {
    std::vector<double> share(count);
    for (int64_t i = d.begin * r.chosen; i < (d.begin + d.rows) * r.chosen; ++i) {
      share[static_cast<size_t>(r.ids[static_cast<size_t>(i)])] +=
          static_cast<double>(experts) / static_cast<double>(r.chosen * d.rows);
    }
    for (int64_t t = d.begin; t < d.begin + d.rows; ++t) {
      const T* scores = r.scores.row(t);
      double sum = 0;
      double met = 0;  // sum of f times share of the score
      for (size_t i = 0; i < count; ++i) sum += static_cast<double>(scores[i]);
      for (size_t i = 0; i < count; ++i) met += share[i] * static_cast<double>(scores[i]) / sum;
      loss += alpha * met;
      for (size_t i = 0; i < count; ++i) {
        score_gradients.row(t)[i] += static_cast<T>(weight * alpha * (share[i] - met) / sum);
      }
    }
  }
  return loss;
}

template struct Routing<float>;
template struct Routing<double>;
template Routing<float> route(Compute&, const RouteExperts&, Matrix<float>);
template Routing<double> route(Compute&, const RouteExperts&, Matrix<double>);
template void route_backward(Compute&, const RouteExperts&, const Routing<float>&,
                             const std::vector<float>&, Matrix<float>);
template void route_backward(Compute&, const RouteExperts&, const Routing<double>&,
                             const std::vector<double>&, Matrix<double>);
template double balance_loss(const Routing<float>&, std::span<const Document>, double, double,
                             Matrix<float>);
template double balance_loss(const Routing<double>&, std::span<const Document>, double, double,
                             Matrix<double>);

}  // namespace hearth::train
