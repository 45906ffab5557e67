// See answer_stream.h.
#include "hearth/engine/answer_stream.h"

#include <utility>

namespace hearth {

bool AnswerStream::is_text(const Tokenizer& tokenizer, int32_t id) {
  if (!tokenizer.is_special(id)) return true;
  const std::string_view text = tokenizer.token_bytes(id);
  return text == "<think>" || text == "</think>";
}

std::vector<StreamPart> AnswerStream::split(std::string text) {
  if (form_ != Form::raw) return splitter_.push(text);
  return {{false, std::move(text)}};
}

void AnswerStream::add_certain(std::vector<StreamPart> parts, std::vector<StreamPart>& out) {
  for (StreamPart& part : parts) {
    std::string certain = part.thought ? std::move(part.text) : stops_.push(part.text);
    if (!certain.empty()) out.push_back({part.thought, std::move(certain)});
  }
}

std::vector<StreamPart> AnswerStream::push(int32_t id) {
  std::string text;
  if (is_text(tokenizer_, id)) text = detokenizer_.push(tokenizer_.token_bytes(id));
  std::vector<StreamPart> out;
  add_certain(split(std::move(text)), out);
  return out;
}

std::vector<StreamPart> AnswerStream::finish() {
  std::vector<StreamPart> out;
  if (stopped()) return out;
  add_certain(split(detokenizer_.finish()), out);
  if (form_ != Form::raw) add_certain(splitter_.finish(), out);
  if (stopped()) return out;
  if (std::string held = stops_.finish(); !held.empty()) out.push_back({false, std::move(held)});
  return out;
}

}  // namespace hearth
