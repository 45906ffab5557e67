// Judging: scores replies on threads of its own, so that whoever writes them never waits for a
// program to run or for a proof that two answers are equal. Judged records are handed on one at a
// time, in the order in which they were put in.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "hearth/eval/record.h"

namespace hearth {

class Judging {
 public:
  // Any thread calls it, several at once.
  using Judge = std::function<Result<Judgement>(const EvalRecord& record)>;
  // One thread at a time; an error ends it all.
  using Deliver = std::function<Status(EvalRecord record)>;

  // `unjudged_max`: records that lie here at once; putting in another then waits. They are texts
  // of some kilobytes: a bound of memory, far above what a scorer lags behind.
  Judging(Judge judge, Deliver deliver, int threads, size_t unjudged_max = 4096);
  ~Judging();  // drops what isn't judged yet
  Judging(const Judging&) = delete;
  Judging& operator=(const Judging&) = delete;

  // False: an error ended it, and the record is dropped. Any thread may call it.
  bool put(EvalRecord record);
  // Waits until all are judged and handed on, or one of these failed: that error, the first.
  Status finish();

 private:
  struct Place {
    EvalRecord record;
    bool judged = false;
  };
  void work();
  void deliver_judged(std::unique_lock<std::mutex>& lock);
  void fail(Status status);

  const Judge judge_;
  const Deliver deliver_;
  const size_t unjudged_max_;
  std::mutex mutex_;
  std::condition_variable work_waits_;  // for the threads
  std::condition_variable progress_;    // for put and finish
  std::deque<Place> places_;            // those in front are the oldest
  size_t begun_ = 0;                    // of them, from the front
  bool delivering_ = false;
  bool closing_ = false;
  Status failure_;
  std::vector<std::thread> threads_;
};

// Threads that keep pace with replies without crowding out the engine: a quarter of the machine's.
int judging_threads();

}  // namespace hearth
