// RpcStream: the answer to an admitted request, as messages over time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/serve/answer_channel.h"
#include "hearth/serve/content_label.h"
#include "hearth/serve/personal_data.h"
#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth::serve {

// All by the thread that carries the calls. Dropping it gives the request up.
class RpcStream {
 public:
  explicit RpcStream(std::shared_ptr<AnswerChannel> channel) : channel_(std::move(channel)) {}
  virtual ~RpcStream();
  RpcStream(const RpcStream&) = delete;
  RpcStream& operator=(const RpcStream&) = delete;

  struct Progress {
    std::vector<std::string> messages;
    bool ended = false;
    std::optional<ApiError> error;  // how it ended
  };
  // What came since the last call.
  Progress poll();
  // Called from another thread when poll() has something new.
  void set_listener(std::function<void()> listener);
  void abandon(Abandon reason);
  Usage usage() const { return channel_->usage(); }

 protected:
  // The messages of what was taken from the channel; its end is `ended` without an error.
  virtual std::vector<std::string> messages(AnswerChannel::Taken taken) = 0;

 private:
  const std::shared_ptr<AnswerChannel> channel_;
};

// Messages hearth.v1.GenerateResponse; with a good end, the usage last. `tokenizer` must outlive
// it. `vault`: of the values that were masked in the request, put back here; may be null.
// `labeller`: of explicit labels.
std::shared_ptr<RpcStream> answer_stream(const Tokenizer& tokenizer,
                                         std::shared_ptr<AnswerChannel> channel, int64_t choices,
                                         std::shared_ptr<const pii::Vault> vault,
                                         std::optional<AnswerLabeller> labeller = std::nullopt);

// One hearth.v1.EmbedResponse at the end.
std::shared_ptr<RpcStream> embedding_stream(std::string model,
                                            std::shared_ptr<AnswerChannel> channel, int64_t inputs);

}  // namespace hearth::serve
