// See outline.h.
#include "hearth/store/outline.h"

#include <fcntl.h>

#include <algorithm>
#include <cctype>

#include "hearth/base/mapped_file.h"
#include "hearth/store/selection.h"
#include "hearth/store/weight_head.h"

namespace hearth::store {
namespace {

constexpr int64_t kFirstBytes = int64_t{1} << 20;  // most heads of shards are smaller
constexpr int64_t kGgufHeadMax = int64_t{256} << 20;
constexpr int64_t kFetchedMax = int64_t{2} << 30;  // of a model; R1's 163 shards have 0.2 GB

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

  Status safetensors() {
    TRY(grow(kFirstBytes));
    const int64_t head = safetensors_head_bytes(std::as_bytes(std::span(bytes_)));
    TRY(grow(head));
    if (size() < head) return Status::ok();  // the reader will say what is wrong
    const std::string aligned =
        aligned_safetensors_head(bytes_.substr(0, static_cast<size_t>(head)));
    TRY(here_.write(0, std::as_bytes(std::span(aligned))));
    return here_.cut(file_.bytes + std::ssize(aligned) - head);
  }

  Status gguf() {
    for (int64_t bytes = kFirstBytes;; bytes *= 2) {
      TRY(grow(bytes));
      TRY_ASSIGN(const MappedFile mapped, MappedFile::open(here_.path()));
      if (gguf_head_bytes(mapped.bytes()) <= size()) return Status::ok();
      if (size() >= kGgufHeadMax) break;
    }
    return error(Code::unsupported, "expected declarations within {} bytes, found more",
                 kGgufHeadMax);
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

bool ends_with(std::string_view path, std::string_view suffix) {
  return path.size() >= suffix.size() &&
         std::equal(suffix.rbegin(), suffix.rend(), path.rbegin(),
                    [](char s, char p) { return s == std::tolower(static_cast<uint8_t>(p)); });
}

// Texts are no longer than what select_files lets through.
Status read_head(const RepoFile& file, Head& head) {
  if (ends_with(file.path, ".safetensors")) return head.safetensors();
  if (ends_with(file.path, ".gguf")) return head.gguf();
  return head.whole();
}

bool is_wanted(const RepoFile& file) {
  if (ends_with(file.path, ".safetensors") || ends_with(file.path, ".gguf")) return true;
  return ends_with(file.path, ".json") && !ends_with(file.path, "tokenizer.json");
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
    if (out.fetched > kFetchedMax) {
      return error(Code::unsupported, "{}: expected heads of at most {} bytes in all, found more",
                   ref.text(), kFetchedMax);
    }
  }
  if (!selected.gguf.empty()) out.path += "/" + selected.gguf;
  return out;
}

}  // namespace hearth::store
