// Text in, text out: runs prompts on the engine and turns tokens into thought and answer as they
// come, with stop strings. Built on the engine; the engine knows nothing of text.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/engine/answer_mark.h"
#include "hearth/engine/engine.h"
#include "hearth/engine/text_model.h"
#include "hearth/engine/thought_limit.h"

namespace hearth {

struct TextRequest {
  Prompt prompt;
  bool raw = false;  // the answer is text all through: no thought is told apart
  SamplingParams sampling;
  int64_t max_tokens = 1024;                          // thought and answer together
  std::vector<std::string> stop;                      // the answer ends before the first of these
  std::shared_ptr<grammar::CompiledGrammar> grammar;  // of the answer after its thought; null: none
  std::shared_ptr<const Adapter> adapter;             // of this model; null: the bare model
  ThoughtOptions thought;
  std::optional<watermark::Mark> mark;  // how its tokens are drawn; absent: by the seed
  // Called for each token, and once more with id -1 when text was held back to the end. `text` is
  // whole UTF-8 characters that became certain, possibly none. False ends the answer.
  std::function<bool(int32_t id, std::string_view text, bool thought)> on_token;
  std::function<void(int64_t computed)> on_prompt;  // as TokenSink has it; may be empty
};

struct TextReply {
  std::vector<int32_t> output_ids;
  std::string reasoning;
  std::string text;
  FinishReason finish_reason = FinishReason::stop;
};

// Milliseconds on the wall, for all requests of a call together.
struct Timings {
  int64_t prefill_tokens = 0;
  double prefill_ms = 0;
  int64_t decode_tokens = 0;
  double decode_ms = 0;
  DraftStats drafts;  // guesses that were checked, and those that were right

  double decode_tokens_per_second() const {
    return decode_ms > 0 ? 1000.0 * static_cast<double>(decode_tokens) / decode_ms : 0;
  }
};

// Runs all requests together and returns when all are done; reply i belongs to request i. The error
// of one answer, by its grammar or by the device, is the error of the call. unsupported: a bound of
// the thought, of a model that has no marks around one.
// `each_step` is called after every step, on this thread; false cancels what still runs.
Result<std::vector<TextReply>> generate(const TextModel& model, Engine& engine,
                                        std::vector<TextRequest> requests,
                                        Timings* timings = nullptr,
                                        const std::function<bool()>& each_step = {});

// What one answer took.
struct ReplyCost {
  double seconds = 0;  // from when it joined the batch to its end
  double joules = 0;   // of each step its share, by the tokens that were computed for it
};

// Where the requests of a long run come from and where their replies go. All on the caller's
// thread.
struct RequestStream {
  std::function<Result<std::optional<TextRequest>>()> next;  // nullopt: there are no more
  // `index` counts what `next` gave. Replies come as they end, in any order. False: stop.
  std::function<bool(int64_t index, TextReply reply, const ReplyCost& cost)> on_reply;
  std::function<double()> joules;  // a meter, read before and after each step; empty: none
};

// Keeps `together` requests running: as one ends the next takes its place, so that the batch stays
// full to the last. cancelled: on_reply said stop. Errors of answers as in generate.
Status generate_each(const TextModel& model, Engine& engine, int64_t together,
                     const RequestStream& stream);

}  // namespace hearth
