// tokenizer.json and tokenizer_config.json of Hugging Face as a VocabularyData. Every part that
// changes ids is either recognised exactly or refused by name: a tokenizer that is silently
// different is worse than none.
#include <algorithm>
#include <utility>

#include "hearth/text/tokenizer/byte_alphabet.h"
#include "hearth/text/tokenizer/tokenizer_json_reader.h"

namespace hearth {
namespace tokenizer_json {
namespace {

constexpr size_t kBytesMax = size_t{128} << 20;
constexpr size_t kDepthMax = 64;
constexpr size_t kHolesMax = 1 << 19;  // ids that the vocabulary leaves out; 20 MB at most

}  // namespace

Status Reader::read_vocab(const object& vocab) {
  entries_ = vocab.size();
  int32_t last = -1;
  size_t count = 0;  // object::size() saturates
  for (const auto& [key, value] : vocab) {
    TRY_ASSIGN(const int32_t id, id_of(value, key));
    last = std::max(last, id);
    ++count;
  }
  entries_ = count;
  if (static_cast<size_t>(last + 1) > count + kHolesMax) {
    return error(Code::corrupt,
                 "`vocab`: expected ids without large gaps, found id {} among {} "
                 "tokens",
                 last, count);
  }
  data.tokens.resize(static_cast<size_t>(last + 1));
  data.types.resize(data.tokens.size(), TokenType::missing);
  for (const auto& [key, value] : vocab) {
    int64_t id = 0;
    if (value.get_int64().get(id)) continue;
    const auto i = static_cast<size_t>(id);
    if (data.types[i] != TokenType::missing && data.tokens[i] != key) {
      return error(Code::corrupt, "`vocab`: id {} stands twice, for `{}` and `{}`", id,
                   excerpt(data.tokens[i]), excerpt(key));
    }
    data.tokens[i] = key;
    data.types[i] = TokenType::normal;
  }
  return Status::ok();
}

Status Reader::read_merges(const array& merges) {
  for (const element merge : merges) {
    std::string_view text;
    array pair;
    if (!merge.get_string().get(text)) {
      const size_t space = text.find(' ');
      if (space == text.npos || text.find(' ', space + 1) != text.npos) {
        return error(Code::corrupt,
                     "`merges`[{}]: expected two tokens with a space between, "
                     "found `{}`",
                     data.merges.size(), excerpt(text));
      }
      data.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
      continue;
    }
    std::string_view left, right;
    if (merge.get_array().get(pair) || pair.size() != 2 || pair.at(0).get_string().get(left) ||
        pair.at(1).get_string().get(right)) {
      return error(Code::corrupt, "`merges`[{}]: expected a string or a pair of strings",
                   data.merges.size());
    }
    data.merges.emplace_back(left, right);
  }
  return Status::ok();
}

Status Reader::read_model(const object& root) {
  TRY_ASSIGN(const auto model, find_object(root, "model"));
  if (!model) return wrong("model", "an object");
  TRY_ASSIGN(const auto type, find_string(*model, "type"));
  TRY_ASSIGN(const auto vocab, find(*model, "merges") || !type
                                   ? find_object(*model, "vocab")
                                   : Result<std::optional<object>>(std::optional<object>()));
  if (type.value_or("BPE") != "BPE") return unsupported("model.type", *type);
  TRY_ASSIGN(const auto merges, find_array(*model, "merges"));
  if (!vocab || !merges) return wrong("model", "a BPE model with `vocab` and `merges`");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    TRY_ASSIGN(const auto affix, find_string(*model, key));
    if (affix && !affix->empty()) return unsupported(fmt::format("model.{}", key), *affix);
  }
  if (const auto dropout = find(*model, "dropout")) {
    double value = 1;
    if (dropout->get_double().get(value) || value != 0) return unsupported("model", "dropout");
  }
  TRY(read_vocab(*vocab));
  TRY(read_merges(*merges));
  TRY_ASSIGN(data.byte_fallback, bool_or(*model, "byte_fallback", false));
  TRY_ASSIGN(data.fuse_unk, bool_or(*model, "fuse_unk", false));
  TRY_ASSIGN(data.ignore_merges, bool_or(*model, "ignore_merges", false));
  TRY_ASSIGN(const auto unk, find_string(*model, "unk_token"));
  if (unk) {
    const int32_t id = id_by_content(*unk);
    if (id >= 0) data.unk = id;
  }
  return Status::ok();
}

Result<AddedToken> Reader::added_token(const object& from, int32_t id) const {
  AddedToken token;
  token.id = id;
  TRY_ASSIGN(const auto content, find_string(from, "content"));
  if (!content) return wrong("added_tokens: content", "a string");
  token.content = *content;
  TRY_ASSIGN(token.special, bool_or(from, "special", false));
  TRY_ASSIGN(token.lstrip, bool_or(from, "lstrip", false));
  TRY_ASSIGN(token.rstrip, bool_or(from, "rstrip", false));
  TRY_ASSIGN(token.single_word, bool_or(from, "single_word", false));
  TRY_ASSIGN(token.normalized, bool_or(from, "normalized", false));
  return token;
}

Status Reader::read_added(const array& tokens) {
  for (const element member : tokens) {
    object from;
    element id_value;
    if (member.get_object().get(from) || from.at_key("id").get(id_value)) {
      return wrong("added_tokens", "objects with an `id`");
    }
    TRY_ASSIGN(const int32_t id, id_of(id_value, "an added token"));
    TRY_ASSIGN(AddedToken token, added_token(from, id));
    data.added_tokens.push_back(std::move(token));
  }
  return place_added();
}

// Gives the added tokens their rows.
Status Reader::place_added() {
  const size_t limit = entries_ + data.added_tokens.size() + kHolesMax;
  for (const AddedToken& token : data.added_tokens) {
    const auto id = static_cast<size_t>(token.id);
    if (id >= limit) {
      return error(Code::corrupt,
                   "`added_tokens`: expected ids without large gaps, found id {} "
                   "among {} tokens",
                   id, entries_ + data.added_tokens.size());
    }
    if (id >= data.tokens.size()) {
      data.tokens.resize(id + 1);
      data.types.resize(id + 1, TokenType::missing);
    }
    if (data.types[id] != TokenType::missing && data.tokens[id] != token.content) {
      return error(Code::corrupt, "`added_tokens`: id {} is `{}`, but `{}` in the vocabulary", id,
                   excerpt(token.content), excerpt(data.tokens[id]));
    }
    data.tokens[id] = token.content;
    data.types[id] = TokenType::normal;
  }
  return Status::ok();
}

Status Reader::read_tokenizer(const object& root) {
  TRY(read_model(root));
  TRY_ASSIGN(const auto added, find_array(root, "added_tokens"));
  if (added) TRY(read_added(*added));
  TRY_ASSIGN(const auto normalizer, find_object(root, "normalizer"));
  if (normalizer) TRY(read_normalizer(*normalizer));
  const bool bars_by_normalizer = std::exchange(bars_, false);
  TRY_ASSIGN(const auto pre_tokenizer, find_object(root, "pre_tokenizer"));
  if (pre_tokenizer) TRY(read_pre_tokenizer(*pre_tokenizer));
  bars_ = bars_ || bars_by_normalizer;
  TRY_ASSIGN(const auto post_processor, find_object(root, "post_processor"));
  if (post_processor) TRY(read_post_processor(*post_processor));
  TRY_ASSIGN(const auto decoder, find_object(root, "decoder"));
  if (decoder) TRY(read_decoder(*decoder));
  if (byte_level_ == bars_ || (bars_ && !data.splits.empty())) {
    return error(Code::unsupported,
                 "`pre_tokenizer`: expected ByteLevel, or spaces spelled {} "
                 "without splits, found {}",
                 kBar, byte_level_ ? "both" : "neither");
  }
  finish_splits();
  return Status::ok();
}

int32_t Reader::id_by_content(std::string_view content) const {
  for (const AddedToken& token : data.added_tokens) {
    if (token.content == content) return token.id;
  }
  const auto found = std::ranges::find(data.tokens, content);
  return found == data.tokens.end() || found->empty()
             ? -1
             : static_cast<int32_t>(found - data.tokens.begin());
}

// "<s>", {"content": "<s>", ...} or null.
Status Reader::read_special(const object& config, std::string_view key, bool required,
                            std::optional<int32_t>& id) const {
  const auto value = find(config, key);
  if (!value) return Status::ok();
  std::string_view content;
  object token;
  const bool named =
      !value->get_string().get(content) ||
      (!value->get_object().get(token) && !token.at_key("content").get_string().get(content));
  if (!named) return wrong(key, "a token's text");
  const int32_t found = id_by_content(content);
  if (found >= 0) {
    id = found;
  } else if (required) {
    return error(Code::corrupt, "`{}`: no token is `{}`", key, excerpt(content));
  }
  return Status::ok();
}

// Tokens that only tokenizer_config.json has.
Status Reader::read_added_decoder(const object& config) {
  TRY_ASSIGN(const auto tokens, find_object(config, "added_tokens_decoder"));
  if (!tokens) return Status::ok();
  for (const auto& [key, value] : *tokens) {
    int64_t id = 0;
    for (const char c : key) {
      if (c < '0' || c > '9' || id > 100'000'000)
        return wrong("added_tokens_decoder", "ids as keys");
      id = 10 * id + (c - '0');
    }
    object from;
    if (value.get_object().get(from)) return wrong("added_tokens_decoder", "objects");
    TRY_ASSIGN(AddedToken token, added_token(from, static_cast<int32_t>(id)));
    const bool listed = std::ranges::any_of(
        data.added_tokens, [&](const AddedToken& t) { return t.content == token.content; });
    if (!listed) data.added_tokens.push_back(std::move(token));
  }
  return place_added();
}

Status Reader::read_config(const object& config) {
  TRY(read_added_decoder(config));
  TRY(read_special(config, "bos_token", true, data.bos));
  TRY(read_special(config, "eos_token", true, data.eos));
  TRY(read_special(config, "pad_token", false, data.pad));
  TRY_ASSIGN(const auto add_bos, find_bool(config, "add_bos_token"));
  TRY_ASSIGN(const auto add_eos, find_bool(config, "add_eos_token"));
  const auto apply = [](const std::optional<bool>& add, const std::optional<int32_t>& id,
                        std::vector<int32_t>& ids) {
    if (!add) return;
    ids.clear();
    if (*add && id) ids.push_back(*id);
  };
  apply(add_bos, data.bos, data.prefix);
  apply(add_eos, data.eos, data.suffix);
  return Status::ok();
}

namespace {

// Parses one file and hands its object to `read`.
template <typename Read>
Status with_object(std::string_view json, const char* name, Read read) {
  if (json.size() > kBytesMax) {
    return error(Code::corrupt, "{}: expected at most {} bytes, found {}", name, kBytesMax,
                 json.size());
  }
  simdjson::dom::parser parser;
  object root;
  simdjson::error_code code = parser.allocate(std::max<size_t>(json.size(), 32), kDepthMax);
  if (!code) code = parser.parse(json.data(), json.size()).get_object().get(root);
  if (code) {
    return error(Code::corrupt, "{}: expected a JSON object: {}", name,
                 simdjson::error_message(code));
  }
  return Status(read(root)).at(name);
}

}  // namespace
}  // namespace tokenizer_json

Result<VocabularyData> vocabulary_from_tokenizer_json(std::string_view tokenizer_json,
                                                      std::string_view tokenizer_config_json) {
  using tokenizer_json::object;
  using tokenizer_json::with_object;
  tokenizer_json::Reader reader;
  TRY(with_object(tokenizer_json, "tokenizer.json",
                  [&](const object& root) { return reader.read_tokenizer(root); }));
  if (!tokenizer_config_json.empty()) {
    TRY(with_object(tokenizer_config_json, "tokenizer_config.json",
                    [&](const object& config) { return reader.read_config(config); }));
  }
  if (!reader.data.bos && reader.data.prefix.size() == 1) reader.data.bos = reader.data.prefix[0];
  return std::move(reader.data);
}

}  // namespace hearth
