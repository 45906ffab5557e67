// The dense verbs of the CUDA backend: what is multiplied by which kernel.
#include <optional>

#include "hearth/backend/cuda/cuda_backend.h"
#include "hearth/backend/cuda/linear/rows.h"
#include "hearth/backend/cuda/linear/tiles.h"

namespace hearth {

using cuda::BlockScale;
using cuda::DeviceMatrix;
using cuda::Finish;
using cuda::is_integer;
using cuda::MatvecJob;
using cuda::RowsView;
using cuda::view_of;

namespace {

float* floats(const Tensor& t) {
  return reinterpret_cast<float*>(t.data);
}
const float* vector_or_null(const Weight& weight) {
  return weight.present() ? weight.vector() : nullptr;
}
cuda::NormView view_of(const Norm& norm) {
  return {vector_or_null(norm.weight), norm.eps};
}

}  // namespace

// Vectors keep their view, which then points to the device; rows that the host reads too (an
// expansion of latents) keep their stored bytes beside the device's.
Result<Weight> CudaBackend::prepare(Weight weight, WeightUse use) {
  if (!staging_) {
    TRY_ASSIGN(staging_, stream_->allocate_pinned(cuda::kStagingBytes));
  }
  const Tensor& stored = weight.tensor;
  if (stored.shape.rank() == 1) {
    TRY_ASSIGN(auto memory, stream_->allocate(stored.bytes()));
    stream_->copy_in(memory.get(), stored.data, stored.bytes());
    stream_->synchronize();
    weight.tensor.data = memory.get();
    weight.owner = std::move(memory);
    return weight;
  }
  TRY_ASSIGN(weight.form, DeviceMatrix::upload(*stream_, staging_.get(), stored,
                                               options_.activation == Activation::automatic));
  if (use == WeightUse::multiply && weight.owner) {
    weight.owner.reset();
    weight.tensor.data = nullptr;
  }
  return weight;
}

// Room for `rows` rows in eight bits.
RowsView CudaBackend::rounded_rows(int64_t rows, int64_t columns) {
  RowsView view;
  view.columns = static_cast<int32_t>(columns);
  view.codes = reinterpret_cast<int8_t*>(scratch_bytes(rows * columns));
  view.blocks = reinterpret_cast<BlockScale*>(
      scratch_bytes(rows * (columns / 32) * static_cast<int64_t>(sizeof(BlockScale))));
  return view;
}

RowsView CudaBackend::activations(Tensor x, const Norm& norm, bool integers) {
  const auto rows = static_cast<int32_t>(x.rows());
  const auto columns = static_cast<int32_t>(x.columns());
  RowsView view;
  view.columns = columns;
  if (integers) view = rounded_rows(rows, columns);
  view.floats = floats(x);
  float* normed = nullptr;
  if (norm.weight.present()) {
    normed = floats(scratch(x.shape));
    view.floats = normed;
  }
  if (integers) {
    cuda::quantize_rows(*stream_, floats(x), rows, columns, view_of(norm), normed,
                        const_cast<int8_t*>(view.codes), const_cast<BlockScale*>(view.blocks));
  } else if (normed != nullptr) {
    cuda::rms_norm(*stream_, floats(x), rows, columns, columns, view_of(norm), normed);
  }
  return view;
}

// A single generated row is normed and rounded by the kernel that multiplies it; true where the
// input was made here and other jobs may share it.
bool CudaBackend::set_input(MatvecJob& job, Tensor x, const Norm& norm, bool by_role) {
  const cuda::Storage storage = job.parts[0].w.storage;
  if (x.rows() != 1 || (by_role && has_prompts(x.rows()))) {
    job.x = activations(x, norm, takes_integers(storage, x.rows(), by_role));
    return true;
  }
  job.x.floats = floats(x);
  job.x.columns = static_cast<int32_t>(x.columns());
  job.norm = view_of(norm);
  job.raw = is_integer(storage) || job.norm.weight != nullptr;
  return false;
}

// Whether a kernel that multiplies these rows has them in eight bits.
bool CudaBackend::takes_integers(cuda::Storage storage, int64_t rows, bool by_role) const {
  if (by_role && only_prompts(rows)) return cuda::has_byte_blocks(storage);
  return is_integer(storage);
}

// Rows of both kinds: each kernel has its own list.
void CudaBackend::multiply(MatvecJob& job, int64_t rows, bool by_role) {
  job.rows = static_cast<int32_t>(rows);
  if (!by_role || !has_prompts(rows)) return cuda::matvec(*stream_, job);
  if (roles_->generated_count > 0) {
    job.row_ids = roles_->generated_rows;
    job.rows = roles_->generated_count;
    cuda::matvec(*stream_, job);
  }
  job.row_ids = roles_->prompt_rows;
  job.rows = roles_->prompt_count;
  if (cuda::has_byte_blocks(job.parts[0].w.storage)) return cuda::byte_tiles(*stream_, job);
  const int32_t columns = job.x.columns;
  auto* halves = reinterpret_cast<uint16_t*>(
      scratch_bytes(rows * cuda::rounded_columns(columns) * int64_t{sizeof(uint16_t)}));
  cuda::round_rows(*stream_, job.x.floats, halves, rows, columns);
  cuda::tiles(*stream_, job, halves);
}

void CudaBackend::multiply_all(Tensor x, const Norm& norm, std::span<const LinearOut> outs,
                               bool by_role) {
  std::vector<bool> done(outs.size());
  std::optional<RowsView> views[2];  // what is made once: of floats, of integers
  for (size_t first = 0; first < outs.size(); ++first) {
    if (done[first]) continue;
    const auto storage = view_of(outs[first].linear->weight).storage;
    MatvecJob job;
    for (size_t i = first; i < outs.size() && job.count < cuda::kPartsMax; ++i) {
      const Linear& linear = *outs[i].linear;
      if (done[i] || view_of(linear.weight).storage != storage) continue;
      job.parts[job.count++] = {view_of(linear.weight), vector_or_null(linear.bias),
                                floats(outs[i].out)};
      done[i] = true;
    }
    std::optional<RowsView>& view = views[takes_integers(storage, x.rows(), by_role) ? 1 : 0];
    if (view) {
      job.x = *view;
    } else if (set_input(job, x, norm, by_role)) {
      view = job.x;
    }
    multiply(job, x.rows(), by_role);
  }
}

void CudaBackend::norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) {
  multiply_all(x, norm, outs, true);
}

void CudaBackend::head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) {
  const LinearOut out{&head, logits};
  multiply_all(x, norm, {&out, 1}, false);
}

void CudaBackend::linear_add(Tensor x, const Linear& linear, Tensor residual) {
  const cuda::MatrixView& w = view_of(linear.weight);
  MatvecJob job;
  job.parts[job.count++] = {w, vector_or_null(linear.bias), floats(residual)};
  set_input(job, x, Norm{}, true);
  job.finish = Finish::add;
  multiply(job, x.rows(), true);
}

void CudaBackend::norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate,
                                     const Linear& up, Tensor out) {
  const cuda::MatrixView& w = view_of(gate.weight);
  if (w.storage != view_of(up.weight).storage) {  // as some mixes of formats have them
    const LinearOut outs[] = {{&gate, out}, {&up, scratch(out.shape)}};
    multiply_all(x, norm, outs, true);
    cuda::swiglu(*stream_, floats(out), floats(outs[1].out), out.shape.elements());
    return;
  }
  MatvecJob job;
  job.parts[job.count++] = {w, vector_or_null(gate.bias), floats(out)};
  job.parts[job.count++] = {view_of(up.weight), vector_or_null(up.bias), nullptr};
  set_input(job, x, norm, true);
  job.finish = Finish::swiglu;
  multiply(job, x.rows(), true);
}

void CudaBackend::qk_norm(Tensor x, const Norm& norm, int64_t head_dim) {
  cuda::rms_norm(*stream_, floats(x), x.shape.elements() / head_dim, static_cast<int32_t>(head_dim),
                 head_dim, view_of(norm), floats(x));
}

void CudaBackend::embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  const auto count = static_cast<int64_t>(ids.size());
  cuda::embed(*stream_, view_of(table), handed_over(ids.data(), count), static_cast<int32_t>(count),
              floats(out));
}

void CudaBackend::gather_rows(Tensor x, std::span<const int64_t> rows, Tensor out) {
  const auto count = static_cast<int64_t>(rows.size());
  cuda::gather(*stream_, floats(x), handed_over(rows.data(), count), static_cast<int32_t>(count),
               static_cast<int32_t>(x.columns()), floats(out));
}

}  // namespace hearth
