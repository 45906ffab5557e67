// The adapters of a server by name: read on the thread that asks, handed to the backend between two
// steps of the engine, a few matrices at a time, so that no stream waits for one. What is unloaded
// is found by nobody any more, and goes when the last answer that was begun with it has ended.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hearth/models/adapters/adapter.h"
#include "hearth/serve/api_error.h"
#include "hearth/serve/engine_loop.h"
#include "hearth/serve/metrics.h"

namespace hearth::serve {

inline constexpr size_t kAdapterNameMax = 64;  // bytes

struct LoadedAdapter {
  std::string name;
  std::shared_ptr<const Adapter> adapter;
  int64_t created = 0;  // seconds since 1970
  std::string hash;     // SHA-256 of its weights
};

// Thread-safe, but `open`. Everything that it is made of must outlive it.
class Adapters {
 public:
  // `directory`: the only place that `load` takes adapters from; "": it takes none.
  Adapters(const LoadedModel& base, Backend& backend, EngineLoop& loop, Metrics& metrics,
           std::string directory);

  // Before the loop is started: an adapter from anywhere, as the owner of the server says.
  Status open(const std::string& name, const std::string& path);

  // `path` lies in the directory. 400, 403, 404, 409 or 503; nullopt: it is there, and in `out`.
  std::optional<ApiError> load(const std::string& name, const std::string& path,
                               LoadedAdapter& out);
  // 404: there is none of this name.
  std::optional<ApiError> unload(const std::string& name);
  std::shared_ptr<const Adapter> find(std::string_view name) const;  // nullptr: none
  std::vector<LoadedAdapter> all() const;                            // by name
  std::string hash_of(const Adapter& adapter) const;  // "": it is not loaded any more
  int64_t bytes() const;                              // of memory, of all

 private:
  std::optional<ApiError> check_new(const std::string& name) const;
  std::optional<ApiError> place_of(const std::string& path, std::string& out) const;
  Status prepare(AdapterLoad& load);
  LoadedAdapter put(const std::string& name, std::shared_ptr<const Adapter> adapter);
  void count() const;            // with mutex_ held
  int64_t sum_of_bytes() const;  // with mutex_ held

  const LoadedModel& base_;
  Backend& backend_;
  EngineLoop& loop_;
  Metrics& metrics_;
  const std::string directory_;
  std::mutex loading_;  // one at a time: each takes memory and a worker
  mutable std::mutex mutex_;
  std::map<std::string, LoadedAdapter, std::less<>> adapters_;
};

}  // namespace hearth::serve
