// Readings from drivers that may hang: a read runs in a thread of its own, and whoever wants to
// know sees the last value and its age, at once. A thread that hangs for good is left behind; it
// holds all that it uses (the functions given here are copied into it), so that nothing dangles.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace hearth {

// What `work` returns, or nothing when it takes longer than `patience`.
template <typename F>
auto within(std::chrono::milliseconds patience, F work) {
  using T = decltype(work());
  struct State {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<T> value;
  };
  auto state = std::make_shared<State>();
  std::thread([state, work = std::move(work)]() mutable {
    T value = work();
    const std::lock_guard lock(state->mutex);
    state->value = std::move(value);
    state->done.notify_all();
  }).detach();
  std::unique_lock lock(state->mutex);
  state->done.wait_for(lock, patience, [&] { return state->value.has_value(); });
  return std::exchange(state->value, std::nullopt);
}

template <typename T>
class SensorThread {
 public:
  using Clock = std::chrono::steady_clock;
  struct Latest {
    std::optional<T> value;  // of the last read that ended; empty before the first has
    Clock::duration age{};   // since then, or since the start
    int64_t reads = 0;       // that ended
  };

  // Reads at once, and again `period` after each end.
  SensorThread(std::function<T()> read, std::chrono::milliseconds period)
      : state_(std::make_shared<State>()) {
    thread_ = std::thread(&SensorThread::run, state_, std::move(read), period);
  }
  // Waits a moment for a read that is under way.
  ~SensorThread() {
    std::unique_lock lock(state_->mutex);
    state_->stop = true;
    state_->changed.notify_all();
    const bool ended = state_->changed.wait_for(lock, std::chrono::milliseconds(200),
                                                [this] { return state_->ended; });
    lock.unlock();
    ended ? thread_.join() : thread_.detach();
  }
  SensorThread(const SensorThread&) = delete;
  SensorThread& operator=(const SensorThread&) = delete;

  Latest latest() const {
    const std::lock_guard lock(state_->mutex);
    return {state_->value, Clock::now() - state_->when, state_->reads};
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<T> value;
    Clock::time_point when = Clock::now();
    int64_t reads = 0;
    bool stop = false;
    bool ended = false;
  };

  static void run(std::shared_ptr<State> state, std::function<T()> read,
                  std::chrono::milliseconds period) {
    std::unique_lock lock(state->mutex);
    while (!state->stop) {
      lock.unlock();
      T value = read();
      lock.lock();
      state->value = std::move(value);
      state->when = Clock::now();
      ++state->reads;
      state->changed.wait_for(lock, period, [&] { return state->stop; });
    }
    state->ended = true;
    state->changed.notify_all();
  }

  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace hearth
