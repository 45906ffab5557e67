// See examples.h.
#include "hearth/train/data/examples.h"

#include <algorithm>

namespace hearth::train {
namespace {

constexpr std::string_view kThink = "<think>";
constexpr std::string_view kThought = "</think>";

// What the model is to write, from where its prompt ends.
std::string answer_text(const Json& message, bool thought_is_open) {
  const std::string content = message["content"].get<std::string>();
  const Json* reasoning = json_find(message, "reasoning_content");
  const std::string thought = reasoning ? reasoning->get<std::string>() : "";
  const std::string opening = thought_is_open ? "" : std::string(kThink) + "\n";
  if (!thought.empty()) return opening + thought + "\n</think>\n\n" + content;
  if (!thought_is_open) return content;
  if (content.starts_with(kThink)) {  // the prompt has said it already
    const std::string rest = content.substr(kThink.size());
    return rest.starts_with("\n") ? rest.substr(1) : rest;
  }
  if (content.find(kThought) != content.npos) return content;
  return "\n</think>\n\n" + content;
}

// The marks of a thought are the only control tokens that training text may make.
std::vector<int32_t> answer_ids(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<ByteRange> trusted;
  for (const std::string_view mark : {kThink, kThought}) {
    for (size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + 1)) {
      trusted.push_back({static_cast<int64_t>(at), static_cast<int64_t>(at + mark.size())});
    }
  }
  std::sort(trusted.begin(), trusted.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; });
  return tokenizer.encode_trusted(text, trusted);
}

class Maker {
 public:
  Maker(const TextModel& model, int64_t length) : model_(model), length_(length) {}

  Status add(const TrainingText& text) {
    if (text.messages.is_null()) return add_plain(text);
    for (size_t i = 0; i < text.messages.size(); ++i) {
      if (text.messages[i]["role"] == "assistant") TRY(add_answer(text, i));
    }
    return Status::ok();
  }

  Examples out;

 private:
  Status add_plain(const TrainingText& text) {
    Example e{text.line, model_.plain(text.text, false).ids, 1};
    return finish(std::move(e));
  }

  Status add_answer(const TrainingText& text, size_t message) {
    TRY_ASSIGN(const Prompt prompt, prompt_of(text, message));
    Example e{text.line, prompt.ids, std::max<int64_t>(1, static_cast<int64_t>(prompt.ids.size()))};
    const std::string answer = answer_text(text.messages[message], prompt.opens_thought);
    const std::vector<int32_t> ids = answer_ids(model_.tokenizer(), answer);
    e.tokens.insert(e.tokens.end(), ids.begin(), ids.end());
    return finish(std::move(e));
  }

  Result<Prompt> prompt_of(const TrainingText& text, size_t end) const {
    // A base model without a template: the prompt as it is.
    if (text.is_pair && !model_.chat_template()) {
      return model_.plain(text.messages[0]["content"].get<std::string>(), false);
    }
    ChatRequest request;
    request.messages = Json::array();
    for (size_t i = 0; i < end; ++i) request.messages.push_back(text.messages[i]);
    return model_.chat(request);
  }

  // Ends the example as the model ends an answer, and cuts it to the length.
  Status finish(Example e) {
    if (!model_.stop_ids().empty()) {
      const auto eos = model_.tokenizer().eos();
      e.tokens.push_back(eos ? *eos : model_.stop_ids().front());
    }
    if (e.learned_from >= length_ || static_cast<int64_t>(e.tokens.size()) <= e.learned_from) {
      return error(Code::corrupt,
                   "line {}: expected an answer within the first {} tokens, found a prompt of {}",
                   e.line, length_, e.learned_from);
    }
    if (static_cast<int64_t>(e.tokens.size()) > length_) {
      e.tokens.resize(static_cast<size_t>(length_));
      if (out.cut++ == 0) out.first_cut_line = e.line;
    }
    out.items.push_back(std::move(e));
    return Status::ok();
  }

  const TextModel& model_;
  int64_t length_;
};

}  // namespace

Result<Examples> make_examples(const TextModel& model, const std::vector<TrainingText>& texts,
                               int64_t length) {
  Maker maker(model, length);
  for (const TrainingText& text : texts) {
    Status status = maker.add(text);
    if (status.is_ok()) continue;
    if (status.message().starts_with("line ")) return status;
    return std::move(status).at(fmt::format("line {}", text.line));
  }
  return std::move(maker.out);
}

TokenBatch make_batch(const std::vector<Example>& examples, std::span<const int64_t> order) {
  TokenBatch batch;
  for (const int64_t index : order) {
    const Example& e = examples[static_cast<size_t>(index)];
    const auto begin = static_cast<int64_t>(batch.tokens.size());
    const auto rows = static_cast<int64_t>(e.tokens.size()) - 1;  // the last predicts nothing
    batch.documents.push_back({begin, rows});
    batch.tokens.insert(batch.tokens.end(), e.tokens.begin(), e.tokens.end() - 1);
    for (int64_t i = e.learned_from; i <= rows; ++i) {
      batch.rows.push_back(begin + i - 1);
      batch.targets.push_back(e.tokens[static_cast<size_t>(i)]);
    }
  }
  return batch;
}

int64_t learned_tokens(const Example& example) {
  return static_cast<int64_t>(example.tokens.size()) - example.learned_from;
}

}  // namespace hearth::train
