// Checks a VocabularyData and builds the tables. Everything that a hostile file can say wrong about
// a vocabulary is refused here, whichever reader it came through.
#include <cmath>
#include <utility>

#include "hearth/files/outside_bytes.h"
#include "hearth/text/tokenizer/byte_alphabet.h"
#include "hearth/text/tokenizer/tokenizer_state.h"

namespace hearth {
namespace {

constexpr size_t kTokensMax = size_t{1} << 24;

class Builder {
 public:
  explicit Builder(VocabularyData data) : data_(std::move(data)) {}

  Result<TokenizerState> run();

 private:
  Status check_sizes();
  Status check_ids() const;
  Status collect_added();
  void make_tokens();
  Status make_byte_ids();
  Result<MergeTable> make_merges() const;
  Result<std::vector<uint32_t>> make_ranks() const;
  Status make_model();
  Status choose_splits();

  bool words_stand_alone() const;

  TokenType type(size_t id) const { return data_.types[id]; }
  bool searchable(size_t id) const;
  std::string bytes_of(size_t id) const;
  std::string shown(size_t id) const { return excerpt(data_.tokens[id]); }

  VocabularyData data_;
  std::vector<const AddedToken*> added_by_id_;
  Fallback fallback_;
  TokenizerState state_;
};

// Converters fill the rows of the embedding beyond the vocabulary with "[PAD123]".
bool is_padding(std::string_view token, size_t id) {
  return token.starts_with("[PAD") && token == fmt::format("[PAD{}]", id);
}

Status Builder::check_sizes() {
  const size_t count = data_.tokens.size();
  if (count == 0 || count > kTokensMax) {
    return error(Code::corrupt, "tokens: expected 1 to {}, found {}", kTokensMax, count);
  }
  if (data_.types.empty()) data_.types.assign(count, TokenType::normal);
  if (data_.types.size() != count) {
    return error(Code::corrupt, "token types: expected {}, one for each token, found {}", count,
                 data_.types.size());
  }
  const bool spm = data_.model == VocabularyData::Model::spm;
  if (spm && data_.scores.size() != count) {
    return error(Code::corrupt, "token scores: expected {}, one for each token, found {}", count,
                 data_.scores.size());
  }
  for (size_t id = 0; id < count; ++id) {
    if (is_padding(data_.tokens[id], id)) data_.types[id] = TokenType::unused;
  }
  return Status::ok();
}

Status Builder::check_ids() const {
  const auto check = [&](std::string_view what, int32_t id) -> Status {
    const auto count = static_cast<int32_t>(data_.tokens.size());
    if (id >= 0 && id < count) return Status::ok();
    return error(Code::corrupt, "{}: expected an id in [0, {}), found {}", what, count, id);
  };
  if (data_.bos) TRY(check("bos token", *data_.bos));
  if (data_.eos) TRY(check("eos token", *data_.eos));
  if (data_.unk) TRY(check("unknown token", *data_.unk));
  if (data_.pad) TRY(check("padding token", *data_.pad));
  for (const int32_t id : data_.prefix) TRY(check("token before the text", id));
  for (const int32_t id : data_.suffix) TRY(check("token after the text", id));
  for (const AddedToken& token : data_.added_tokens) TRY(check("added token", token.id));
  return Status::ok();
}

// The added tokens of the file and those that only a type marks.
Status Builder::collect_added() {
  std::vector<bool> listed(data_.tokens.size(), false);
  for (const AddedToken& token : data_.added_tokens) listed[static_cast<size_t>(token.id)] = true;
  const bool spm = data_.model == VocabularyData::Model::spm;
  for (size_t id = 0; id < data_.tokens.size(); ++id) {
    const bool control = type(id) == TokenType::control || type(id) == TokenType::unknown;
    if (listed[id] || (!control && type(id) != TokenType::user_defined)) continue;
    AddedToken token{
        .id = static_cast<int32_t>(id), .content = data_.tokens[id], .special = control};
    if (spm && !control) token.content = spaces_from_bars(token.content);
    data_.added_tokens.push_back(std::move(token));
  }
  added_by_id_.assign(data_.tokens.size(), nullptr);
  for (const AddedToken& token : data_.added_tokens) {
    if (token.content.empty() || token.content.size() > AddedTokens::kContentMax) {
      return error(Code::corrupt,
                   "token {}: expected a control or added token of 1 to {} bytes, "
                   "found {}",
                   token.id, AddedTokens::kContentMax, token.content.size());
    }
    const auto id = static_cast<size_t>(token.id);
    if (added_by_id_[id] && added_by_id_[id]->content != token.content) {
      return error(Code::corrupt, "token {}: added twice, as `{}` and as `{}`", token.id,
                   excerpt(added_by_id_[id]->content), excerpt(token.content));
    }
    added_by_id_[id] = &token;
    if (type(id) == TokenType::unused) continue;
    state_.added.add(token);
  }
  return Status::ok();
}

std::string Builder::bytes_of(size_t id) const {
  const std::string& spelled = data_.tokens[id];
  if (type(id) == TokenType::missing || type(id) == TokenType::unused) return {};
  if (added_by_id_[id]) return added_by_id_[id]->content;
  if (data_.byte_level) return bytes_from_alphabet(spelled).value_or(spelled);
  if (type(id) == TokenType::byte) {
    const int byte = byte_of_hex_token(spelled);
    return byte < 0 ? std::string() : std::string(1, static_cast<char>(byte));
  }
  return spaces_from_bars(spelled);
}

// Whether text may become this token by splitting and merging.
bool Builder::searchable(size_t id) const {
  if (type(id) != TokenType::normal || added_by_id_[id] || data_.tokens[id].empty()) return false;
  if (data_.byte_level) return bytes_from_alphabet(data_.tokens[id]).has_value();
  // A token with a plain space gives way to the one that spells it ▁.
  const auto i = static_cast<int32_t>(id);
  const bool plain_space = data_.tokens[id].find(' ') != std::string::npos;
  return !plain_space || state_.tokens.find(state_.tokens.bytes(i)) < 0;
}

void Builder::make_tokens() {
  for (size_t id = 0; id < data_.tokens.size(); ++id) {
    state_.tokens.add(bytes_of(id));
    if (searchable(id)) state_.tokens.index(static_cast<int32_t>(id));
    state_.special.push_back(added_by_id_[id] && added_by_id_[id]->special);
  }
}

Status Builder::make_byte_ids() {
  fallback_.byte_ids.fill(-1);
  fallback_.unk = data_.unk;
  fallback_.fuse_unk = data_.fuse_unk;
  fallback_.bytes = data_.byte_fallback;
  if (data_.byte_level) {
    for (size_t b = 0; b < 256; ++b) {
      const char byte = static_cast<char>(b);
      fallback_.byte_ids[b] = state_.tokens.find(std::string_view(&byte, 1));
    }
    return Status::ok();
  }
  for (size_t id = 0; id < data_.tokens.size(); ++id) {
    if (type(id) != TokenType::byte) continue;
    const int byte = byte_of_hex_token(data_.tokens[id]);
    if (byte < 0) {
      return error(Code::corrupt, "byte token {}: expected <0x00> to <0xFF>, found `{}`", id,
                   shown(id));
    }
    fallback_.byte_ids[static_cast<size_t>(byte)] = static_cast<int32_t>(id);
  }
  return Status::ok();
}

Result<MergeTable> Builder::make_merges() const {
  TokenTable spelled;
  for (size_t id = 0; id < data_.tokens.size(); ++id) {
    spelled.add(data_.tokens[id]);
    if (type(id) != TokenType::missing) spelled.index(static_cast<int32_t>(id));
  }
  MergeTable merges(data_.merges.size());
  std::string joined;
  for (size_t rank = 0; rank < data_.merges.size(); ++rank) {
    const auto& [left, right] = data_.merges[rank];
    joined = left;
    joined += right;
    const int32_t left_id = spelled.find(left);
    const int32_t right_id = spelled.find(right);
    const int32_t id = spelled.find(joined);
    if (left_id < 0 || right_id < 0 || id < 0) {
      const std::string_view absent = left_id < 0 ? left : right_id < 0 ? right : joined;
      return error(Code::corrupt, "merge {} (`{}` `{}`): no token is spelled `{}`", rank,
                   excerpt(left), excerpt(right), excerpt(absent));
    }
    // No list of merges may build a control token out of user text.
    const AddedToken* added = added_by_id_[static_cast<size_t>(id)];
    if (added && AddedTokens::is_guarded(*added)) continue;
    merges.add(left_id, right_id, {static_cast<uint32_t>(rank), id});
  }
  return merges;
}

Result<std::vector<uint32_t>> Builder::make_ranks() const {
  std::vector<uint32_t> ranks;
  ranks.reserve(data_.scores.size());
  for (size_t id = 0; id < data_.scores.size(); ++id) {
    if (!std::isfinite(data_.scores[id])) {
      return error(Code::corrupt, "score of token {} (`{}`): expected a finite number, found {}",
                   id, shown(id), data_.scores[id]);
    }
    ranks.push_back(SpmModel::rank_of_score(data_.scores[id]));
  }
  return ranks;
}

Status Builder::make_model() {
  TRY(make_byte_ids());
  if (data_.model == VocabularyData::Model::spm) {
    SpmModel model;
    TRY_ASSIGN(model.ranks, make_ranks());
    model.fallback = fallback_;
    state_.model = std::move(model);
    return Status::ok();
  }
  BpeModel model;
  TRY_ASSIGN(model.merges, make_merges());
  model.fallback = fallback_;
  model.byte_level = data_.byte_level;
  model.ignore_merges = data_.ignore_merges;
  state_.model = std::move(model);
  return Status::ok();
}

bool Builder::words_stand_alone() const {
  if (data_.byte_level || data_.ignore_merges || state_.tokens.find(" ") < 0) return false;
  for (size_t id = 0; id < data_.tokens.size(); ++id) {
    const std::string_view bytes = state_.tokens.bytes(static_cast<int32_t>(id));
    const size_t word = bytes.find_first_not_of(' ');
    const bool guarded = added_by_id_[id] && AddedTokens::is_guarded(*added_by_id_[id]);
    const bool reachable = type(id) == TokenType::normal && !guarded;
    if (reachable && word != bytes.npos && bytes.find(' ', word) != bytes.npos) return false;
  }
  return true;
}

Status Builder::choose_splits() {
  state_.splits = data_.splits;
  if (!data_.byte_level || !state_.splits.empty() || data_.pre_tokenizer.empty()) {
    return Status::ok();
  }
  const std::span<const Split> named = splits_by_name(data_.pre_tokenizer);
  if (named.empty()) {
    return error(Code::unsupported,
                 "pre-tokenizer: expected deepseek-v3, deepseek-llm, "
                 "deepseek-coder, qwen2, llama-bpe or gpt-2, found `{}`",
                 excerpt(data_.pre_tokenizer));
  }
  state_.splits.assign(named.begin(), named.end());
  return Status::ok();
}

Result<TokenizerState> Builder::run() {
  TRY(check_sizes());
  TRY(check_ids());
  TRY(choose_splits());
  TRY(collect_added());
  make_tokens();
  TRY(make_model());
  state_.byte_level = data_.byte_level;
  state_.nfc = data_.nfc;
  state_.space_prefix = data_.space_prefix;
  state_.split_at_spaces = data_.split_at_spaces;
  state_.words_stand_alone = words_stand_alone();
  state_.strip_leading_space = data_.strip_leading_space;
  state_.bos = data_.bos;
  state_.eos = data_.eos;
  state_.prefix = data_.prefix;
  state_.suffix = data_.suffix;
  return std::move(state_);
}

}  // namespace

Result<TokenizerState> TokenizerState::build(VocabularyData data) {
  return Builder(std::move(data)).run();
}

}  // namespace hearth
