// The tokenizer.ggml.* metadata of a GGUF file as a VocabularyData (docs/formats/gguf.md).
#include <utility>

#include "hearth/files/gguf/gguf.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/text/tokenizer/vocabulary_data.h"

namespace hearth {
namespace {

constexpr const char* kTokens = "tokenizer.ggml.tokens";
constexpr const char* kTypes = "tokenizer.ggml.token_type";
constexpr const char* kScores = "tokenizer.ggml.scores";
constexpr const char* kMerges = "tokenizer.ggml.merges";

Status read_types(const Gguf& gguf, VocabularyData& data) {
  TRY_ASSIGN(const auto types, gguf.opt_integers(kTypes));
  if (!types) return Status::ok();
  for (int64_t i = 0; i < types->size(); ++i) {
    const int64_t type = types->integer(i);
    if (type < 0 || type > 6) {
      return error(Code::corrupt, "`{}`[{}]: expected a type in [0, 6], found {}", kTypes, i, type);
    }
    // 0, "undefined", is what some writers give ordinary tokens.
    data.types.push_back(type == 0 ? TokenType::normal : static_cast<TokenType>(type));
  }
  return Status::ok();
}

Status read_scores(const Gguf& gguf, VocabularyData& data) {
  TRY_ASSIGN(const GgufNumbers scores, gguf.get_floats(kScores));
  for (int64_t i = 0; i < scores.size(); ++i) {
    data.scores.push_back(static_cast<float>(scores.number(i)));
  }
  return Status::ok();
}

Status read_merges(const Gguf& gguf, VocabularyData& data) {
  TRY_ASSIGN(const GgufStrings merges, gguf.get_strings(kMerges));
  for (const std::string_view merge : merges) {
    // A token's own first character may be a space; the parting one comes later.
    const size_t space = merge.find(' ', 1);
    if (space == merge.npos || space + 1 == merge.size()) {
      return error(Code::corrupt, "`{}`[{}]: expected two tokens with a space between, found `{}`",
                   kMerges, data.merges.size(), excerpt(merge));
    }
    data.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return Status::ok();
}

Status read_special_ids(const Gguf& gguf, VocabularyData& data) {
  const auto read = [&](const char* key, std::optional<int32_t>& id) -> Status {
    TRY_ASSIGN(const auto value, gguf.opt_u32(key));
    if (!value) return Status::ok();
    if (*value >= data.tokens.size()) {
      return error(Code::corrupt, "`{}`: expected an id in [0, {}), found {}", key,
                   data.tokens.size(), *value);
    }
    id = static_cast<int32_t>(*value);
    return Status::ok();
  };
  TRY(read("tokenizer.ggml.bos_token_id", data.bos));
  TRY(read("tokenizer.ggml.eos_token_id", data.eos));
  TRY(read("tokenizer.ggml.unknown_token_id", data.unk));
  return read("tokenizer.ggml.padding_token_id", data.pad);
}

// What is added around a text, and the space before it; defaults are those of the model kinds.
Status read_flags(const Gguf& gguf, VocabularyData& data, bool add_bos, bool add_space) {
  TRY_ASSIGN(const auto bos, gguf.opt_bool("tokenizer.ggml.add_bos_token"));
  TRY_ASSIGN(const auto eos, gguf.opt_bool("tokenizer.ggml.add_eos_token"));
  TRY_ASSIGN(const auto space, gguf.opt_bool("tokenizer.ggml.add_space_prefix"));
  if (bos.value_or(add_bos) && data.bos) data.prefix = {*data.bos};
  if (eos.value_or(false) && data.eos) data.suffix = {*data.eos};
  if (!data.byte_level && space.value_or(add_space)) {
    data.space_prefix = VocabularyData::SpacePrefix::every_segment;
    data.strip_leading_space = true;
  }
  return Status::ok();
}

Status read_bpe(const Gguf& gguf, VocabularyData& data) {
  TRY_ASSIGN(const auto name, gguf.opt_string("tokenizer.ggml.pre"));
  if (!name) {
    return error(Code::unsupported,
                 "`tokenizer.ggml.pre`: expected the name of a pre-tokenizer, "
                 "found nothing (a file of an old converter)");
  }
  data.pre_tokenizer = *name;
  const auto splits = splits_by_name(*name);
  const bool llama3 = !splits.empty() && splits.front() == Split::llama3_words;
  data.nfc = !splits.empty() && splits.front() == Split::qwen2_words;
  data.ignore_merges = llama3;
  TRY(read_merges(gguf, data));
  return read_flags(gguf, data, llama3, false);
}

Status read_spm(const Gguf& gguf, VocabularyData& data) {
  data.model = VocabularyData::Model::spm;
  data.byte_level = false;
  data.byte_fallback = true;
  TRY(read_scores(gguf, data));
  return read_flags(gguf, data, true, true);
}

}  // namespace

Result<VocabularyData> vocabulary_from_gguf(const Gguf& gguf) {
  VocabularyData data;
  TRY_ASSIGN(const std::string_view model, gguf.get_string("tokenizer.ggml.model"));
  TRY_ASSIGN(const GgufStrings tokens, gguf.get_strings(kTokens));
  for (const std::string_view token : tokens) data.tokens.emplace_back(token);
  TRY(read_types(gguf, data));
  TRY(read_special_ids(gguf, data));
  if (model == "gpt2") {
    TRY(read_bpe(gguf, data));
  } else if (model == "llama") {
    TRY(read_spm(gguf, data));
  } else {
    return error(Code::unsupported, "`tokenizer.ggml.model`: expected gpt2 or llama, found `{}`",
                 excerpt(model));
  }
  return data;
}

}  // namespace hearth
