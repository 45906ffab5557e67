// See adapter.h.
#include "hearth/models/adapters/adapter.h"

#include <algorithm>
#include <atomic>
#include <set>

#include "hearth/backend/trace/trace_backend.h"
#include "hearth/formats/codec.h"
#include "hearth/sensors/memory.h"

namespace hearth {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

// The MLA layer of a model whose expansion is `kv_b`, as its own forward pass says it.
class LayerFinder : public TraceBackend {
 public:
  explicit LayerFinder(const Weight* kv_b) : kv_b_(kv_b) {}
  void attend_mla(const AttendMla& args, const Batch&, KvCache&) override {
    if (args.k_b.weight == kv_b_) found = args;
  }
  std::optional<AttendMla> found;

 private:
  const Weight* kv_b_;
};

std::optional<AttendMla> layer_of(const Model& model, const Weight* kv_b) {
  LayerFinder finder(kv_b);
  Batch batch;
  batch.tokens = {0};
  batch.sequences = {{0, 1, 0, Role::prompt, {0}}};
  KvCache cache(model.kv_spec(Format::f16), 0);
  finder.begin_step();
  model.forward(finder, batch, cache);
  return finder.found;
}

Weight owned(const Shape& shape) {
  auto buffer = std::make_shared<Buffer>(shape.elements() * 4);
  Weight weight;
  weight.tensor = Tensor::packed(Format::f32, shape, buffer->data());
  weight.owner = std::move(buffer);
  return weight;
}

Weight from_values(const std::vector<float>& values, const Shape& shape) {
  Weight weight = owned(shape);
  std::ranges::copy(values, weight.tensor.f32().begin());
  return weight;
}

}  // namespace

Status AdapterLoad::change_expansion(const MatchedDelta& delta, const Model& model,
                                     const Backend& backend) {
  if (!backend.attends_in_parts()) {
    return error(Code::unsupported, "`{}`: the {} backend does not apply deltas of MLA's expansion",
                 delta.spec.name, backend.name());
  }
  if (!delta.weight->tensor.data) {
    return error(Code::unsupported,
                 "`{}`: this base keeps it in two parts (attn_k_b, attn_v_b); expected the model's "
                 "directory, or a GGUF with attn_kv_b",
                 delta.spec.name);
  }
  const std::optional<AttendMla> shape = layer_of(model, delta.weight);
  CHECK(shape.has_value());
  Weight kv_b = owned(delta.spec.shape);
  for (int64_t r = 0; r < kv_b.out(); ++r) {
    const std::span<float> row(kv_b.tensor.f32_row(r), static_cast<size_t>(kv_b.in()));
    decode_row(delta.weight->tensor, r, 0, kv_b.in(), row.data());
    add_delta(delta, r, 0, row);
  }
  // Itself, and its maps in both directions, rows of heads rounded up.
  adapter_->facts_.bytes += 4 * kv_b.bytes();
  expansions_.push_back({std::move(kv_b), *shape});
  return Status::ok();
}

Result<AdapterLoad> AdapterLoad::read(const std::string& path, const LoadedModel& base,
                                      const Backend& backend) {
  TRY_ASSIGN(const StoredAdapter stored, StoredAdapter::open(path));
  const auto memory = read_memory();
  const int64_t free = memory ? memory->usable_available_bytes() : INT64_MAX;
  auto matched = match_adapter(stored, *base.model, base.kind, free);
  if (!matched) return std::move(matched).status().at(path);
  AdapterLoad out;
  out.adapter_->id_ = next_id();
  AdapterFacts& facts = out.adapter_->facts_;
  facts.path = path;
  facts.format = stored.kind() == CheckpointKind::gguf ? "gguf" : "peft";
  facts.base = stored.base();
  std::set<std::string> targets;
  for (MatchedDelta& delta : *matched) {
    targets.insert(delta.target());
    facts.rank = std::max(facts.rank, delta.rank);
    facts.parameters += static_cast<int64_t>(delta.a.size() + delta.b.size());
    if (delta.spec.kind == TensorKind::latent) {
      TRY(out.change_expansion(delta, *base.model, backend).at(path));
      continue;
    }
    facts.bytes += static_cast<int64_t>(delta.a.size() + delta.b.size()) * 4;
    out.linears_.push_back(std::move(delta));
  }
  facts.targets.assign(targets.begin(), targets.end());
  return out;
}

Result<bool> AdapterLoad::prepare(Backend& backend, int64_t bytes) {
  AdapterDeltas& deltas = adapter_->deltas_;
  while (bytes > 0 && next_ < linears_.size()) {
    MatchedDelta& delta = linears_[next_++];
    LowRank made;
    const int64_t in = delta.spec.shape[1];
    const int64_t out = delta.spec.shape[0];
    TRY_ASSIGN(made.a,
               backend.prepare(from_values(delta.a, {delta.rank, in}), WeightUse::multiply));
    TRY_ASSIGN(made.b,
               backend.prepare(from_values(delta.b, {out, delta.rank}), WeightUse::multiply));
    bytes -= made.a.bytes() + made.b.bytes();
    deltas.linears.emplace(delta.weight, std::move(made));
    delta.a = {};
    delta.b = {};
  }
  while (bytes > 0 && next_ < linears_.size() + expansions_.size()) {
    Expansion& expansion = expansions_[next_++ - linears_.size()];
    const Weight* place = expansion.shape.k_b.weight;
    ChangedLatents& changed = deltas.latents[place];
    changed.kv_b = std::move(expansion.kv_b);
    expansion.shape.k_b.weight = &changed.kv_b;
    expansion.shape.v_b.weight = &changed.kv_b;
    TRY_ASSIGN(changed.maps, backend.prepare_latents(expansion.shape));
    bytes -= 4 * changed.kv_b.bytes();
  }
  return next_ == linears_.size() + expansions_.size();
}

std::shared_ptr<const Adapter> AdapterLoad::finish() {
  CHECK_EQ(next_, linears_.size() + expansions_.size());
  return std::move(adapter_);
}

Result<std::shared_ptr<const Adapter>> load_adapter(const std::string& path,
                                                    const LoadedModel& base, Backend& backend) {
  TRY_ASSIGN(AdapterLoad load, AdapterLoad::read(path, base, backend));
  auto done = load.prepare(backend, INT64_MAX);
  if (!done) return std::move(done).status().at(path);
  return load.finish();
}

}  // namespace hearth
