// See scratch_source.h.
#include "hearth/backend/cpu/scratch_source.h"

#include "hearth/base/huge_memory.h"

namespace hearth::cpu {
namespace {

constexpr int64_t kChunkBytes = 256 << 20;

std::shared_ptr<std::byte> scratch_memory(int64_t bytes) {
  Result<HugeMemory> memory = HugeMemory::allocate(bytes);
  if (!memory) return nullptr;  // address space may be short where memory isn't
  auto owner = std::make_shared<HugeMemory>(*std::move(memory));
  return {owner, owner->data()};
}

}  // namespace

Arena::Source scratch_source() {
  return {scratch_memory, Arena::kUnit, kChunkBytes};
}

}  // namespace hearth::cpu
