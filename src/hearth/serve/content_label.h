// The explicit label in the pieces of an answer: before the first words that people read, or behind
// the last. Thoughts, calls of tools and answers of a given form stay as the model wrote them.
#pragma once

#include <string>
#include <vector>

#include "hearth/guard/label/label.h"
#include "hearth/serve/answer_channel.h"
#include "hearth/serve/generation_request.h"

namespace hearth::serve {

// Whether words may go into the answer: a chat's, in free text. A form (JSON, a grammar) would be
// broken by them, a program that offers tools reads the answer itself, and a completion goes on
// with its caller's text; these carry the metadata alone.
bool takes_explicit_label(const GenerationRequest& request);

class AnswerLabeller {
 public:
  AnswerLabeller(const label::Policy& policy, size_t choices)
      : prefix_(placed(policy, label::Placement::prefix)),
        suffix_(placed(policy, label::Placement::suffix)),
        begun_(choices, false) {}

  // Words of a choice are out already: those before them, too.
  void skip_prefix(size_t choice) { begun_[choice] = true; }
  // What was taken from a channel. An answer that ends in an error gets no suffix.
  void label(std::vector<Piece>& pieces);

 private:
  static std::string placed(const label::Policy& policy, label::Placement placement) {
    if (policy.placement != placement) return "";
    return std::string(label::explicit_text(placement, policy.language));
  }

  const std::string prefix_, suffix_;
  std::vector<bool> begun_;  // the prefix of a choice is out
};

// Takes the words out of the answers that a chat's client sends back.
void remove_explicit_labels(GenerationRequest& request);

}  // namespace hearth::serve
