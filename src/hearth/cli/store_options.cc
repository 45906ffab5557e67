// See store_options.h.
#include "hearth/cli/store_options.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "hearth/base/mapped_file.h"
#include "hearth/cli/model_options.h"
#include "hearth/store/safe_name.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHuggingFace = "https://huggingface.co";
constexpr std::string_view kModelScope = "https://modelscope.cn";
constexpr int64_t kTokenBytesMax = 4096;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The first that is not empty.
std::string first_of(std::initializer_list<std::string> texts) {
  for (const std::string& text : texts) {
    if (!text.empty()) return text;
  }
  return "";
}

// A folder below another; "" where there is none to lie below.
std::string below(const std::string& folder, std::string_view name) {
  return folder.empty() ? "" : fmt::format("{}/{}", folder, name);
}

std::string cache_home() {
  return first_of({variable("XDG_CACHE_HOME"), below(variable("HOME"), ".cache")});
}

std::string hugging_face_home() {
  return first_of({variable("HF_HOME"), below(cache_home(), "huggingface")});
}

std::string without_slash(std::string address) {
  while (address.ends_with('/')) address.pop_back();
  return address;
}

std::string stored_token() {
  const std::string path =
      first_of({variable("HF_TOKEN_PATH"), below(hugging_face_home(), "token")});
  auto text = read_file(path, kTokenBytesMax);
  return text ? *text : "";
}

// One line of printable characters, or nothing: it goes into a header.
std::string as_token(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.pop_back();
  }
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
  return plain ? text : "";
}

}  // namespace

store::Places store_places() {
  const std::string user = variable("HOME");
  store::Places out;
  const std::string data = first_of({variable("XDG_DATA_HOME"), below(user, ".local/share")});
  out.home = first_of({variable("HEARTH_HOME"), below(data, "hearth")});
  out.hugging_face = first_of({variable("HF_HUB_CACHE"), below(hugging_face_home(), "hub")});
  const std::string ollama = variable("OLLAMA_MODELS");
  out.ollama = {ollama};
  if (ollama.empty()) {
    out.ollama = {below(user, ".ollama/models"), "/usr/share/ollama/.ollama/models"};
  }
  out.lm_studio = {below(user, ".lmstudio/models"), below(user, ".cache/lm-studio/models")};
  out.llama_cpp = first_of({variable("LLAMA_CACHE"), below(cache_home(), "llama.cpp")});
  return out;
}

Result<store::HubKind> default_hub() {
  const std::string name = variable("HEARTH_HUB");
  if (name.empty() || name == "hf") return store::HubKind::hugging_face;
  if (name == "modelscope") return store::HubKind::modelscope;
  return error(Code::invalid, "HEARTH_HUB: expected hf or modelscope, found `{}`", name);
}

store::Hub hub_of(store::HubKind kind, const std::string& s3_endpoint) {
  store::Hub hub;
  hub.kind = kind;
  if (kind == store::HubKind::s3) {
    store::S3Keys& keys = hub.access.s3.emplace();
    keys.region = first_of({variable("AWS_REGION"), variable("AWS_DEFAULT_REGION"), "us-east-1"});
    keys.key_id = variable("AWS_ACCESS_KEY_ID");
    keys.secret = variable("AWS_SECRET_ACCESS_KEY");
    keys.session = variable("AWS_SESSION_TOKEN");
    hub.endpoint = without_slash(
        first_of({s3_endpoint, variable("AWS_ENDPOINT_URL_S3"), variable("AWS_ENDPOINT_URL"),
                  fmt::format("https://s3.{}.amazonaws.com", keys.region)}));
    return hub;
  }
  if (kind == store::HubKind::modelscope) {
    hub.endpoint =
        without_slash(first_of({variable("MODELSCOPE_ENDPOINT"), std::string(kModelScope)}));
    return hub;
  }
  hub.endpoint = without_slash(first_of({variable("HF_ENDPOINT"), std::string(kHuggingFace)}));
  std::string& token = hub.access.token;
  token = as_token(variable("HF_TOKEN"));
  if (token.empty() && hub.endpoint == kHuggingFace) token = as_token(stored_token());
  return hub;
}

bool names_a_model(const std::string& word) {
  if (word.empty() || word.find_first_of(" \t\n") != word.npos) return false;
  if (!store::references_of(word).empty() || store::looks_like_reference(word)) return true;
  const store::Store models(store_places());
  const auto found = models.find(word);
  return found && found->has_value();
}

std::string served_name(const std::string& model, const std::string& path) {
  const std::string file = fs::path(path).filename().string();
  const bool digest = file.starts_with("sha256-") || store::is_hex(file, 40);
  if (!digest || model.empty() || fs::path(model).filename() == file) return file;
  std::string name = model.substr(model.rfind('/') + 1);
  std::replace(name.begin(), name.end(), ':', '-');
  return name;
}

Result<std::string> resolve_model(const std::string& model, const Session& session) {
  std::error_code ignored;
  if (!model.empty() && fs::exists(model, ignored)) return model;
  if (model.empty() || model == "mini") return bundled_model(session);
  const store::Store models(store_places());
  TRY_ASSIGN(const std::optional<store::StoredModel> found, models.find(model));
  if (found) {
    if (!found->own) {
      fmt::print(stderr, "{}: {}: {}\n", session.say("note: read in place", "提示：就地读取"),
                 found->source, found->path);
    }
    return found->path;
  }
  const std::vector<store::ModelRef> refs = store::references_of(model);
  if (!refs.empty()) {
    return error(Code::not_found,
                 "{}: not in any store; `hearth pull {}` fetches it, `hearth "
                 "plan --heads --model {}` foretells what it takes",
                 model, model, model);
  }
  if (store::looks_like_reference(model)) return store::parse_model_ref(model).status();
  return model;  // a path that does not exist: its reader says so
}

TransferProgress::TransferProgress(std::string_view what, int64_t done, int64_t total)
    : bar_(what), done_(done), total_(total), done_at_mark_(done) {}

void TransferProgress::expect(int64_t done, int64_t total) {
  done_ = done_at_mark_ = done;
  total_ = total;
}

void TransferProgress::advance(int64_t bytes) {
  done_ += bytes;
  const double seconds = std::chrono::duration<double>(Clock::now() - mark_).count();
  if (seconds >= 2) {
    bytes_per_second_ = std::max(0.0, static_cast<double>(done_ - done_at_mark_) / seconds);
    mark_ = Clock::now();
    done_at_mark_ = done_;
  }
  bar_.update(done_, total_,
              fmt::format("{:.2f}/{:.2f} GB, {:.1f} MB/s", static_cast<double>(done_) / 1e9,
                          static_cast<double>(total_) / 1e9, bytes_per_second_ / 1e6));
}

store::TransferEvents TransferProgress::events() {
  store::TransferEvents out;
  out.advanced = [this](int64_t bytes) { advance(bytes); };
  out.notice = [this](std::string_view line) {
    bar_.clear();
    fmt::print(stderr, "note: {}\n", line);
  };
  return out;
}

}  // namespace hearth::cli
