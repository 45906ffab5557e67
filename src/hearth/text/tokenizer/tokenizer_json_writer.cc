// See tokenizer_json_writer.h.
#include "hearth/text/tokenizer/tokenizer_json_writer.h"

#include <nlohmann/json.hpp>

#include "hearth/text/tokenizer/pre_tokenizer.h"

namespace hearth {
namespace {

Json byte_level() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", false}};
}

Json pre_tokenizer(std::span<const Split> splits) {
  Json steps = Json::array();
  for (const Split split : splits) {
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", pattern_of_split(split)}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  }
  steps.push_back(byte_level());
  return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

Json special_item(const std::string& text) {
  return {{"SpecialToken", {{"id", text}, {"type_id", 0}}}};
}

// What stands before and after a text.
Json post_processor(const VocabularyData& data) {
  if (data.prefix.empty() && data.suffix.empty()) return byte_level();
  Json single = Json::array();
  Json specials = Json::object();
  const auto add = [&](const std::vector<int32_t>& ids) {
    for (const int32_t id : ids) {
      const std::string& text = data.tokens[static_cast<size_t>(id)];
      single.push_back(special_item(text));
      specials[text] = {{"id", text}, {"ids", Json::array({id})}, {"tokens", Json::array({text})}};
    }
  };
  add(data.prefix);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  add(data.suffix);
  Json pair = single;
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  return {{"type", "TemplateProcessing"},
          {"single", std::move(single)},
          {"pair", std::move(pair)},
          {"special_tokens", std::move(specials)}};
}

bool is_type(const VocabularyData& data, size_t id, TokenType type) {
  return !data.types.empty() && data.types[id] == type;
}

bool is_added(const VocabularyData& data, size_t id) {
  return is_type(data, id, TokenType::control) || is_type(data, id, TokenType::user_defined);
}

Json added_tokens(const VocabularyData& data) {
  Json added = Json::array();
  for (size_t id = 0; id < data.tokens.size(); ++id) {
    if (!is_added(data, id)) continue;
    added.push_back({{"id", id},
                     {"content", data.tokens[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", is_type(data, id, TokenType::control)}});
  }
  return added;
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// As text at once: a Json object finds its keys one by one.
std::string vocab_text(const VocabularyData& data) {
  std::string text = "{";
  for (size_t id = 0; id < data.tokens.size(); ++id) {
    const bool none = is_type(data, id, TokenType::unused) || is_type(data, id, TokenType::missing);
    if (none || is_added(data, id)) continue;
    text += fmt::format("{}{}:{}", text.size() > 1 ? "," : "", text_of(Json(data.tokens[id])), id);
  }
  return text + "}";
}

}  // namespace

Result<std::string> tokenizer_json(const VocabularyData& data) {
  const std::span<const Split> named = splits_by_name(data.pre_tokenizer);
  const std::span<const Split> splits = data.splits.empty() ? named : data.splits;
  if (data.model != VocabularyData::Model::bpe || !data.byte_level || splits.empty()) {
    return error(Code::unsupported,
                 "tokenizer: expected byte-level BPE with a known pre-tokenizer, found another");
  }
  const Json outside = {{"version", "1.0"},
                        {"truncation", nullptr},
                        {"padding", nullptr},
                        {"added_tokens", added_tokens(data)},
                        {"normalizer", data.nfc ? Json{{"type", "NFC"}} : Json(nullptr)},
                        {"pre_tokenizer", pre_tokenizer(splits)},
                        {"post_processor", post_processor(data)},
                        {"decoder", byte_level()}};
  const Json model = {{"type", "BPE"},
                      {"dropout", nullptr},
                      {"unk_token", nullptr},
                      {"continuing_subword_prefix", nullptr},
                      {"end_of_word_suffix", nullptr},
                      {"fuse_unk", false},
                      {"byte_fallback", false},
                      {"ignore_merges", data.ignore_merges}};
  Json merges = Json::array();
  for (const auto& [left, right] : data.merges) merges.push_back(left + " " + right);
  std::string text = text_of(outside);
  text.back() = ',';
  text += "\"model\":" + text_of(model);
  text.back() = ',';
  text += "\"vocab\":" + vocab_text(data) + ",\"merges\":" + text_of(merges) + "}}\n";
  return text;
}

Json tokenizer_config_json(const VocabularyData& data, std::string_view chat_template) {
  Json out = {{"add_bos_token", !data.prefix.empty()},
              {"add_eos_token", !data.suffix.empty()},
              {"clean_up_tokenization_spaces", false},
              {"tokenizer_class", "PreTrainedTokenizerFast"}};
  const auto set = [&](const char* key, const std::optional<int32_t>& id) {
    if (id) out[key] = data.tokens[static_cast<size_t>(*id)];
  };
  set("bos_token", data.bos);
  set("eos_token", data.eos);
  set("pad_token", data.pad);
  if (!chat_template.empty()) out["chat_template"] = chat_template;
  return out;
}

}  // namespace hearth
