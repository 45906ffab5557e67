// See match_adapter.h.
#include "hearth/models/adapters/match_adapter.h"

#include <fmt/ranges.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "hearth/formats/codec.h"
#include "hearth/models/gguf_keys.h"
#include "hearth/models/gguf_layout.h"
#include "hearth/models/stored_tensor.h"

namespace hearth {
namespace {

struct Place {
  TensorSpec spec;
  const Weight* weight;
};

constexpr int64_t kMegabyte = 1'000'000;
constexpr std::string_view kWeightEnd = ".weight";

// Of its halves in float; a change of MLA's expansion brings the whole matrix, and its maps in both
// directions with rows of heads rounded up.
int64_t bytes_of(const StoredDelta& delta, const Place& place) {
  const int64_t halves = 4 * (delta.a.shape.elements() + delta.b.shape.elements());
  return halves + (place.spec.kind == TensorKind::latent ? 16 * place.spec.shape.elements() : 0);
}

// "model.layers.0.self_attn.q_proj.weight" -> "q_proj"
std::string last_word(std::string_view weight) {
  if (weight.ends_with(kWeightEnd)) weight.remove_suffix(kWeightEnd.size());
  const size_t dot = weight.rfind('.');
  return std::string(dot == weight.npos ? weight : weight.substr(dot + 1));
}

bool takes_deltas(const TensorSpec& spec) {
  return is_matrix(spec.kind) && spec.expert < 0 && spec.shape.rank() == 2;
}

class Matcher {
 public:
  Matcher(const StoredAdapter& adapter, const Model& model, CheckpointKind base_kind)
      : adapter_(adapter), info_(model.info()), base_kind_(base_kind) {
    model.visit_weights([&](const TensorSpec& spec, const Weight& weight) {
      const std::string& name = stored_name(spec, adapter.kind());
      if (name.empty()) return;
      places_.emplace(name, Place{spec, &weight});
      if (takes_deltas(spec)) words_.insert(last_word(name));
    });
    const auto q = places_.find(name_of_layer_0("self_attn.q_proj", "attn_q"));
    if (q != places_.end()) q_rows_ = q->second.spec.shape[0];
  }

  Status check_architecture() const {
    if (adapter_.architecture().empty()) return Status::ok();
    TRY_ASSIGN(const std::string own, gguf_architecture({{"model_type", info_.architecture}}));
    if (adapter_.architecture() == own) return Status::ok();
    return error(Code::invalid, "`general.architecture`: expected {}, found an adapter for {}", own,
                 json_excerpt(Json(adapter_.architecture())));
  }

  // Where it belongs, held against the shape there.
  Result<Place> place_of(const StoredDelta& delta) const {
    TRY_ASSIGN(const Place place, find(delta));
    const Shape expected = place.spec.shape;
    if (delta.a.columns() != expected[1] || delta.b.rows() != expected[0]) {
      return error(Code::invalid, "`{}`: expected a delta of {}, found one of [{}, {}]",
                   delta.weight, expected.to_string(), delta.b.rows(), delta.a.columns());
    }
    return place;
  }

  Result<MatchedDelta> match(const StoredDelta& delta, const Place& place) const {
    MatchedDelta out{place.spec, place.weight, delta.a.rows(), {}, {}};
    TRY(read(delta.a, out.a).at(delta.weight));
    TRY(read(delta.b, out.b).at(delta.weight));
    for (float& v : out.b) v = static_cast<float>(v * delta.scale);
    reorder_rotary(out);
    return out;
  }

 private:
  std::string name_of_layer_0(std::string_view hf, std::string_view gguf) const {
    return adapter_.kind() == CheckpointKind::gguf ? fmt::format("blk.0.{}.weight", gguf)
                                                   : fmt::format("model.layers.0.{}.weight", hf);
  }

  Result<Place> find(const StoredDelta& delta) const {
    const auto found = places_.find(delta.weight);
    if (found == places_.end()) {
      return error(Code::invalid, "`{}`: no such weight in this {} model, which has {}",
                   delta.weight, info_.architecture, fmt::join(words_, ", "));
    }
    if (takes_deltas(found->second.spec)) return found->second;
    return error(Code::unsupported, "`{}`: expected the weight of a linear, found {}", delta.weight,
                 found->second.spec.expert >= 0                  ? "that of routed experts"
                 : found->second.spec.kind == TensorKind::router ? "that of a router"
                 : found->second.spec.shape.rank() == 3          ? "a part of `kv_b_proj`"
                                                                 : "one of another kind");
  }

  static Status read(const Tensor& from, std::vector<float>& to) {
    to.resize(static_cast<size_t>(from.shape.elements()));
    const int64_t columns = from.columns();
    for (int64_t r = 0; r < from.rows(); ++r) {
      decode_row(from, r, 0, columns, to.data() + r * columns);
    }
    for (float v : to) {
      if (!std::isfinite(v)) {
        return error(Code::corrupt, "expected finite numbers, found {}", v);
      }
    }
    return Status::ok();
  }

  // llama.cpp keeps llama's rotary rows in another order: where adapter and base differ in kind,
  // the rows of b move with it.
  void reorder_rotary(MatchedDelta& delta) const {
    if (info_.architecture != "llama" || adapter_.kind() == base_kind_) return;
    const std::string word = last_word(delta.spec.name);
    if (word != "q_proj" && word != "k_proj") return;
    const int64_t rows = delta.spec.shape[0];
    const int64_t heads = rows * info_.num_attention_heads / q_rows_;
    const std::vector<float> from = delta.b;
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t hf = rotary_row(r, rows, heads);
      const bool to_gguf = base_kind_ == CheckpointKind::gguf;
      std::copy_n(from.begin() + (to_gguf ? hf : r) * delta.rank, delta.rank,
                  delta.b.begin() + (to_gguf ? r : hf) * delta.rank);
    }
  }

  const StoredAdapter& adapter_;
  const ModelInfo& info_;
  CheckpointKind base_kind_;
  std::map<std::string, Place> places_;
  std::set<std::string> words_;  // what linears of this model are called
  int64_t q_rows_ = 1;
};

}  // namespace

std::string MatchedDelta::target() const {
  return last_word(spec.name.empty() ? spec.gguf_name : spec.name);
}

void add_delta(const MatchedDelta& delta, int64_t row, int64_t column, std::span<float> values) {
  const int64_t in = delta.spec.shape[1];
  for (size_t c = 0; c < values.size(); ++c) {
    double sum = 0;
    for (int64_t r = 0; r < delta.rank; ++r) {
      sum += static_cast<double>(delta.b[static_cast<size_t>(row * delta.rank + r)]) *
             delta.a[static_cast<size_t>(r * in + column) + c];
    }
    values[c] = static_cast<float>(values[c] + sum);
  }
}

Result<std::vector<MatchedDelta>> match_adapter(const StoredAdapter& adapter, const Model& model,
                                                CheckpointKind base_kind, int64_t bytes_max) {
  const Matcher matcher(adapter, model, base_kind);
  TRY(matcher.check_architecture());
  std::vector<Place> places;
  int64_t bytes = 0;
  for (const StoredDelta& delta : adapter.deltas()) {
    TRY_ASSIGN(const Place place, matcher.place_of(delta));
    bytes += bytes_of(delta, place);
    places.push_back(place);
  }
  if (bytes > bytes_max) {
    return error(Code::no_memory, "the adapter needs {} MB, {} MB are free", bytes / kMegabyte,
                 bytes_max / kMegabyte);
  }
  std::vector<MatchedDelta> out;
  for (size_t i = 0; i < places.size(); ++i) {
    TRY_ASSIGN(MatchedDelta matched, matcher.match(adapter.deltas()[i], places[i]));
    out.push_back(std::move(matched));
  }
  TRY(adapter.unchanged());
  return out;
}

}  // namespace hearth
