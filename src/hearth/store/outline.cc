// See outline.h.
#include "hearth/store/outline.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "hearth/base/mapped_file.h"
#include "hearth/files/gguf/gguf_parser.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/store/selection.h"

namespace hearth::store {
namespace {

constexpr int64_t kJsonMax = int64_t{8} << 20;     // configurations, the index of many shards
constexpr int64_t kFirstBytes = int64_t{1} << 20;  // most heads of shards are smaller
constexpr int64_t kGgufHeadMax = int64_t{256} << 20;

// A beginning of a file that is elsewhere, in a file of its size here.
class Head {
 public:
  Head(HttpClient& client, RemoteFile remote, const RepoFile& file, const StoreFolder& folder,
       const TransferOptions& options, const TransferEvents& events)
      : client_(client),
        remote_(std::move(remote)),
        file_(file),
        folder_(folder),
        options_(options),
        events_(events) {}

  Status open() {
    const size_t slash = file_.path.rfind('/');
    if (slash != file_.path.npos) TRY(folder_.below(file_.path.substr(0, slash), true).status());
    TRY_ASSIGN(here_, folder_.open_file(file_.path, O_RDWR | O_CREAT | O_EXCL));
    return here_.cut(file_.bytes);
  }

  // As many bytes as there are, `bytes` at most.
  Status grow(int64_t bytes) {
    const int64_t have = size(), more = std::min(bytes, file_.bytes) - have;
    if (more <= 0) return Status::ok();
    TRY_ASSIGN(const std::string got,
               download_range(client_, remote_, have, more, file_.bytes, options_, events_));
    TRY(here_.write(have, std::as_bytes(std::span(got))));
    bytes_ += got;
    return Status::ok();
  }

  Status whole() { return grow(file_.bytes); }

  // Eight bytes say how long the head is, which is JSON.
  Status safetensors() {
    TRY(grow(kFirstBytes));
    uint64_t length = 0;
    if (bytes_.size() < sizeof length) return Status::ok();
    std::memcpy(&length, bytes_.data(), sizeof length);
    if (length > static_cast<uint64_t>(kSafetensorsHeaderMax)) return Status::ok();
    return grow(static_cast<int64_t>(length + sizeof length));
  }

  // Nothing says how long the head is: it is read, and is whole where its end is not among the
  // zeros behind what is here.
  Status gguf() {
    for (int64_t bytes = kFirstBytes; bytes <= kGgufHeadMax; bytes *= 2) {
      TRY(grow(bytes));
      if (size() == file_.bytes) break;
      TRY_ASSIGN(const MappedFile mapped, MappedFile::open(here_.path()));
      GgufParser parser(mapped.bytes());
      if (parser.run().is_ok() && parser.head_bytes() <= size()) break;
    }
    return Status::ok();
  }

  int64_t size() const { return static_cast<int64_t>(bytes_.size()); }

 private:
  HttpClient& client_;
  const RemoteFile remote_;
  const RepoFile& file_;
  const StoreFolder& folder_;
  const TransferOptions& options_;
  const TransferEvents& events_;
  FileHandle here_;
  std::string bytes_;
};

Status read_head(const RepoFile& file, Head& head) {
  const std::string& path = file.path;
  if (path.ends_with(".safetensors")) return head.safetensors();
  if (path.ends_with(".gguf")) return head.gguf();
  return head.whole();
}

bool is_wanted(const RepoFile& file) {
  const std::string& path = file.path;
  if (path.ends_with(".safetensors") || path.ends_with(".gguf")) return true;
  return path.ends_with(".json") && file.bytes <= kJsonMax && !path.ends_with("tokenizer.json");
}

}  // namespace

Result<Outline> fetch_outline(HttpClient& client, const Hub& hub, const ModelRef& ref,
                              const std::string& folder, const TransferOptions& options,
                              const TransferEvents& events,
                              FunctionRef<void(int64_t done, int64_t files)> progress) {
  TRY_ASSIGN(const RepoListing listing, fetch_listing(client, hub, ref, options, events));
  TRY_ASSIGN(const SelectedFiles selected, select_files(listing, ref));
  TRY_ASSIGN(const StoreFolder place, StoreFolder::open(folder, false));
  Outline out{folder, selected.bytes};
  int64_t done = 0;
  for (const RepoFile& file : selected.files) {
    progress(done++, std::ssize(selected.files));
    if (!is_wanted(file)) continue;
    Head head(client, {hub.file_url(ref, listing.commit, file.path), hub.access, file.etag}, file,
              place, options, events);
    TRY(head.open());
    TRY(read_head(file, head).at(file.path));
    out.fetched += head.size();
  }
  if (!selected.gguf.empty()) out.path += "/" + selected.gguf;
  return out;
}

}  // namespace hearth::store
