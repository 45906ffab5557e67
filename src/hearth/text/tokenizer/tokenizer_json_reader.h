// The reader behind vocabulary_from_tokenizer_json, shared by its two halves: tokenizer_json.cc
// reads vocabulary, added tokens and config, tokenizer_json_stages.cc normalizer, pre-tokenizer,
// post-processor and decoder. Only these two files call simdjson.
#pragma once

#include <simdjson.h>

#include "hearth/files/outside_bytes.h"
#include "hearth/text/tokenizer/vocabulary_data.h"

namespace hearth::tokenizer_json {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;
using SpacePrefix = VocabularyData::SpacePrefix;

inline constexpr std::string_view kBar = "\u2581";

inline Status wrong(std::string_view key, std::string_view what) {
  return error(Code::corrupt, "`{}`: expected {}, found something else", key, what);
}
inline Status unsupported(std::string_view key, std::string_view found) {
  return error(Code::unsupported, "`{}`: Hearth does not know `{}`", key, excerpt(found, 160));
}

// The value of `key`, or nullopt when it is absent or null.
inline std::optional<element> find(const object& from, std::string_view key) {
  element value;
  if (from.at_key(key).get(value) || value.is_null()) return std::nullopt;
  return value;
}
inline Result<std::optional<object>> find_object(const object& from, std::string_view key) {
  const auto value = find(from, key);
  object out;
  if (!value) return std::optional<object>();
  if (value->get_object().get(out)) return wrong(key, "an object");
  return std::optional<object>(out);
}
inline Result<std::optional<array>> find_array(const object& from, std::string_view key) {
  const auto value = find(from, key);
  array out;
  if (!value) return std::optional<array>();
  if (value->get_array().get(out)) return wrong(key, "an array");
  return std::optional<array>(out);
}
inline Result<std::optional<std::string_view>> find_string(const object& from,
                                                           std::string_view key) {
  const auto value = find(from, key);
  std::string_view out;
  if (!value) return std::optional<std::string_view>();
  if (value->get_string().get(out)) return wrong(key, "a string");
  return std::optional<std::string_view>(out);
}
inline Result<std::optional<bool>> find_bool(const object& from, std::string_view key) {
  const auto value = find(from, key);
  bool out = false;
  if (!value) return std::optional<bool>();
  if (value->get_bool().get(out)) return wrong(key, "true or false");
  return std::optional<bool>(out);
}
inline Result<bool> bool_or(const object& from, std::string_view key, bool fallback) {
  TRY_ASSIGN(const std::optional<bool> value, find_bool(from, key));
  return value.value_or(fallback);
}
inline Result<std::string_view> type_of(const object& part, std::string_view what) {
  TRY_ASSIGN(const auto type, find_string(part, "type"));
  if (!type) return wrong(what, "an object with a `type`");
  return *type;
}
inline Result<int32_t> id_of(const element& value, std::string_view key) {
  int64_t id = -1;
  if (value.get_int64().get(id) || id < 0 || id > INT32_MAX - 1) {
    return wrong(fmt::format("id of {}", excerpt(key)), "an integer in [0, 2147483646]");
  }
  return static_cast<int32_t>(id);
}

class Reader {
 public:
  Status read_tokenizer(const object& root);
  Status read_config(const object& config);

  VocabularyData data;

 private:
  Status read_model(const object& root);
  Status read_vocab(const object& vocab);
  Status read_merges(const array& merges);
  Status read_added(const array& tokens);
  Status place_added();
  Result<AddedToken> added_token(const object& from, int32_t id) const;
  Status read_normalizer(const object& part);
  Status read_pre_tokenizer(const object& part);
  Status read_split(const object& part);
  Status read_byte_level(const object& part);
  Status read_metaspace(const object& part);
  Status read_post_processor(const object& part);
  Status read_template(const object& part);
  Status read_decoder(const object& part);
  // Calls `read` for each member of a Sequence's list.
  template <typename Read>
  Status each(const object& part, std::string_view list, Read read);
  void finish_splits();
  Status read_special(const object& config, std::string_view key, bool required,
                      std::optional<int32_t>& id) const;
  Status read_added_decoder(const object& config);
  int32_t id_by_content(std::string_view content) const;

  size_t entries_ = 0;  // of the vocabulary and the added tokens
  bool bars_ = false;   // the space is spelled ▁
  bool byte_level_ = false;
};

template <typename Read>
Status Reader::each(const object& part, std::string_view list, Read read) {
  TRY_ASSIGN(const auto members, find_array(part, list));
  if (!members) return wrong(list, "an array");
  for (const element member : *members) {
    object child;
    if (member.get_object().get(child)) return wrong(list, "an array of objects");
    TRY(read(child));
  }
  return Status::ok();
}

}  // namespace hearth::tokenizer_json
