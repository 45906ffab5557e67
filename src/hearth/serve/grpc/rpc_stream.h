// RpcStream: the answers of an admitted request as messages hearth.v1.GenerateResponse.
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
  // `tokenizer` must outlive it. `vault`: of the values that were masked in the request, put back
  // here; may be null. `labeller`: of explicit labels.
  RpcStream(const Tokenizer& tokenizer, std::shared_ptr<AnswerChannel> channel, int64_t choices,
            std::shared_ptr<const pii::Vault> vault,
            std::optional<AnswerLabeller> labeller = std::nullopt);
  ~RpcStream();
  RpcStream(const RpcStream&) = delete;
  RpcStream& operator=(const RpcStream&) = delete;

  struct Progress {
    std::vector<std::string> messages;
    bool ended = false;
    std::optional<ApiError> error;  // how it ended
  };
  // What came since the last call; with a good end, the usage last.
  Progress poll();
  // Called from another thread when poll() has something new.
  void set_listener(std::function<void()> listener);
  void abandon(Abandon reason);
  Usage usage() const { return usage_; }  // after the end

 private:
  const Tokenizer& tokenizer_;
  const std::shared_ptr<AnswerChannel> channel_;
  std::optional<AnswerRestorer> restorer_;  // where the request was masked
  std::optional<AnswerLabeller> labeller_;
  Usage usage_;
};

}  // namespace hearth::serve
