// AnswerConstraint: a grammar laid over one answer. A thought is left free until </think> closes
// it; from there on, or from the beginning where there is none, only tokens that the grammar takes
// may come, and the end exactly where the text is complete. The engine's TokenMask.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/engine/answer_stream.h"
#include "hearth/engine/thought_tracker.h"
#include "hearth/text/grammar/matcher.h"

namespace hearth {

// A model's vocabulary as constraints see it; made once.
class ConstraintVocabulary {
 public:
  // The tokenizer must outlive it. Ids are those of the model: [0, vocab_size). `marks`: tokens
  // that grammars may name though they are no text (TokenTrie::of).
  ConstraintVocabulary(const Tokenizer& tokenizer, int64_t vocab_size,
                       std::vector<int32_t> stop_ids, std::span<const int32_t> marks = {});

  const Tokenizer& tokenizer() const { return tokenizer_; }
  const std::shared_ptr<const grammar::TokenTrie>& tokens() const { return tokens_; }
  const std::vector<int32_t>& stop_ids() const { return stop_ids_; }
  // Tokens that could close a thought in their middle: some text follows a `>` in them.
  const std::vector<int32_t>& across_tags() const { return across_tags_; }
  std::optional<int32_t> opening_tag() const { return opening_tag_; }

 private:
  const Tokenizer& tokenizer_;
  std::shared_ptr<const grammar::TokenTrie> tokens_;
  std::vector<int32_t> stop_ids_;
  std::vector<int32_t> across_tags_;
  std::optional<int32_t> opening_tag_;  // <think> as one token
};

class AnswerConstraint {
 public:
  // `vocabulary` must outlive it. In a chat the model may open a thought of its own, first of all,
  // unless the prompt says that there is none: then the form is raw.
  AnswerConstraint(const ConstraintVocabulary& vocabulary,
                   std::shared_ptr<grammar::CompiledGrammar> grammar, AnswerStream::Form form);

  // Marks in `banned` [vocab] what may not come after `answer`, which goes on or falls behind what
  // was seen in the last call. unsupported: the grammar is too ambiguous. invalid: the answer
  // doesn't follow the grammar.
  Status mask(std::span<const int32_t> answer, std::span<uint8_t> banned);

 private:
  Status follow(std::span<const int32_t> answer);
  Status take(int32_t id);
  void reset();
  void ban_ends(std::span<uint8_t> banned) const;
  void ban_in_thought(std::span<uint8_t> banned) const;

  const ConstraintVocabulary& vocabulary_;
  std::shared_ptr<grammar::CompiledGrammar> grammar_;
  const AnswerStream::Form form_;
  size_t seen_ = 0;  // tokens of the answer
  ThoughtTracker tracker_;
  size_t settled_at_ = 0;  // tokens behind which no thought can open
  grammar::Matcher matcher_;
  std::vector<uint64_t> allowed_;
};

// Bans all tokens of `banned` but those in `allowed`.
void ban_all_but(std::span<const uint64_t> allowed, std::span<uint8_t> banned);

}  // namespace hearth
