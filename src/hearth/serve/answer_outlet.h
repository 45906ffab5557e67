// AnswerOutlet: the way of one choice's pieces to the channel. Where answers must bear a watermark
// they wait until one of their tokens does (engine/answer_mark.h), and one that ends before is
// never shown.
#pragma once

#include <optional>
#include <vector>

#include "hearth/engine/answer_mark.h"
#include "hearth/serve/answer_text.h"

namespace hearth::serve {

class AnswerOutlet {
 public:
  // The answer must bear its mark, from the first token on. `tokenizer` must outlive this.
  void require(const Tokenizer& tokenizer, AnswerText::Form form, const watermark::Mark& mark);
  // A token whose pieces another server showed.
  void replay(int32_t id, const std::vector<Piece>& pieces);

  // The pieces of the token `id`, which the channel is told with them where it is `told` at all:
  // now, or with those of a later token.
  void put(AnswerChannel& channel, int32_t id, std::vector<Piece> pieces, bool told);
  // The last ones. False: none went out, since the answer bears no mark.
  bool end(AnswerChannel& channel, std::vector<Piece> pieces);

 private:
  struct Held {
    std::vector<Piece> pieces;
    std::optional<int32_t> told;
  };

  void show(AnswerChannel& channel);

  std::optional<MarkGate> gate_;
  std::vector<Held> held_;
};

}  // namespace hearth::serve
