// The stages of a tokenizer.json around its model: normalizer, pre-tokenizer, post-processor and
// decoder. What Hearth does not do exactly is refused by name.
#include "hearth/text/tokenizer/byte_alphabet.h"
#include "hearth/text/tokenizer/tokenizer_json_reader.h"

namespace hearth::tokenizer_json {

Status Reader::read_normalizer(const object& part) {
  TRY_ASSIGN(const std::string_view type, type_of(part, "normalizer"));
  if (type == "Sequence") {
    return each(part, "normalizers",
                [this](const object& child) { return read_normalizer(child); });
  }
  if (type == "NFC") {
    data.nfc = true;
    return Status::ok();
  }
  if (type == "Prepend") {
    TRY_ASSIGN(const auto text, find_string(part, "prepend"));
    if (text != kBar) return unsupported("normalizer: Prepend", text.value_or(""));
    data.space_prefix = SpacePrefix::every_segment;
    return Status::ok();
  }
  if (type == "Replace") {
    TRY_ASSIGN(const auto pattern, find_object(part, "pattern"));
    TRY_ASSIGN(const auto content, find_string(part, "content"));
    if (!pattern) return wrong("normalizer: Replace", "a `pattern`");
    TRY_ASSIGN(const auto text, find_string(*pattern, "String"));
    if (text != " " || content != kBar)
      return unsupported("normalizer: Replace", text.value_or(""));
    bars_ = true;
    return Status::ok();
  }
  return unsupported("normalizer", type);
}

Status Reader::read_split(const object& part) {
  TRY_ASSIGN(const auto pattern, find_object(part, "pattern"));
  if (!pattern) return wrong("pre_tokenizer: Split", "a `pattern`");
  TRY_ASSIGN(const auto regex, find_string(*pattern, "Regex"));
  TRY_ASSIGN(const auto literal, find_string(*pattern, "String"));
  const auto split = split_by_pattern(regex.value_or(""));
  if (!split) return unsupported("pre_tokenizer: Split", regex.value_or(literal.value_or("")));
  TRY_ASSIGN(const auto behavior, find_string(part, "behavior"));
  TRY_ASSIGN(const bool invert, bool_or(part, "invert", false));
  // Removing what lies between matches is isolating them when nothing lies between.
  const bool isolated = behavior == "Isolated" && !invert;
  const bool removed = behavior == "Removed" && invert && split_covers_all(*split);
  if (!isolated && !removed) {
    return unsupported("pre_tokenizer: Split: behavior", behavior.value_or("nothing"));
  }
  data.splits.push_back(*split);
  return Status::ok();
}

Status Reader::read_byte_level(const object& part) {
  byte_level_ = true;
  TRY_ASSIGN(const bool use_regex, bool_or(part, "use_regex", true));
  TRY_ASSIGN(const bool prefix_space, bool_or(part, "add_prefix_space", true));
  if (prefix_space) {
    if (!data.splits.empty()) return unsupported("pre_tokenizer: ByteLevel", "add_prefix_space");
    data.space_prefix = SpacePrefix::every_missing;
  }
  if (use_regex) data.splits.push_back(Split::gpt2_words);
  return Status::ok();
}

Status Reader::read_metaspace(const object& part) {
  TRY_ASSIGN(const auto replacement, find_string(part, "replacement"));
  if (replacement.value_or(kBar) != kBar) return unsupported("Metaspace", *replacement);
  bars_ = true;
  TRY_ASSIGN(const bool prefix_space, bool_or(part, "add_prefix_space", true));
  TRY_ASSIGN(const auto given, find_string(part, "prepend_scheme"));
  const std::string_view scheme = given.value_or(prefix_space ? "always" : "never");
  if (scheme == "always") {
    data.space_prefix = SpacePrefix::every_missing;
  } else if (scheme == "first") {
    data.space_prefix = SpacePrefix::first_missing;
  } else if (scheme != "never") {
    return unsupported("Metaspace: prepend_scheme", scheme);
  }
  TRY_ASSIGN(data.split_at_spaces, bool_or(part, "split", true));
  return Status::ok();
}

Status Reader::read_pre_tokenizer(const object& part) {
  TRY_ASSIGN(const std::string_view type, type_of(part, "pre_tokenizer"));
  if (type == "Sequence") {
    return each(part, "pretokenizers",
                [this](const object& child) { return read_pre_tokenizer(child); });
  }
  // Bytes are spelled in GPT-2's alphabet from here on; other splits would see that.
  if (byte_level_ || bars_) return unsupported("pre_tokenizer: after ByteLevel or Metaspace", type);
  if (type == "Split") return read_split(part);
  if (type == "ByteLevel") return read_byte_level(part);
  if (type == "Metaspace") return read_metaspace(part);
  if (type == "Digits") {
    TRY_ASSIGN(const bool single, bool_or(part, "individual_digits", false));
    data.splits.push_back(single ? Split::single_digits : Split::digit_runs);
    return Status::ok();
  }
  return unsupported("pre_tokenizer", type);
}

Status Reader::read_template(const object& part) {
  TRY_ASSIGN(const auto specials, find_object(part, "special_tokens"));
  bool before = true;
  return each(part, "single", [&](const object& item) -> Status {
    TRY_ASSIGN(const auto sequence, find_object(item, "Sequence"));
    TRY_ASSIGN(const auto special, find_object(item, "SpecialToken"));
    if (sequence) {
      before = false;
      return Status::ok();
    }
    if (!special || !specials) return wrong("post_processor: single", "sequences and specials");
    TRY_ASSIGN(const auto name, find_string(*special, "id"));
    if (!name) return wrong("post_processor: SpecialToken", "an `id`");
    TRY_ASSIGN(const auto entry, find_object(*specials, *name));
    if (!entry) return wrong("post_processor: special_tokens", "an entry for each special token");
    TRY_ASSIGN(const auto ids, find_array(*entry, "ids"));
    if (!ids) return wrong("post_processor: ids", "an array");
    for (const element value : *ids) {
      TRY_ASSIGN(const int32_t id, id_of(value, *name));
      (before ? data.prefix : data.suffix).push_back(id);
    }
    return Status::ok();
  });
}

Status Reader::read_post_processor(const object& part) {
  TRY_ASSIGN(const std::string_view type, type_of(part, "post_processor"));
  if (type == "Sequence") {
    return each(part, "processors",
                [this](const object& child) { return read_post_processor(child); });
  }
  if (type == "ByteLevel") return Status::ok();  // only moves offsets
  if (type == "TemplateProcessing") return read_template(part);
  return unsupported("post_processor", type);
}

// Only what changes the text beside joining the tokens' bytes.
Status Reader::read_decoder(const object& part) {
  TRY_ASSIGN(const std::string_view type, type_of(part, "decoder"));
  if (type == "Sequence") {
    return each(part, "decoders", [this](const object& child) { return read_decoder(child); });
  }
  if (type == "Strip") {
    int64_t start = 0;
    const auto value = find(part, "start");
    if (value && value->get_int64().get(start)) return wrong("decoder: start", "an integer");
    data.strip_leading_space = start > 0;
    return Status::ok();
  }
  if (type == "Metaspace") {
    data.strip_leading_space = data.space_prefix != SpacePrefix::none;
    return Status::ok();
  }
  const bool known =
      type == "ByteLevel" || type == "Replace" || type == "ByteFallback" || type == "Fuse";
  return known ? Status::ok() : unsupported("decoder", type);
}

void Reader::finish_splits() {
  data.byte_level = byte_level_;
  data.pre_tokenizer = name_of_splits(data.splits);
  if (byte_level_) return;
  for (size_t id = 0; id < data.tokens.size() && data.byte_fallback; ++id) {
    const bool normal = data.types[id] == TokenType::normal;
    if (normal && byte_of_hex_token(data.tokens[id]) >= 0) data.types[id] = TokenType::byte;
  }
}

}  // namespace hearth::tokenizer_json
