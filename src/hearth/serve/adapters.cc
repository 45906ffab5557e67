// See adapters.h.
#include "hearth/serve/adapters.h"

#include <ctime>
#include <filesystem>
#include <utility>

#include "hearth/files/outside_bytes.h"
#include "hearth/serve/weights_hash.h"
#include "hearth/serve/word.h"

namespace hearth::serve {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBytesBetweenSteps = 4 << 20;  // packed within a few milliseconds

ApiError refusal(int status, std::string param, std::string code, std::string message) {
  ApiError error = api_error(status, std::move(code), std::move(message));
  error.param = std::move(param);
  return error;
}

ApiError no_adapter(const std::string& path) {
  return refusal(
      404, "path", "adapter_not_found",
      fmt::format("`path`: there is no `{}` in the directory of adapters", excerpt(path)));
}

// Where `path` leads when its links are followed; nullopt: nowhere, or not into `top`.
std::optional<fs::path> place_in(const fs::path& top, const fs::path& path) {
  std::error_code failure;
  fs::path place = fs::canonical(path, failure);
  if (failure) return std::nullopt;
  const fs::path inside = place.lexically_relative(top);
  if (inside.empty() || *inside.begin() == ".." || *inside.begin() == ".") return std::nullopt;
  return place;
}

// Its place on this machine is nothing that a client must know.
Status without_directory(Status status, const std::string& place, const std::string& path) {
  std::string message = status.message();
  if (message.starts_with(place)) message = path + message.substr(place.size());
  return {status.code(), std::move(message)};
}

}  // namespace

Adapters::Adapters(const LoadedModel& base, Backend& backend, EngineLoop& loop, Metrics& metrics,
                   std::string directory)
    : base_(base),
      backend_(backend),
      loop_(loop),
      metrics_(metrics),
      directory_(std::move(directory)) {}

Status Adapters::open(const std::string& name, const std::string& path) {
  if (auto refused = check_new(name)) return {Code::invalid, refused->message};
  TRY_ASSIGN(auto adapter, load_adapter(path, base_, backend_));
  put(name, std::move(adapter));
  return Status::ok();
}

std::optional<ApiError> Adapters::check_new(const std::string& name) const {
  if (!is_word(name, kAdapterNameMax)) {
    return bad_field("name", "invalid_value",
                     fmt::format("`name`: expected up to {} letters, digits, `-`, `_` and `.`, "
                                 "found `{}`",
                                 kAdapterNameMax, excerpt(name)));
  }
  if (!find(name)) return std::nullopt;
  return refusal(409, "name", "adapter_exists",
                 fmt::format("`name`: there is an adapter `{}` already", name));
}

// Whatever is wrong with a path is one answer: a client learns nothing of the file system.
std::optional<ApiError> Adapters::place_of(const std::string& path, std::string& out) const {
  if (directory_.empty()) {
    return refusal(403, "path", "adapters_closed",
                   "this server was started without --adapter-dir: it loads none over HTTP");
  }
  std::error_code failure;
  const fs::path top = fs::canonical(directory_, failure);
  if (failure || path.empty() || path.find('\0') != path.npos || fs::path(path).is_absolute()) {
    return no_adapter(path);
  }
  const std::optional<fs::path> place = place_in(top, top / path);
  if (!place) return no_adapter(path);
  for (std::string_view name : {kAdapterConfigFile, kAdapterWeightsFile}) {
    const fs::path file = *place / name;
    // A link that leads nowhere is told apart from one that leads out by nobody.
    const bool there = fs::exists(fs::symlink_status(file, failure));
    if (there && !place_in(top, file)) return no_adapter(path);
  }
  out = place->string();
  return std::nullopt;
}

Status Adapters::prepare(AdapterLoad& load) {
  Status status;
  const bool ran = loop_.run_between_steps([&] {
    auto done = load.prepare(backend_, kBytesBetweenSteps);
    if (!done) status = std::move(done).status();
    return !status.is_ok() || *done;
  });
  if (!ran) return error(Code::busy, "the server is shutting down");
  return status;
}

std::optional<ApiError> Adapters::load(const std::string& name, const std::string& path,
                                       LoadedAdapter& out) {
  const std::unique_lock only(loading_, std::try_to_lock);
  if (!only) return api_error(503, "busy", "another adapter is being loaded", 1);
  if (auto refused = check_new(name)) return refused;
  std::string place;
  if (auto refused = place_of(path, place)) return refused;
  auto read = AdapterLoad::read(place, base_, backend_);
  Status status = read ? prepare(*read) : std::move(read).status();
  if (!status.is_ok()) {
    return error_of(without_directory(std::move(status), place, path), "path");
  }
  out = put(name, read->finish());
  return std::nullopt;
}

std::optional<ApiError> Adapters::unload(const std::string& name) {
  std::shared_ptr<const Adapter> unloaded;
  {
    const std::lock_guard lock(mutex_);
    const auto found = adapters_.find(name);
    if (found == adapters_.end()) {
      return api_error(404, "adapter_not_found",
                       fmt::format("there is no adapter `{}`", excerpt(name)));
    }
    unloaded = std::move(found->second.adapter);
    adapters_.erase(found);
    count();
  }
  // Memory of a backend is given back on its own thread.
  loop_.run_between_steps([&] {
    unloaded.reset();
    return true;
  });
  return std::nullopt;
}

LoadedAdapter Adapters::put(const std::string& name, std::shared_ptr<const Adapter> adapter) {
  std::string hash = hash_of_adapter(adapter->facts().path);
  const std::lock_guard lock(mutex_);
  LoadedAdapter& there =
      adapters_[name] = {name, std::move(adapter), std::time(nullptr), std::move(hash)};
  count();
  return there;
}

void Adapters::count() const {
  metrics_.adapters(static_cast<int64_t>(adapters_.size()), sum_of_bytes());
}

int64_t Adapters::sum_of_bytes() const {
  int64_t bytes = 0;
  for (const auto& [name, loaded] : adapters_) bytes += loaded.adapter->facts().bytes;
  return bytes;
}

int64_t Adapters::bytes() const {
  const std::lock_guard lock(mutex_);
  return sum_of_bytes();
}

std::shared_ptr<const Adapter> Adapters::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = adapters_.find(name);
  return found == adapters_.end() ? nullptr : found->second.adapter;
}

std::string Adapters::hash_of(const Adapter& adapter) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, loaded] : adapters_) {
    if (loaded.adapter.get() == &adapter) return loaded.hash;
  }
  return "";
}

std::vector<LoadedAdapter> Adapters::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<LoadedAdapter> out;
  for (const auto& [name, loaded] : adapters_) out.push_back(loaded);
  return out;
}

}  // namespace hearth::serve
