// SwiGLU, alone and as the experts of a mixture.
#pragma once

#include <vector>

#include "hearth/train/layers/sublayer.h"
#include "hearth/train/verbs/linear.h"
#include "hearth/train/verbs/norm.h"
#include "hearth/train/verbs/router.h"

namespace hearth::train {

// down(silu(gate x) * up x), and what its backward pass needs.
template <typename T>
struct Swiglu {
  Projection<T> gate, up, down;

  struct Saved {
    Matrix<T> x, gate, up, a;
  };
  Saved forward(Compute& c, Matrix<T> x, Matrix<T> y, Into into) const;
  // dx [rows, in] = or += ; overwrites saved.gate and saved.up.
  void backward(Compute& c, const Saved& saved, Matrix<T> dy, Matrix<T> dx, Into into) const;
};

template <typename T>
class SwigluSublayer : public Sublayer<T> {
 public:
  SwigluSublayer(RmsNorm<T> norm, Swiglu<T> mlp) : norm_(norm), mlp_(mlp) {}
  Matrix<T> forward(Pass& pass, Matrix<T> x) override;
  void backward(Pass& pass, Matrix<T> dx) override;

 private:
  RmsNorm<T> norm_;
  Swiglu<T> mlp_;
  Matrix<T> x_;
  typename Swiglu<T>::Saved saved_;
};

template <typename T>
struct MoeTensors {
  RmsNorm<T> norm;
  Projection<T> router;             // [experts, hidden]
  Parameter<T>* balance = nullptr;  // e_score_correction_bias [experts]; null: it has none
  std::vector<Swiglu<T>> experts;
  Swiglu<T> shared;
  bool has_shared = false;
  RouteExperts rule;  // the model's constants; tensors unset
};

// Routed and shared experts. No token is dropped, whatever the load.
template <typename T>
class MoeSublayer : public Sublayer<T> {
 public:
  explicit MoeSublayer(MoeTensors<T> weights);
  Matrix<T> forward(Pass& pass, Matrix<T> x) override;
  void backward(Pass& pass, Matrix<T> dx) override;

  void set_balance_alpha(double alpha) { balance_alpha_ = alpha; }
  // Ends an optimizer step: moves the bias of each expert by `rate` towards an equal load
  // (auxiliary-loss-free balancing, DeepSeek-V3, section 2.1.2), starts counting again and returns
  // MaxVio = max load / mean load - 1 of that step.
  double end_step(double rate);

 private:
  struct Group {                 // the tokens of one expert
    std::vector<int64_t> slots;  // token * chosen + which of its experts this is
    typename Swiglu<T>::Saved saved;
    Matrix<T> out;  // before it is weighted
  };
  RouteExperts rule() const;
  void copy_balance();
  void expert_forward(Pass& pass, size_t expert, Matrix<T> y);
  void expert_backward(Pass& pass, size_t expert, Matrix<T> dx, Matrix<T> dnormed,
                       std::vector<T>& weight_gradients);

  MoeTensors<T> w_;
  std::vector<float> balance_;  // the bias as the router reads it
  Weight balance_weight_;
  double balance_alpha_ = 0;
  std::vector<int64_t> load_;  // tokens of each expert since the last step ended
  Matrix<T> x_, normed_;
  Routing<T> routing_;
  typename Swiglu<T>::Saved shared_;
  std::vector<Group> groups_;
};

}  // namespace hearth::train
