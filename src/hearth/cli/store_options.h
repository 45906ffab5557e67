// Where the stores and hubs of this user are, from the environment; and how a text that names a
// model becomes the path that a reader opens.
#pragma once

#include <memory>
#include <string>

#include "hearth/base/status.h"
#include "hearth/cli/progress.h"
#include "hearth/cli/verb.h"
#include "hearth/store/hub.h"
#include "hearth/store/store.h"

namespace hearth::cli {

// HEARTH_HOME, XDG_DATA_HOME; HF_HUB_CACHE, HF_HOME; OLLAMA_MODELS; LLAMA_CACHE, XDG_CACHE_HOME.
store::Places store_places();

// HEARTH_HUB=hf|modelscope: where names of the catalogue are pulled from.
Result<store::HubKind> default_hub();

// HF_ENDPOINT, MODELSCOPE_ENDPOINT; HF_TOKEN goes to the endpoint, a token that was stored by
// Hugging Face's tools to huggingface.co alone. Of S3 `s3_endpoint`, else AWS_ENDPOINT_URL_S3,
// AWS_ENDPOINT_URL, else Amazon's of AWS_REGION (AWS_DEFAULT_REGION, us-east-1); keys from
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
store::Hub hub_of(store::HubKind kind, const std::string& s3_endpoint);

// A path stays what it is; then `mini`, the bundled model; then what the stores have. not_found: a
// reference or a name of the catalogue that is not here yet.
Result<std::string> resolve_model(const std::string& model, const Session& session);

// What a server calls it: the name of its file or folder; where that is a checksum, as in other
// tools' stores, the end of the reference, without a `:`, which stands before adapters.
std::string served_name(const std::string& model, const std::string& path);

// Whether a word names a model of the stores or one that could be pulled.
bool names_a_model(const std::string& word);

// A bar of all bytes with speed and time left, and the notes of a transfer.
class TransferProgress {
 public:
  TransferProgress(std::string_view what, int64_t done, int64_t total);

  store::TransferEvents events();
  void expect(int64_t done, int64_t total);
  int64_t done() const { return done_; }
  void clear() { bar_.clear(); }

 private:
  void advance(int64_t bytes);

  using Clock = std::chrono::steady_clock;
  Progress bar_;
  int64_t done_ = 0;
  int64_t total_ = 0;
  // The speed is that of the last few seconds.
  Clock::time_point mark_ = Clock::now();
  int64_t done_at_mark_ = 0;
  double bytes_per_second_ = 0;
};

}  // namespace hearth::cli
