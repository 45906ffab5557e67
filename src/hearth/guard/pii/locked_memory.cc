// See locked_memory.h.
#include "hearth/guard/pii/locked_memory.h"

#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace hearth::pii {
namespace {

constexpr size_t kPage = 4096;

}  // namespace

LockedMemory::~LockedMemory() {
  for (const Block& block : blocks_) {
    ::explicit_bzero(block.data, block.size);
    ::munmap(block.data, block.size);
  }
}

Status LockedMemory::add_block(size_t bytes) {
  const size_t size = (bytes + kPage - 1) / kPage * kPage;
  void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) {
    return error(Code::no_memory, "personal data: no memory for {} bytes", size);
  }
  if (::mlock(at, size) != 0 || ::madvise(at, size, MADV_DONTDUMP) != 0) {
    ::munmap(at, size);
    return error(Code::no_memory,
                 "personal data: the system locks no further {} bytes of memory for this process; "
                 "raise `ulimit -l`",
                 size);
  }
  blocks_.push_back({static_cast<char*>(at), size, 0});
  return Status::ok();
}

Result<std::string_view> LockedMemory::keep(std::string_view bytes) {
  if (blocks_.empty() || blocks_.back().size - blocks_.back().used < bytes.size()) {
    TRY(add_block(std::max(bytes.size(), kPage)));
  }
  Block& block = blocks_.back();
  char* const to = block.data + block.used;
  std::memcpy(to, bytes.data(), bytes.size());
  block.used += bytes.size();
  return std::string_view(to, bytes.size());
}

}  // namespace hearth::pii
