// See collect_imatrix.h. Weights are told apart by where they lie: a tied output is the embedding.
#include "hearth/convert/collect_imatrix.h"

#include <algorithm>
#include <memory>

#include "hearth/backend/observed/observed_backend.h"
#include "hearth/base/checked_math.h"

namespace hearth {
namespace {

// Rows whose logits are asked for: the head sees enough of the text, and costs little of the time.
constexpr int64_t kHeadEvery = 16;

// What tells weights apart: a packed weight may have let go of its stored bytes.
const void* key_of(const Weight& weight) {
  return weight.form ? static_cast<const void*>(weight.form.get()) : weight.tensor.data;
}

class Collector : public ActivationObserver {
 public:
  Collector(Model& model, CollectedImatrix& out) : out_(out) {
    std::map<std::string, int64_t> experts;
    model.visit_tensors([&](const TensorSpec& spec, Weight& slot) {
      const bool weighed = spec.kind == TensorKind::matrix || spec.kind == TensorKind::embedding;
      if (!weighed || spec.gguf_name.empty() || !slot.present()) return;
      // Both MLA forms are summed from on_mla.
      places_[key_of(slot)] = {spec.gguf_name, std::max<int64_t>(0, spec.expert)};
      if (spec.expert >= 0) experts[spec.gguf_name] = spec.expert + 1;
    });
    for (const auto& [name, count] : experts) out_.tensors[name].groups = count;
  }

  void on_linear(const Weight& weight, Tensor x) override {
    const auto place = places_.find(key_of(weight));
    if (place == places_.end()) return;  // a router
    add(place->second.name, place->second.group, x, 0, x.columns());
  }

  void on_mla(const AttendMla& args, Tensor latents) override {
    const std::string prefix = fmt::format("blk.{}.", args.layer);
    add(prefix + "attn_kv_b.weight", 0, latents, 0, args.kv_lora_rank);
    // llama.cpp wants the split-off values head by head; all heads see the same latents.
    const std::string values = prefix + "attn_v_b.weight";
    out_.tensors[values].groups = args.heads;
    for (int64_t head = 0; head < args.heads; ++head) {
      add(values, head, latents, 0, args.kv_lora_rank);
    }
    // Transposed, k_b is multiplied by the unrotated part of each head's query.
    const std::string keys = prefix + "attn_k_b.weight";
    out_.tensors[keys].groups = args.heads;
    const int64_t width = args.qk_nope_head_dim + args.qk_rope_head_dim;
    for (int64_t head = 0; head < args.heads; ++head) {
      add(keys, head, args.q, head * width, args.qk_nope_head_dim);
    }
  }

 private:
  struct Place {
    std::string name;
    int64_t group;
  };

  // Squares of the columns [begin, begin + columns) of all rows.
  void add(const std::string& name, int64_t group, Tensor x, int64_t begin, int64_t columns) {
    CollectedTensor& to = out_.tensors[name];
    if (to.sums.empty()) {
      to.columns = columns;
      to.sums.resize(static_cast<size_t>(to.groups * columns));
      to.counts.resize(static_cast<size_t>(to.groups));
    }
    CHECK_EQ(to.columns, columns);
    // In double within a window: small squares would be lost beside a long sum.
    window_.assign(static_cast<size_t>(columns), 0);
    for (int64_t t = 0; t < x.rows(); ++t) {
      const float* row = x.f32_row(t) + begin;
      for (int64_t c = 0; c < columns; ++c) {
        window_[static_cast<size_t>(c)] += static_cast<double>(row[c]) * row[c];
      }
    }
    float* sums = to.sums.data() + group * columns;
    for (int64_t c = 0; c < columns; ++c) {
      sums[c] += static_cast<float>(window_[static_cast<size_t>(c)]);
    }
    to.counts[static_cast<size_t>(group)] += x.rows();
  }

  CollectedImatrix& out_;
  std::map<const void*, Place> places_;
  std::vector<double> window_;
};

Batch batch_of(const std::vector<int32_t>& ids) {
  const auto rows = static_cast<int64_t>(ids.size());
  Batch batch;
  batch.tokens = ids;
  SequenceRows sequence{0, rows, 0, Role::prompt, {}};
  for (int32_t block = 0; block < ceil_div(rows, kKvBlockTokens); ++block) {
    sequence.blocks.push_back(block);
  }
  batch.sequences.push_back(std::move(sequence));
  for (int64_t row = 0; row < rows; row += kHeadEvery) batch.logits_rows.push_back(row);
  return batch;
}

// Experts that no token reached, and the rows of stacks that none of theirs did.
void finish(CollectedImatrix& out) {
  for (auto& [name, tensor] : out.tensors) {
    const bool gate = name.find("ffn_gate_exps") != name.npos;
    if (gate && tensor.counts.empty()) out.experts_unseen += tensor.groups;
    if (gate) out.experts_unseen += std::ranges::count(tensor.counts, 0);
  }
  std::erase_if(out.tensors, [](const auto& item) { return item.second.sums.empty(); });
}

}  // namespace

Result<CollectedImatrix> collect_imatrix(Model& model, Backend& backend,
                                         const std::vector<int32_t>& ids,
                                         std::optional<int32_t> bos,
                                         const CollectSettings& settings) {
  const int64_t lead = bos ? 1 : 0;
  const int64_t room = settings.window - lead;
  const int64_t whole = room > 0 ? static_cast<int64_t>(ids.size()) / room : 0;
  if (whole == 0) {
    return error(Code::invalid, "text: expected at least {} tokens, one window, found {}", room,
                 ids.size());
  }
  const int64_t total = settings.chunks_max > 0 ? std::min(whole, settings.chunks_max) : whole;
  CollectedImatrix out;
  out.window = settings.window;
  Collector collector(model, out);
  ObservedBackend observed(backend, collector);
  KvCache cache(model.kv_spec(Format::f32), ceil_div(settings.window, kKvBlockTokens));
  for (int64_t chunk = 0; chunk < total; ++chunk) {
    std::vector<int32_t> window;
    if (bos) window.push_back(*bos);
    const auto begin = ids.begin() + chunk * room;
    window.insert(window.end(), begin, begin + room);
    observed.begin_step();
    (void)model.forward(observed, batch_of(window), cache);
    out.chunks = chunk + 1;
    if (settings.progress && !settings.progress(out.chunks, total)) {
      return error(Code::cancelled, "stopped after {} of {} windows", out.chunks, total);
    }
  }
  finish(out);
  return out;
}

}  // namespace hearth
