// See tiny_vocabulary.h.
#include "hearth/models/tiny/tiny_vocabulary.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace hearth {
namespace {

using Kind = TinyVocabulary::Kind;

constexpr const char* kBos = "<｜begin▁of▁sentence｜>";
constexpr const char* kEos = "<｜end▁of▁sentence｜>";
constexpr const char* kPad = "<｜▁pad▁｜>";

// R1's own, cut to what it does with plain messages: thoughts of earlier turns are dropped.
constexpr const char* kChatTemplate =
    "{{ bos_token }}"
    "{%- for message in messages %}"
    "{%- if message['role'] == 'system' %}{{ message['content'] }}"
    "{%- elif message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}"
    "{%- else %}{{ '<｜Assistant｜>' + message['content'].split('</think>')[-1] + eos_token }}"
    "{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{%- endif %}";

std::string utf8(uint32_t c) {  // below U+0800
  if (c < 0x80) return {static_cast<char>(c)};
  return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
}

// GPT-2 spells each byte as a visible character: itself where it is one, else from U+0100 on.
std::array<std::string, 256> byte_alphabet() {
  std::array<std::string, 256> letters;
  uint32_t next = 0x100;
  for (uint32_t b = 0; b < 256; ++b) {
    const bool visible = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    letters[b] = utf8(visible ? b : next++);
  }
  return letters;
}

// The id under `key`, or the first of a list of them; -1: the config names none.
Result<int32_t> token_id(const Json& config, const char* key, int64_t size) {
  const Json* value = json_find(config, key);
  if (!value) return -1;
  const Json* id = value;
  if (value->is_array() && !value->empty()) id = &value->front();
  const Json holder = {{key, *id}};
  TRY_ASSIGN(const int64_t number, json_int(holder, key, 0, size - 1));
  return static_cast<int32_t>(number);
}

Json added_token(const TinyVocabulary::Token& token) {
  return {{"id", token.id},
          {"content", token.text},
          {"single_word", false},
          {"lstrip", false},
          {"rstrip", false},
          {"normalized", false},
          {"special", token.kind == Kind::control}};
}

}  // namespace

Result<TinyVocabulary> TinyVocabulary::of(const Json& config) {
  TinyVocabulary v;
  TRY_ASSIGN(v.size, json_int(config, "vocab_size", 1, 1 << 24));
  TRY_ASSIGN(v.bos, token_id(config, "bos_token_id", v.size));
  TRY_ASSIGN(v.eos, token_id(config, "eos_token_id", v.size));
  TRY_ASSIGN(const std::string type, json_string(config, "model_type"));
  v.adds_bos = type != "qwen2" && type != "qwen3";
  int32_t next = 0;
  const auto take = [&] {
    while (next == v.bos || next == v.eos) ++next;
    return next++;
  };
  const auto add = [&](std::string text, Kind kind) {
    v.tokens.push_back({take(), std::move(text), kind});
    return v.tokens.back().id;
  };
  if (v.eos < 0)
    v.eos = add(kEos, Kind::control);
  else
    v.tokens.push_back({v.eos, kEos, Kind::control});
  if (v.bos < 0)
    v.bos = add(kBos, Kind::control);
  else if (v.bos != v.eos)
    v.tokens.push_back({v.bos, kBos, Kind::control});
  v.pad = add(kPad, Kind::control);
  for (const char* mark : {"<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"}) {
    add(mark, Kind::user_defined);
  }
  for (const std::string& letter : byte_alphabet()) add(letter, Kind::normal);
  v.merges = {"t h", "th e", "i n"};
  for (const char* merged : {"th", "the", "in"}) add(merged, Kind::normal);
  if (next > v.size) {
    return error(Code::invalid,
                 "`vocab_size`: expected at least {} for a byte-level vocabulary, "
                 "found {}",
                 next, v.size);
  }
  std::sort(v.tokens.begin(), v.tokens.end(),
            [](const Token& a, const Token& b) { return a.id < b.id; });
  return v;
}

Json TinyVocabulary::tokenizer_json() const {
  Json added = Json::array();
  Json vocab = Json::object();
  std::string bos_text = kBos;
  for (const Token& token : tokens) {
    vocab[token.text] = token.id;
    if (token.kind != Kind::normal) added.push_back(added_token(token));
    if (token.id == bos) bos_text = token.text;
  }
  const Json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", false},
                           {"trim_offsets", true},
                           {"use_regex", true}};
  Json post = byte_level;
  if (adds_bos) {
    const Json first = {{"SpecialToken", {{"id", bos_text}, {"type_id", 0}}}};
    const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
    const Json second = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
    post = {
        {"type", "TemplateProcessing"},
        {"single", Json::array({first, text})},
        {"pair", Json::array({first, text, second})},
        {"special_tokens",
         {{bos_text,
           {{"id", bos_text}, {"ids", Json::array({bos})}, {"tokens", Json::array({bos_text})}}}}}};
  }
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", post},
          {"decoder", byte_level},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocab},
            {"merges", merges}}}};
}

Json TinyVocabulary::tokenizer_config() const {
  return {{"add_bos_token", adds_bos},
          {"add_eos_token", false},
          {"bos_token", bos == eos ? kEos : kBos},
          {"chat_template", kChatTemplate},
          {"clean_up_tokenization_spaces", false},
          {"eos_token", kEos},
          {"pad_token", kPad},
          {"tokenizer_class", "PreTrainedTokenizerFast"}};
}

Json TinyVocabulary::generation_config() const {
  return {{"_from_model_config", true}, {"bos_token_id", bos}, {"do_sample", true},
          {"eos_token_id", eos},        {"temperature", 0.6},  {"top_p", 0.95}};
}

void TinyVocabulary::write(GgufHeader& header) const {
  constexpr int32_t kUnused = 5;
  std::vector<std::string> texts(static_cast<size_t>(size));
  std::vector<int32_t> kinds(static_cast<size_t>(size), kUnused);
  for (size_t i = 0; i < texts.size(); ++i) texts[i] = fmt::format("[PAD{}]", i);
  for (const Token& token : tokens) {
    texts[static_cast<size_t>(token.id)] = token.text;
    kinds[static_cast<size_t>(token.id)] = static_cast<int32_t>(token.kind);
  }
  header.set_string("tokenizer.ggml.model", "gpt2");
  header.set_string("tokenizer.ggml.pre", "gpt-2");
  header.set_strings("tokenizer.ggml.tokens", texts);
  header.set_i32s("tokenizer.ggml.token_type", kinds);
  header.set_strings("tokenizer.ggml.merges", merges);
  header.set_u32("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(bos));
  header.set_u32("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(eos));
  header.set_u32("tokenizer.ggml.padding_token_id", static_cast<uint32_t>(pad));
  header.set_bool("tokenizer.ggml.add_bos_token", adds_bos);
  header.set_string("tokenizer.chat_template", kChatTemplate);
}

}  // namespace hearth
