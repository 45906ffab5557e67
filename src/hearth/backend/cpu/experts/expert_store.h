// Routed experts on disk: a bounded cache of them in the form that the kernels want, and threads
// that read and pack what is asked for.
//
//   begin(layer, tokens of each) --what is there is pinned, the others are queued--> readers
//   next() --experts that have come, once each, until all have been--> the kernels
//   read_ahead(next layer, tokens of each) --behind everything else--> readers
//
// A layer may want more experts than the budget holds: they come in turns, as the earlier ones are
// done with. Nothing here decides a result: the caller adds experts up in the tokens' own order.
//
// Threads: begin, next, end, read_ahead and layer_of belong to the thread that computes; stats may
// be asked by any.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "hearth/backend/cpu/experts/expert_ledger.h"
#include "hearth/backend/cpu/experts/file_matrix.h"
#include "hearth/backend/expert_cache.h"

namespace hearth::cpu {

class ExpertStore {
 public:
  explicit ExpertStore(const ExpertCacheOptions& options);
  ~ExpertStore();
  ExpertStore(const ExpertStore&) = delete;
  ExpertStore& operator=(const ExpertStore&) = delete;

  // While a model is loaded: the form of a matrix whose file is opened. `packable`: kernels read
  // its format.
  Result<Weight> add(const FileWeight& weight, bool packable);

  // The number of a layer by its experts, whose address and matrices must stay.
  int64_t layer_of(std::span<const Expert> experts);
  // The layer that was asked for after this one the last time; -1: none yet.
  int64_t layer_after(int64_t layer) const { return after_[static_cast<size_t>(layer)]; }

  // tokens[e] of `rows` tokens chose expert e; those that none chose are not wanted.
  void begin(int64_t layer, std::span<const int64_t> tokens, int64_t rows);
  // Experts of the layer that are there now and were not handed out before; waits for the first.
  // They stay until the next call. Empty: all were, or reading failed.
  std::span<const int64_t> next();
  const Expert& held(int64_t expert) const { return at(layer_first_ + expert).expert; }
  // Whether nothing of a layer is left to be read.
  bool holds_all(int64_t layer) const;
  // Of the experts that the next layer will probably want: those that are not there are read when
  // nothing else is. Whatever has not begun when that layer wants others is forgotten.
  void read_ahead(int64_t layer, std::span<const int64_t> tokens);

  // Why reading failed since the last call, if it did; until then nothing is read.
  Status take_failure();
  bool has_failed() const;
  ExpertCacheStats stats() const;

 private:
  enum class State : uint8_t { absent, loading, ready };
  struct Item {
    State state = State::absent;
    bool ahead = false;      // read ahead, not wanted yet
    bool cancelled = false;  // still being read, but nobody waits
    int jobs = 0;            // matrices not read yet
    int64_t slot_bytes = 0;
    std::array<const FileMatrix*, 3> parts{};
    std::array<std::shared_ptr<PackedMatrix>, 3> forms;  // of `expert`
    std::shared_ptr<uint8_t> slot;
    Expert expert;  // whose matrices lie in the slot
  };
  struct Job {
    int64_t item;
    int part;
  };
  struct LayerExperts {
    int64_t first = 0, count = 0;
  };

  Item& at(int64_t i) { return items_[static_cast<size_t>(i)]; }
  const Item& at(int64_t i) const { return items_[static_cast<size_t>(i)]; }
  void add_layer(std::span<const Expert> experts);
  // All below: with the mutex held.
  bool request(int64_t i, std::deque<Job>& queue);
  bool take_slot(int64_t i, const std::vector<int64_t>& went);
  void prefer(int64_t i);
  void forget_ahead();
  void let_go(int64_t i);
  void give_back();  // what next() handed out
  void let_in();
  void hand_out();
  void finish(int64_t i);
  void fail(Status why);
  bool take_job(Job& job);

  void reader_loop();

  ExpertCacheOptions options_;
  std::map<std::string, std::shared_ptr<const DirectFile>> files_;
  std::map<const Expert*, int64_t> layers_;
  std::vector<LayerExperts> layer_experts_;
  std::vector<int64_t> after_;
  int64_t last_layer_ = -1;
  int64_t layer_first_ = 0;  // of the layer that is being computed

  mutable std::mutex mutex_;
  std::condition_variable work_, came_;
  ExpertLedger ledger_;
  std::deque<Item> items_;  // addresses stay
  std::deque<Job> wanted_jobs_, ahead_jobs_;
  int64_t loading_ = 0;           // items whose reading has begun or is queued
  std::vector<int64_t> waiting_;  // wanted, no room yet
  std::vector<int64_t> pending_;  // wanted and pinned, not handed out
  std::vector<int64_t> given_;    // handed out; in the layer's numbers: given_numbers_
  std::vector<int64_t> given_numbers_;
  std::vector<int64_t> gone_;  // of one request; kept for its memory
  Status failure_;
  ExpertCacheStats stats_;
  bool stop_ = false;
  std::vector<std::thread> readers_;
};

}  // namespace hearth::cpu
