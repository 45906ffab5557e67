// Personal data at the edge of the server: what a policy does to a request before its template and
// tokens are made, and the values put back into the answer on its way out. Between the two the
// engine, its cache and its logs see tokens like [MOBILE_1].
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hearth/guard/pii/policy.h"
#include "hearth/guard/pii/unmasker.h"
#include "hearth/serve/answer_channel.h"
#include "hearth/serve/generation_request.h"
#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth::serve {

struct PersonalDataPolicy {
  pii::Mode mode = pii::Mode::off;  // of callers whose key says nothing
  pii::DetectOptions detect;
};

// What was found in a request, and how to undo the masking.
struct GuardedRequest {
  std::vector<std::pair<pii::Type, int64_t>> found;  // how many of each type
  std::shared_ptr<const pii::Vault> vault;           // null: nothing was masked

  // "MOBILE=2,EMAIL=1"; "": nothing was found.
  std::string summary() const;
};

// Looks through the texts of `request` (messages, tools, template variables, prompts, stop strings,
// the form of the answer) and masks them in place where `mode` says so. 400 where the mode refuses
// what was found, or where it came as token ids or in the form of the answer, which can't be
// masked; 503 where no memory could be locked, which only masking asks for.
std::optional<ApiError> guard_request(pii::Mode mode, const pii::DetectOptions& detect,
                                      const Tokenizer& tokenizer, GenerationRequest& request,
                                      GuardedRequest& out);

// Puts the values back into the pieces of an answer as they come: text, thought, names and
// arguments of calls, and the texts of tokens beside their log probabilities.
class AnswerRestorer {
 public:
  // `tokenizer` must outlive this.
  AnswerRestorer(std::shared_ptr<const pii::Vault> vault, const Tokenizer& tokenizer,
                 size_t choices);

  // What was taken from a channel, to its end where it ended.
  void restore(AnswerChannel::Taken& taken);
  // Pieces in their order, without those of which nothing is certain yet.
  std::vector<Piece> restore(std::vector<Piece> pieces);
  // What is held of answers that ended without a last piece.
  std::vector<Piece> rest();

 private:
  // The part of a choice that is being written: thought, answer, or a call.
  struct Choice {
    Piece kind;  // without text
    pii::Unmasker text, tokens;
    std::vector<TokenLogprob> waiting;  // tokens whose text may be part of a token of ours
    std::string waiting_text;
    int64_t restored = 0;  // before those that wait
  };
  void restore_one(Piece piece, std::vector<Piece>& out);
  void flush(int32_t choice, std::vector<Piece>& out);
  void take_token(Choice& choice, TokenLogprob logprob, std::vector<TokenLogprob>& out);

  std::shared_ptr<const pii::Vault> vault_;
  const Tokenizer& tokenizer_;
  std::vector<Choice> choices_;
};

}  // namespace hearth::serve
