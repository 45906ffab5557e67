// The public face; the work is in tokenizer_state.cc (encoding) and build_state.cc (loading).
#include "hearth/text/tokenizer/tokenizer.h"

#include <algorithm>
#include <utility>

#include "hearth/text/tokenizer/tokenizer_state.h"

namespace hearth {
namespace {

// Clipped to the text, rising, and joined where they touch.
std::vector<ByteRange> tidy_ranges(std::span<const ByteRange> ranges, size_t size) {
  std::vector<ByteRange> sorted;
  for (ByteRange range : ranges) {
    range.begin = std::max<int64_t>(range.begin, 0);
    range.end = std::min(range.end, static_cast<int64_t>(size));
    if (range.begin < range.end) sorted.push_back(range);
  }
  std::ranges::sort(sorted, {}, &ByteRange::begin);
  std::vector<ByteRange> tidy;
  for (const ByteRange& range : sorted) {
    if (!tidy.empty() && range.begin <= tidy.back().end) {
      tidy.back().end = std::max(tidy.back().end, range.end);
    } else {
      tidy.push_back(range);
    }
  }
  return tidy;
}

}  // namespace

Result<Tokenizer> Tokenizer::from_tokenizer_json(std::string_view tokenizer_json,
                                                 std::string_view tokenizer_config_json) {
  TRY_ASSIGN(VocabularyData data,
             vocabulary_from_tokenizer_json(tokenizer_json, tokenizer_config_json));
  return from_vocabulary(std::move(data));
}

Result<Tokenizer> Tokenizer::from_vocabulary(VocabularyData data) {
  TRY_ASSIGN(TokenizerState state, TokenizerState::build(std::move(data)));
  return Tokenizer(std::make_shared<const TokenizerState>(std::move(state)));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<int32_t> ids;
  const bool around = options.add_special_prefix_suffix;
  if (around) ids = state_->prefix;
  const ByteRange all{0, static_cast<int64_t>(text.size())};
  const bool trust = options.parse_special && !text.empty();
  state_->encode(text, std::span(&all, trust ? 1 : 0), ids);
  if (around) ids.insert(ids.end(), state_->suffix.begin(), state_->suffix.end());
  return ids;
}

std::vector<int32_t> Tokenizer::encode_trusted(std::string_view text,
                                               std::span<const ByteRange> trusted) const {
  std::vector<int32_t> ids;
  state_->encode(text, tidy_ranges(trusted, text.size()), ids);
  return ids;
}

std::string_view Tokenizer::token_bytes(int32_t id) const {
  return state_->in_range(id) ? state_->tokens.bytes(id) : std::string_view();
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string text;
  for (const int32_t id : ids) {
    if (!skip_special || !is_special(id)) text += token_bytes(id);
  }
  if (state_->strip_leading_space && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

bool Tokenizer::is_special(int32_t id) const {
  return state_->in_range(id) && state_->special[static_cast<size_t>(id)] != 0;
}

bool Tokenizer::has(int32_t id) const {
  return !token_bytes(id).empty();
}

std::optional<int32_t> Tokenizer::find(std::string_view text) const {
  if (const int32_t id = state_->added.find(text); id >= 0) return id;
  if (const int32_t id = state_->tokens.find(text); id >= 0) return id;
  return std::nullopt;
}

std::optional<int32_t> Tokenizer::first_difference(const Tokenizer& other) const {
  const auto means = [](const Tokenizer& of, int32_t id) {
    return of.has(id) && of.token_bytes(id) != fmt::format("[PAD{}]", id);
  };
  for (int32_t id = 0; id < std::max(vocab_size(), other.vocab_size()); ++id) {
    const bool own = means(*this, id);
    if (own != means(other, id)) return id;
    if (own && token_bytes(id) != other.token_bytes(id)) return id;
  }
  return std::nullopt;
}

int32_t Tokenizer::vocab_size() const {
  return state_->tokens.size();
}
std::optional<int32_t> Tokenizer::bos() const {
  return state_->bos;
}
std::optional<int32_t> Tokenizer::eos() const {
  return state_->eos;
}
std::string_view Tokenizer::bos_text() const {
  return token_bytes(bos().value_or(-1));
}
std::string_view Tokenizer::eos_text() const {
  return token_bytes(eos().value_or(-1));
}

bool Tokenizer::adds_bos() const {
  const auto& prefix = state_->prefix;
  return bos() && std::ranges::find(prefix, *bos()) != prefix.end();
}

}  // namespace hearth
