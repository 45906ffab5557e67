// Steps of the CUDA backend: memory, what is handed over from the host, recording and replay.
#include "hearth/backend/cuda/cuda_backend.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace hearth {
namespace {

using cuda::RowPlace;
using cuda::SequencePlace;

// Batches of more rows are not worth a graph: their kernels are longer than the gaps between them.
// Nor are rows with adapters recorded: the graph would hold whose they were.
constexpr int64_t kRecordedRowsMax = 64;
constexpr int64_t kSplit = 512;  // positions that one part of a long history has

constexpr int64_t kArenaUnit = 256;  // what the device aligns its own allocations to
constexpr int64_t kArenaChunkBytes = int64_t{4} << 20;

// Stands for memory that the device had no room for: work is dropped from there on, nobody looks.
alignas(kArenaUnit) std::byte nowhere[kArenaUnit];

template <typename T>
int32_t to_i32(T value) {
  return static_cast<int32_t>(value);
}

// Rounded up so that few graphs serve all lengths.
int64_t power_of_two(int64_t value) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(value, 1))));
}

// The counts of a batch.
cuda::StepRows count_rows(const Batch& batch) {
  cuda::StepRows rows;
  rows.rows = to_i32(batch.rows());
  rows.sequence_count = to_i32(batch.sequences.size());
  int64_t blocks = 1, generated_end = 1;
  for (const SequenceRows& s : batch.sequences) {
    blocks = std::max(blocks, static_cast<int64_t>(s.blocks.size()));
    if (s.role == Role::generated) {
      rows.generated_count += to_i32(s.rows);
      generated_end = std::max(generated_end, s.end());
      rows.one_each = rows.one_each && s.rows == 1;
    } else {
      rows.prompt_count += to_i32(s.rows);
      rows.prompt_rows_max = std::max(rows.prompt_rows_max, to_i32(s.rows));
      rows.prompt_end_max = std::max(rows.prompt_end_max, to_i32(s.end()));
    }
  }
  rows.table_width = to_i32(power_of_two(blocks));
  rows.generated_end_max = to_i32(kSplit * power_of_two((generated_end + kSplit - 1) / kSplit));
  return rows;
}

}  // namespace

Result<std::unique_ptr<CudaBackend>> CudaBackend::open(const CudaOptions& options) {
  TRY_ASSIGN(auto stream, cuda::Stream::open(options.overlap, options.memory_max));
  return std::make_unique<CudaBackend>(std::move(stream), options);
}

CudaBackend::CudaBackend(std::unique_ptr<cuda::Stream> stream, const CudaOptions& options)
    : stream_(std::move(stream)),
      options_(options),
      arena_(device_arena()),
      pinned_(host_arena()) {}

CudaBackend::~CudaBackend() = default;

Arena CudaBackend::device_arena() {
  return Arena({[this](int64_t bytes) { return step_memory(stream_->allocate(bytes)); }, kArenaUnit,
                kArenaChunkBytes});
}
Arena CudaBackend::host_arena() {
  return Arena({[this](int64_t bytes) { return step_memory(stream_->allocate_pinned(bytes)); },
                kArenaUnit, kArenaChunkBytes});
}

// A verb can't fail; where there is no room for its memory, the rest of the step is dropped, and
// end_forward says so.
std::shared_ptr<std::byte> CudaBackend::step_memory(Result<std::shared_ptr<std::byte>> memory) {
  if (memory) return *std::move(memory);
  if (refused_.is_ok()) refused_ = std::move(memory).status().at("memory of a step");
  stream_->set_skipping(true);
  return {std::shared_ptr<std::byte>(), nowhere};
}

// After a step that had too little memory: what was made of it is forgotten.
Status CudaBackend::forget_step() {
  stream_->set_skipping(false);
  stream_->synchronize();
  recorded_.clear();
  constants_.clear();
  expert_tables_.clear();
  arena_ = device_arena();
  pinned_ = host_arena();
  return std::exchange(refused_, Status::ok());
}

void CudaBackend::begin_step() {
  if (!refused_.is_ok()) (void)forget_step();
  arena_.reset();
  pinned_.reset();
  rows_made_ = false;
  roles_ = nullptr;
  mode_ = Mode::direct;
}

void CudaBackend::begin_forward(const Batch& batch, const KvCache& cache) {
  begin_step();
  const cuda::StepRows counts = count_rows(batch);
  const bool adapted =
      std::ranges::any_of(batch.sequences, [](const SequenceRows& s) { return s.adapter != 0; });
  const bool plain = !adapted && batch.hidden_rows.empty();
  if (options_.graphs && plain && counts.prompt_count == 0 && counts.rows <= kRecordedRowsMax) {
    choose_mode({cache.memory(), counts.rows, counts.sequence_count, counts.table_width,
                 counts.generated_end_max, to_i32(batch.logits_rows.size())});
  }
  roles_ = &step_rows(batch);
}

// A step of a new kind runs directly, which makes its scratch and constants; the second is
// recorded.
void CudaBackend::choose_mode(const StepKey& key) {
  const int64_t generation = arena_.generation() + pinned_.generation();
  if (generation != recorded_generation_) recorded_.clear();
  recorded_generation_ = generation;
  key_ = key;
  const auto [found, is_new] = recorded_.try_emplace(key);
  if (is_new) return;
  if (found->second.graph) {
    mode_ = Mode::replaying;
    stream_->set_skipping(true);
  } else {
    mode_ = Mode::recording;
    stream_->begin_capture();
  }
}

Result<Outputs> CudaBackend::end_forward(Outputs outputs) {
  if (mode_ == Mode::recording) recorded_[key_].graph = stream_->end_capture();
  if (!refused_.is_ok()) return forget_step();
  stream_->set_skipping(false);
  if (mode_ != Mode::direct && recorded_[key_].graph) stream_->replay(*recorded_[key_].graph);
  mode_ = Mode::direct;
  const int64_t hidden_bytes = outputs.hidden.data ? outputs.hidden.bytes() : 0;
  const int64_t bytes = outputs.logits.bytes() + hidden_bytes;
  if (bytes > host_outputs_bytes_) {
    TRY_ASSIGN(host_outputs_, stream_->allocate_pinned(power_of_two(bytes)));
    host_outputs_bytes_ = power_of_two(bytes);
  }
  std::byte* to = host_outputs_.get();
  for (Tensor* t : {&outputs.logits, &outputs.hidden}) {
    if (!t->data) continue;
    stream_->copy_out(to, t->data, t->bytes());
    *t = Tensor::packed(Format::f32, t->shape, to);
    to += t->bytes();
  }
  stream_->synchronize();
  TRY(stream_->status());
  return outputs;
}

Result<std::shared_ptr<std::byte>> CudaBackend::cache_memory(int64_t bytes) {
  TRY_ASSIGN(auto memory, stream_->allocate(bytes));
  stream_->zero(memory.get(), bytes);
  recorded_.clear();  // a graph of an earlier cache may have had this address
  return memory;
}

Tensor CudaBackend::scratch(const Shape& shape) {
  return Tensor::packed(Format::f32, shape, arena_.take(shape.elements() * 4));
}

const std::byte* CudaBackend::hand_over(const void* values, int64_t bytes) {
  std::byte* from = pinned_.take(bytes);
  std::byte* to = arena_.take(bytes);
  if (bytes == 0 || !refused_.is_ok()) return to;
  std::memcpy(from, values, static_cast<size_t>(bytes));
  stream_->copy_in(to, from, bytes);
  return to;
}

const cuda::StepRows& CudaBackend::step_rows(const Batch& batch) {
  if (rows_made_) return rows_;
  rows_made_ = true;
  rows_ = count_rows(batch);
  std::vector<RowPlace> places;
  std::vector<SequencePlace> sequences;
  std::vector<int32_t> table(
      static_cast<size_t>(int64_t{rows_.sequence_count} * rows_.table_width));
  std::vector<int32_t> of_role[2];
  places.reserve(static_cast<size_t>(rows_.rows));
  for (const SequenceRows& s : batch.sequences) {
    const int32_t generated = s.role == Role::generated ? 1 : 0;
    std::ranges::copy(s.blocks, table.begin() + static_cast<std::ptrdiff_t>(sequences.size()) *
                                                    rows_.table_width);
    for (int64_t i = 0; i < s.rows; ++i) {
      of_role[generated].push_back(to_i32(s.first_row + i));
      places.push_back({to_i32(sequences.size()), to_i32(s.start + i), generated});
    }
    sequences.push_back({to_i32(s.first_row), to_i32(s.rows), to_i32(s.start), generated});
  }
  rows_.places = handed_over(places.data(), rows_.rows);
  rows_.sequences = handed_over(sequences.data(), rows_.sequence_count);
  rows_.block_table = handed_over(table.data(), static_cast<int64_t>(table.size()));
  rows_.prompt_rows = handed_over(of_role[0].data(), rows_.prompt_count);
  rows_.generated_rows = handed_over(of_role[1].data(), rows_.generated_count);
  const int64_t ticket_bytes = int64_t{rows_.generated_count} * cuda::kTickets * 4;
  rows_.tickets = reinterpret_cast<int32_t*>(arena_.take(ticket_bytes));
  stream_->zero(rows_.tickets, ticket_bytes);
  return rows_;
}

const std::byte* CudaBackend::constant_bytes(const void* values, int64_t bytes) {
  Constant& constant = constants_[values];
  if (mode_ == Mode::replaying) return constant.memory.get();  // what is launched is dropped
  const auto* from = static_cast<const std::byte*>(values);
  if (constant.memory &&
      std::ranges::equal(constant.values, std::span(from, static_cast<size_t>(bytes)))) {
    return constant.memory.get();
  }
  CHECK(mode_ == Mode::direct);  // the direct run of this kind of step has made it
  constant.values.assign(from, from + bytes);
  constant.memory = step_memory(stream_->allocate(bytes));
  stream_->copy_in(constant.memory.get(), constant.values.data(), bytes);
  stream_->synchronize();
  return constant.memory.get();
}

}  // namespace hearth
