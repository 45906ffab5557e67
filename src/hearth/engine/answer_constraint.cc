// See answer_constraint.h.
#include "hearth/engine/answer_constraint.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace hearth {
namespace {

// Eight allowed tokens of a set as eight bytes that are 1 where banned.
constexpr std::array<uint64_t, 256> kBannedOf = [] {
  std::array<uint64_t, 256> out{};
  for (size_t bits = 0; bits < 256; ++bits) {
    for (size_t i = 0; i < 8; ++i) {
      if (!(bits >> i & 1)) out[bits] |= uint64_t{1} << (8 * i);
    }
  }
  return out;
}();

}  // namespace

void ban_all_but(std::span<const uint64_t> allowed, std::span<uint8_t> banned) {
  const size_t whole = banned.size() / 64;
  for (size_t i = 0; i < whole; ++i) {
    uint8_t* const row = banned.data() + 64 * i;
    const uint64_t word = allowed[i];
    // Outside of strings nearly all words are of the first kind.
    if (word == 0) {
      std::memset(row, 1, 64);
      continue;
    }
    for (size_t k = 0; k < 8; ++k) {
      uint64_t eight;
      std::memcpy(&eight, row + 8 * k, 8);
      eight |= kBannedOf[word >> (8 * k) & 0xFF];
      std::memcpy(row + 8 * k, &eight, 8);
    }
  }
  for (size_t id = 64 * whole; id < banned.size(); ++id) {
    if (!(allowed[id / 64] >> (id % 64) & 1)) banned[id] = 1;
  }
}

ConstraintVocabulary::ConstraintVocabulary(const Tokenizer& tokenizer, int64_t vocab_size,
                                           std::vector<int32_t> stop_ids,
                                           std::span<const int32_t> marks)
    : tokenizer_(tokenizer),
      tokens_(std::make_shared<const grammar::TokenTrie>(
          grammar::TokenTrie::of(tokenizer, vocab_size, marks))),
      stop_ids_(std::move(stop_ids)),
      opening_tag_(tokenizer.find("<think>")) {
  for (int32_t id = 0; id < static_cast<int32_t>(vocab_size); ++id) {
    const std::string_view bytes = tokens_->bytes(id);
    const size_t end = bytes.find('>');
    if (end != bytes.npos && end + 1 < bytes.size()) across_tags_.push_back(id);
  }
}

AnswerConstraint::AnswerConstraint(const ConstraintVocabulary& vocabulary,
                                   std::shared_ptr<grammar::CompiledGrammar> grammar,
                                   AnswerStream::Form form)
    : vocabulary_(vocabulary),
      grammar_(std::move(grammar)),
      form_(form),
      tracker_(vocabulary.tokenizer(), form),
      matcher_(grammar_, false),
      allowed_(vocabulary.tokens()->words()) {}

void AnswerConstraint::reset() {
  seen_ = 0;
  settled_at_ = 0;
  tracker_ = ThoughtTracker(vocabulary_.tokenizer(), form_);
  matcher_ = grammar::Matcher(grammar_, false);
}

Status AnswerConstraint::take(int32_t id) {
  const bool was_settled = tracker_.settled();
  const bool was_in_thought = tracker_.in_thought();
  const bool in_thought = tracker_.take(id);
  const bool first = seen_++ == 0;
  if (tracker_.settled() && !was_settled) settled_at_ = seen_;
  if (was_in_thought) {
    if (!in_thought) matcher_ = grammar::Matcher(grammar_, true);
    return Status::ok();
  }
  if (in_thought && first && vocabulary_.opening_tag() == id) return Status::ok();
  // Control tokens that are no marks have no bytes here; no grammar describes them.
  const std::string_view bytes = vocabulary_.tokens()->bytes(id);
  TRY_ASSIGN(const bool taken, bytes.empty() ? Result<bool>(false) : matcher_.advance(bytes));
  if (taken) return Status::ok();
  return error(Code::invalid, "token {} of the answer doesn't follow its grammar", seen_ - 1);
}

// Takes in what is new, or takes back what is gone.
Status AnswerConstraint::follow(std::span<const int32_t> answer) {
  if (answer.size() < seen_) {
    const size_t back = seen_ - answer.size();
    const bool same_text = tracker_.settled() && answer.size() >= settled_at_;
    if (same_text && back <= std::min(matcher_.steps(), grammar::kRollbackMax)) {
      matcher_.rollback(back);
      seen_ = answer.size();
    } else {
      reset();
    }
  }
  while (seen_ < answer.size()) TRY(take(answer[seen_]));
  return Status::ok();
}

void AnswerConstraint::ban_ends(std::span<uint8_t> banned) const {
  for (int32_t id : vocabulary_.stop_ids()) banned[static_cast<size_t>(id)] = 1;
}

// A token must not close the thought and go on: what it goes on with would escape the grammar.
void AnswerConstraint::ban_in_thought(std::span<uint8_t> banned) const {
  ban_ends(banned);
  for (int32_t id : vocabulary_.across_tags()) {
    if (tracker_.would_close_within(vocabulary_.tokens()->bytes(id))) {
      banned[static_cast<size_t>(id)] = 1;
    }
  }
}

Status AnswerConstraint::mask(std::span<const int32_t> answer, std::span<uint8_t> banned) {
  TRY(follow(answer));
  if (tracker_.in_thought()) {
    ban_in_thought(banned);
    return Status::ok();
  }
  const auto is_banned = [&](int32_t id) { return banned[static_cast<size_t>(id)] != 0; };
  std::vector<int32_t> others;  // what may come beside the grammar's tokens
  if (matcher_.complete()) {
    for (int32_t id : vocabulary_.stop_ids()) {
      if (!is_banned(id)) others.push_back(id);
    }
  }
  const std::optional<int32_t> opening = vocabulary_.opening_tag();
  if (form_ == AnswerStream::Form::chat && seen_ == 0 && opening && !is_banned(*opening)) {
    others.push_back(*opening);
  }
  TRY(matcher_.mask(allowed_));
  ban_all_but(allowed_, banned);
  ban_ends(banned);
  for (int32_t id : others) banned[static_cast<size_t>(id)] = 0;
  return Status::ok();
}

}  // namespace hearth
