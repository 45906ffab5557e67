// See remote_heads.h.
#include "hearth/cli/remote_heads.h"

#include <stdlib.h>  // mkdtemp

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "hearth/cli/progress.h"
#include "hearth/cli/store_options.h"
#include "hearth/store/outline.h"

namespace hearth::cli {
namespace {

Result<std::string> new_folder() {
  std::error_code failed;
  const std::filesystem::path place = std::filesystem::temp_directory_path(failed);
  if (failed) return error(Code::not_found, "TMPDIR: {}", failed.message());
  std::string name = place.string() + "/hearth-heads-XXXXXX";
  if (::mkdtemp(name.data()) != nullptr) return name;
  return error(Code::internal, "{}: {}", name, std::strerror(errno));
}

// Other tools' schemes keep part of what they declare in tensors, of which nothing is here.
Status check_scheme(const std::string& path) {
  const std::string config = path + "/config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(config, ignored)) return Status::ok();
  TRY_ASSIGN(const Json json, read_json_file(config));
  const auto scheme = json.is_object() ? json.find("quantization_config") : json.end();
  if (scheme == json.end() || !scheme->is_object()) return Status::ok();
  const auto method = scheme->find("quant_method");
  if (method != scheme->end() && *method == "fp8") return Status::ok();
  return error(Code::unsupported,
               "--heads: its quantization_config is not fp8, and such models keep part of their "
               "description in tensors; expected --model of one that was pulled");
}

}  // namespace

RemoteHeads::RemoteHeads(RemoteHeads&& other) noexcept
    : folder_(std::exchange(other.folder_, "")), path_(std::move(other.path_)) {}

RemoteHeads::~RemoteHeads() {
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

Result<RemoteHeads> RemoteHeads::fetch(const std::string& model, const TransferFlags& flags,
                                       const Session& session) {
  TRY_ASSIGN(const store::HubKind kind, default_hub());
  TRY_ASSIGN(const store::ModelRef ref, store::parse_model_ref(model, kind));
  TRY_ASSIGN(std::string folder, new_folder());
  RemoteHeads out(std::move(folder));
  const InterruptGuard interrupt;
  store::HttpClient client(http_options(flags, interrupt));
  Progress bar(session.say("reading heads", "读取文件头"));
  store::TransferEvents events;
  events.notice = [&](std::string_view line) {
    bar.clear();
    fmt::print(stderr, "note: {}\n", line);
  };
  TRY_ASSIGN(const store::Outline outline,
             store::fetch_outline(client, hub_of(ref.hub, flags.s3_endpoint), ref, out.folder_,
                                  transfer_options(flags), events,
                                  [&](int64_t done, int64_t files) { bar.update(done, files); }));
  bar.clear();
  fmt::print(stderr,
             fmt::runtime(session.say("{}: {:.1f} MB read of {:.2f} GB\n",
                                      "{}：读取了 {:.1f} MB，总共 {:.2f} GB\n")),
             ref.text(), static_cast<double>(outline.fetched) / 1e6,
             static_cast<double>(outline.bytes) / 1e9);
  out.path_ = outline.path;
  TRY(check_scheme(out.path_));
  return out;
}

}  // namespace hearth::cli
