// See emulator.h. The fibers of a block take turns in order; one that waits at a barrier gives its
// turn away until all others of its warp or block have come there too or have left the kernel.
#include "hearth/backend/cuda/simt/emulator.h"

#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <vector>

#include "hearth/base/check.h"

namespace hearth::simt {
namespace {

namespace context = boost::context;

constexpr size_t kStackBytes = 64 << 10;
constexpr size_t kSharedBytesMax = 227 << 10;  // of sm_90

// Counts who is still to come; the last one lets everybody on.
struct Barrier {
  unsigned expected = 0;
  unsigned arrived = 0;
  uint64_t round = 0;

  void open_if_full() {
    if (arrived > 0 && arrived == expected) {
      arrived = 0;
      ++round;
    }
  }
};

struct Block {
  Place base;
  FunctionRef<void()>* kernel = nullptr;
  Barrier whole;
  std::vector<Barrier> warps;
  std::vector<uint64_t> slots;  // of exchange, one a thread
  std::vector<context::fiber> fibers;
  std::vector<context::fiber*> scheduler;  // where each fiber gives its turn to
  unsigned running = 0;
  uint64_t steps = 0;  // progress, to tell a deadlock
};

Block* current = nullptr;
Place here;
alignas(128) unsigned char shared[kSharedBytesMax];

// Gives the turn away.
void yield() {
  context::fiber*& scheduler = current->scheduler[current->running];
  *scheduler = std::move(*scheduler).resume();
}

void wait_at(Barrier& barrier) {
  const uint64_t round = barrier.round;
  ++barrier.arrived;
  ++current->steps;
  barrier.open_if_full();
  while (barrier.round == round) yield();
}

void run_thread(Block& block, unsigned thread) {
  (*block.kernel)();
  Barrier& warp = block.warps[thread / 32];
  --warp.expected;
  --block.whole.expected;
  ++block.steps;
  warp.open_if_full();
  block.whole.open_if_full();
}

void run_block(Block& block) {
  const unsigned threads = block.base.block_size.x;
  block.whole = {threads};
  block.warps.assign((threads + 31) / 32, {});
  for (unsigned t = 0; t < threads; ++t) ++block.warps[t / 32].expected;
  block.slots.assign(threads, 0);
  block.fibers.clear();
  block.scheduler.assign(threads, nullptr);
  for (unsigned t = 0; t < threads; ++t) {
    block.fibers.emplace_back(std::allocator_arg, context::fixedsize_stack(kStackBytes),
                              [&block, t](context::fiber&& from) {
                                block.scheduler[t] = &from;
                                run_thread(block, t);
                                return std::move(from);
                              });
  }
  bool left = true;
  while (left) {
    left = false;
    const uint64_t before = block.steps;
    for (unsigned t = 0; t < threads; ++t) {
      if (!block.fibers[t]) continue;
      here = block.base;
      here.thread = {t, 0, 0};
      block.running = t;
      block.fibers[t] = std::move(block.fibers[t]).resume();
      left = left || static_cast<bool>(block.fibers[t]);
    }
    // Every fiber waits for one that never comes: the kernel's barriers don't match.
    CHECK(!left || block.steps != before);
  }
}

}  // namespace

const Place& place() {
  return here;
}

unsigned char* shared_memory() {
  return shared;
}

void block_barrier() {
  wait_at(current->whole);
}

void warp_barrier() {
  wait_at(current->warps[here.thread.x / 32]);
}

uint64_t exchange(uint64_t value, int lane) {
  const unsigned thread = here.thread.x;
  Barrier& warp = current->warps[thread / 32];
  current->slots[thread] = value;
  wait_at(warp);
  const uint64_t found = current->slots[thread / 32 * 32 + static_cast<unsigned>(lane)];
  wait_at(warp);
  return found;
}

void run_grid(dim3 grid, unsigned block_size, size_t shared_bytes, FunctionRef<void()> kernel) {
  CHECK(block_size >= 1 && block_size <= 1024);
  CHECK(shared_bytes <= kSharedBytesMax);
  CHECK(current == nullptr);
  Block block;
  block.kernel = &kernel;
  block.base.grid = grid;
  block.base.block_size = {block_size, 1, 1};
  current = &block;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        block.base.block = {x, y, z};
        // What a kernel leaves behind must not be what the next block finds.
        std::fill_n(shared, shared_bytes, static_cast<unsigned char>(0xff));
        run_block(block);
      }
    }
  }
  current = nullptr;
}

}  // namespace hearth::simt
