// See observed_backend.h. Norms are the reference's; hidden rows of experts come from the child's
// own verb on the rows of each expert.
#include "hearth/backend/observed/observed_backend.h"

#include <algorithm>
#include <vector>

#include "hearth/backend/reference/scalar.h"

namespace hearth {

// The first `columns` of each row, normed, in scratch.
Tensor ObservedBackend::normed(Tensor x, const Norm& norm, int64_t columns) {
  const Tensor out = child_.scratch({x.rows(), columns});
  for (int64_t t = 0; t < x.rows(); ++t) {
    reference::rms_norm(x.f32_row(t), columns, norm, out.f32_row(t));
  }
  return out;
}

void ObservedBackend::embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  child_.embed_rows(table, ids, out);
}

void ObservedBackend::norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) {
  {
    const ScratchScope scope(child_);
    const Tensor inputs = normed(x, norm, x.columns());
    for (const LinearOut& to : outs) observer_.on_linear(to.linear->weight, inputs);
  }
  child_.norm_linear(x, norm, outs);
}

void ObservedBackend::qk_norm(Tensor x, const Norm& norm, int64_t head_dim) {
  child_.qk_norm(x, norm, head_dim);
}

void ObservedBackend::attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) {
  child_.attend_gqa(args, batch, cache);
}

void ObservedBackend::attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) {
  {
    const ScratchScope scope(child_);
    observer_.on_mla(args, normed(args.kv, *args.kv_a_norm, args.kv_lora_rank));
  }
  child_.attend_mla(args, batch, cache);
}

void ObservedBackend::linear_add(Tensor x, const Linear& linear, Tensor residual) {
  observer_.on_linear(linear.weight, x);
  child_.linear_add(x, linear, residual);
}

void ObservedBackend::norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate,
                                         const Linear& up, Tensor out) {
  {
    const ScratchScope scope(child_);
    const Tensor inputs = normed(x, norm, x.columns());
    observer_.on_linear(gate.weight, inputs);
    observer_.on_linear(up.weight, inputs);
  }
  child_.norm_linear_swiglu(x, norm, gate, up, out);
}

// An observer is told what the model's own weights see.
void ObservedBackend::add_low_rank(Tensor x, const Norm& norm, std::span<const LowRankAdd> adds) {
  child_.add_low_rank(x, norm, adds);
}

void ObservedBackend::swiglu(Tensor gate, Tensor up) {
  child_.swiglu(gate, up);
}

void ObservedBackend::route_experts(const RouteExperts& args) {
  {
    const ScratchScope scope(child_);
    observer_.on_linear(*args.gate, normed(args.x, *args.norm, args.x.columns()));
  }
  child_.route_experts(args);
}

void ObservedBackend::observe_expert(const Expert& expert, Tensor inputs) {
  observer_.on_linear(expert.gate_proj.weight, inputs);
  observer_.on_linear(expert.up_proj.weight, inputs);
  const Tensor hidden = child_.scratch({inputs.rows(), expert.gate_proj.weight.out()});
  child_.norm_linear_swiglu(inputs, Norm{}, expert.gate_proj, expert.up_proj, hidden);
  observer_.on_linear(expert.down_proj.weight, hidden);
}

void ObservedBackend::moe_ffn(const MoeFfn& args) {
  {
    const ScratchScope scope(child_);
    const int64_t chosen = args.num_experts_per_tok;
    const Tensor all = normed(args.x, *args.norm, args.x.columns());
    std::vector<std::vector<int64_t>> tokens(args.experts.size());
    for (int64_t i = 0; i < args.x.rows() * chosen; ++i) {
      tokens[static_cast<size_t>(args.ids[i])].push_back(i / chosen);
    }
    for (size_t e = 0; e < tokens.size(); ++e) {
      if (tokens[e].empty()) continue;
      const ScratchScope each(child_);
      const Tensor inputs =
          child_.scratch({static_cast<int64_t>(tokens[e].size()), args.x.columns()});
      child_.gather_rows(all, tokens[e], inputs);
      observe_expert(args.experts[e], inputs);
    }
  }
  child_.moe_ffn(args);
}

void ObservedBackend::gather_rows(Tensor x, std::span<const int64_t> rows, Tensor out) {
  child_.gather_rows(x, rows, out);
}

void ObservedBackend::head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) {
  {
    const ScratchScope scope(child_);
    observer_.on_linear(head.weight, normed(x, norm, x.columns()));
  }
  child_.head_logits(x, norm, head, logits);
}

}  // namespace hearth
