// See personal_data.h.
#include "hearth/serve/personal_data.h"

#include <map>
#include <nlohmann/json.hpp>

#include "hearth/guard/pii/masker.h"

namespace hearth::serve {
namespace {

// The strings inside a JSON value; names of members stay.
void collect(Json& value, std::vector<std::string*>& out) {
  if (value.is_string()) out.push_back(&value.get_ref<std::string&>());
  if (!value.is_structured()) return;
  for (Json& item : value) collect(item, out);
}

std::vector<std::string*> texts_of(GenerationRequest& request) {
  std::vector<std::string*> out;
  collect(request.chat.messages, out);
  collect(request.chat.tools, out);
  collect(request.chat.extra, out);
  for (RawPrompt& prompt : request.prompts) out.push_back(&prompt.text);
  for (std::string& stop : request.stop) out.push_back(&stop);
  return out;
}

std::vector<std::string_view> views_of(const std::vector<std::string*>& texts) {
  std::vector<std::string_view> out;
  for (const std::string* text : texts) out.emplace_back(*text);
  return out;
}

using Counts = std::map<pii::Type, int64_t>;

void count(std::string_view text, const pii::DetectOptions& detect, Counts& counts) {
  for (const pii::Entity& e : pii::detect(text, detect)) ++counts[e.type];
}

// What stands where a token of ours would say something else: in token ids, and in the form that
// the answer must keep.
Counts count_unmaskable(const GenerationRequest& request, const Tokenizer& tokenizer,
                        const pii::DetectOptions& detect) {
  Counts counts;
  for (const RawPrompt& prompt : request.prompts) {
    count(tokenizer.decode(prompt.ids, false), detect, counts);
  }
  count(request.format.source, detect, counts);
  return counts;
}

ApiError refused(const GuardedRequest& guarded) {
  return api_error(400, "personal_data",
                   "personal data is refused here; found " + guarded.summary());
}

}  // namespace

std::string GuardedRequest::summary() const {
  std::string out;
  for (const auto& [type, count] : found) {
    out += fmt::format("{}{}={}", out.empty() ? "" : ",", pii::type_name(type), count);
  }
  return out;
}

std::optional<ApiError> guard_request(pii::Mode mode, const pii::DetectOptions& detect,
                                      const Tokenizer& tokenizer, GenerationRequest& request,
                                      GuardedRequest& out) {
  if (mode == pii::Mode::off) return std::nullopt;
  const std::vector<std::string*> texts = texts_of(request);
  const std::vector<std::string_view> views = views_of(texts);
  Counts counts = count_unmaskable(request, tokenizer, detect);
  if (mode != pii::Mode::mask) {  // nothing to restore, so nothing to lock memory for
    for (std::string_view text : views) count(text, detect, counts);
    out.found.assign(counts.begin(), counts.end());
    if (out.found.empty() || mode == pii::Mode::log_only) return std::nullopt;
    return refused(out);
  }
  const bool unmaskable = !counts.empty();
  auto masked = pii::mask(views, detect);
  if (!masked) return api_error(503, "personal_data_memory", masked.status().message());
  for (const pii::MaskedText& text : masked->texts) {
    for (const pii::MaskedEntity& e : text.entities) ++counts[e.entity.type];
  }
  out.found.assign(counts.begin(), counts.end());
  if (out.found.empty()) return std::nullopt;
  if (unmaskable) return refused(out);
  for (size_t i = 0; i < texts.size(); ++i) *texts[i] = std::move(masked->texts[i].text);
  out.vault = masked->vault;
  return std::nullopt;
}

AnswerRestorer::AnswerRestorer(std::shared_ptr<const pii::Vault> vault, const Tokenizer& tokenizer,
                               size_t choices)
    : vault_(std::move(vault)), tokenizer_(tokenizer) {
  for (size_t i = 0; i < choices; ++i) {
    choices_.push_back({{}, pii::Unmasker(vault_), pii::Unmasker(vault_), {}, "", 0});
    choices_.back().kind.choice = static_cast<int32_t>(i);
  }
}

// Tokens leave once their text is certain. Where values were put back among them, the first of them
// carries the whole text, so that the texts of all tokens together are the restored answer.
void AnswerRestorer::take_token(Choice& choice, TokenLogprob logprob,
                                std::vector<TokenLogprob>& out) {
  choice.waiting_text += choice.tokens.push(tokenizer_.token_bytes(logprob.chosen.id));
  choice.waiting.push_back(std::move(logprob));
  if (choice.tokens.holds()) return;
  if (choice.tokens.restored() > choice.restored) {
    for (TokenLogprob& l : choice.waiting) l.text = std::exchange(choice.waiting_text, "");
  }
  choice.restored = choice.tokens.restored();
  choice.waiting_text.clear();
  for (TokenLogprob& l : choice.waiting) out.push_back(std::move(l));
  choice.waiting.clear();
}

// Ends the part that is being written.
void AnswerRestorer::flush(int32_t index, std::vector<Piece>& out) {
  Choice& choice = choices_[static_cast<size_t>(index)];
  Piece last = choice.kind;
  last.text = choice.text.finish();
  if (choice.tokens.restored() > choice.restored) {
    choice.waiting_text += choice.tokens.finish();
    for (TokenLogprob& l : choice.waiting) l.text = std::exchange(choice.waiting_text, "");
  }
  last.logprobs = std::exchange(choice.waiting, {});
  if (!last.text.empty() || !last.logprobs.empty()) out.push_back(std::move(last));
}

void AnswerRestorer::restore_one(Piece piece, std::vector<Piece>& out) {
  Choice& choice = choices_[static_cast<size_t>(piece.choice)];
  const bool same = choice.kind.thought == piece.thought && choice.kind.call == piece.call &&
                    choice.kind.call_name == piece.call_name;
  if (!same) {
    flush(piece.choice, out);
    const bool json = piece.call >= 0 && !piece.call_name;
    using Context = pii::Unmasker::Context;
    choice.kind.thought = piece.thought;
    choice.kind.call = piece.call;
    choice.kind.call_name = piece.call_name;
    choice.text = pii::Unmasker(vault_, json ? Context::json : Context::text);
    choice.tokens = pii::Unmasker(vault_, json ? Context::json : Context::text);
    choice.restored = 0;
    choice.waiting_text.clear();
  }
  piece.text = choice.text.push(piece.text);
  std::vector<TokenLogprob> certain;
  for (TokenLogprob& l : piece.logprobs) take_token(choice, std::move(l), certain);
  piece.logprobs = std::move(certain);
  if (!piece.finish.empty()) {
    std::vector<Piece> last;
    flush(piece.choice, last);
    for (Piece& p : last) {
      piece.text += p.text;
      for (TokenLogprob& l : p.logprobs) piece.logprobs.push_back(std::move(l));
    }
  }
  const bool empty = piece.text.empty() && piece.logprobs.empty() && piece.finish.empty();
  if (!empty) out.push_back(std::move(piece));
}

std::vector<Piece> AnswerRestorer::restore(std::vector<Piece> pieces) {
  std::vector<Piece> out;
  for (Piece& piece : pieces) restore_one(std::move(piece), out);
  return out;
}

void AnswerRestorer::restore(AnswerChannel::Taken& taken) {
  taken.pieces = restore(std::move(taken.pieces));
  if (!taken.ended) return;
  for (Piece& piece : rest()) taken.pieces.push_back(std::move(piece));
}

std::vector<Piece> AnswerRestorer::rest() {
  std::vector<Piece> out;
  for (const Choice& choice : choices_) flush(choice.kind.choice, out);
  return out;
}

}  // namespace hearth::serve
