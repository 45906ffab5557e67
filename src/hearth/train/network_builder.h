// NetworkBuilder: from the tensors that a model declares to the layers of a Network. A tensor stays
// frozen as it is stored, learns as values of its own, or gets an adapter beside it.
#pragma once

#include <map>
#include <string>

#include "hearth/models/deepseek/model.h"
#include "hearth/models/dense/model.h"
#include "hearth/train/layers/gqa.h"
#include "hearth/train/layers/mla.h"
#include "hearth/train/network.h"

namespace hearth::train {

template <typename T>
class NetworkBuilder {
 public:
  NetworkBuilder(Model& model, const NetworkOptions& options);

  void build(const DenseConfig& config);
  void build(const DeepseekConfig& config);
  std::unique_ptr<Network<T>> take() { return std::move(network_); }

 private:
  struct Named {
    TensorSpec spec;
    Weight* weight;
  };

  // nullptr: the checkpoint lacks it, or it has no such name.
  const Named* find(const std::string& name) const;
  Parameter<T>* add_parameter(const std::string& name, const Tensor& values, bool learns);
  Parameter<T>* vector(const std::string& name);  // nullptr: absent
  Operand<T> matrix(const std::string& name);
  Projection<T> projection(const std::string& module);
  RmsNorm<T> norm(const std::string& module, double eps);
  void add_adapter(const std::string& module, Projection<T>& projection);
  void ends(double eps, bool tied);  // embedding, last norm and head
  Swiglu<T> swiglu(const std::string& at);
  void gqa(const std::string& at, const DenseConfig& config);
  void mla(const std::string& at, int64_t layer, const DeepseekConfig& config);
  void moe(const std::string& at, const DeepseekConfig& config);
  Projection<T> latent_expansion(const std::string& at, int64_t layer,
                                 const DeepseekConfig& config);

  const NetworkOptions& options_;
  std::map<std::string, Named> tensors_;  // by Hugging Face's name, else by llama.cpp's
  std::unique_ptr<Network<T>> network_;
};

}  // namespace hearth::train
