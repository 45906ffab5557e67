// A backend whose steps wait for a test: what the test sets up between two of them is there,
// however slowly the machine runs just then.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "hearth/serve/test_server.h"

namespace hearth::serve {

// Computes like the CPU; its steps can be held up, can fail, and are counted.
class HeldBackend : public test::OneThread {
 public:
  void begin_forward(const Batch& batch, const KvCache& cache) override {
    std::unique_lock lock(mutex_);
    waits_ = held_ && passes_ == 0;
    freed_.wait(lock, [this] { return !held_ || passes_ > 0; });
    waits_ = false;
    if (held_) --passes_;
    lock.unlock();
    CpuBackend::begin_forward(batch, cache);
  }
  Result<Outputs> end_forward(Outputs outputs) override {
    ++steps;
    if (!broken) return outputs;
    return error(Code::internal, "the device fell off the bus");
  }
  void hold(bool held) {
    std::lock_guard lock(mutex_);
    held_ = held;
    passes_ = 0;
    freed_.notify_all();
  }
  // Of a held backend: the step that waits. Then none waits until there is a next one.
  void let_one_pass() {
    std::lock_guard lock(mutex_);
    passes_ = 1;
    waits_ = false;
    freed_.notify_all();
  }
  bool waits() const {
    std::lock_guard lock(mutex_);
    return waits_;
  }

  std::atomic<int64_t> steps{0};
  std::atomic<bool> broken{false};

 private:
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  bool held_ = false;
  bool waits_ = false;
  int64_t passes_ = 0;
};

// Holds while it lives. Made after the server, which else could not end.
struct Held {
  explicit Held(HeldBackend& backend) : backend(backend) { backend.hold(true); }
  ~Held() { backend.hold(false); }

  // One step after another, none but those that it takes; `done` is asked between them.
  bool step_until(const std::function<bool()>& done) const {
    return TestServer::wait([&] {
      if (!backend.waits()) return false;
      if (done()) return true;
      backend.let_one_pass();
      return false;
    });
  }

  HeldBackend& backend;
};

}  // namespace hearth::serve
