// An anonymous mapping cut to a huge page's border, because only whole aligned pages become huge.
#include "hearth/base/huge_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "hearth/base/checked_math.h"

namespace hearth {

Result<HugeMemory> HugeMemory::allocate(int64_t bytes) {
  const int64_t size = round_up(bytes, kPage);
  const auto mapped = static_cast<size_t>(size + kPage);
  void* raw = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) {
    return error(Code::no_memory, "{} bytes of memory: {}", size, std::strerror(errno));
  }
  auto* begin = static_cast<std::byte*>(raw);
  const auto skip = static_cast<int64_t>(-reinterpret_cast<uintptr_t>(begin) & (kPage - 1));
  if (skip > 0) ::munmap(begin, static_cast<size_t>(skip));
  if (skip < kPage) ::munmap(begin + skip + size, static_cast<size_t>(kPage - skip));
  ::madvise(begin + skip, static_cast<size_t>(size), MADV_HUGEPAGE);  // a wish: may be refused
  return HugeMemory(begin + skip, size);
}

HugeMemory::HugeMemory(HugeMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

HugeMemory& HugeMemory::operator=(HugeMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

HugeMemory::~HugeMemory() {
  if (data_) ::munmap(data_, static_cast<size_t>(bytes_));
}

}  // namespace hearth
