// A small vocabulary drawn from the input, then a text: whatever the vocabulary, encoding ends; a
// byte-level one with all bytes gives the text back; untrusted text makes no control token.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/files/fuzz_tools.h"
#include "hearth/text/tokenizer/byte_alphabet.h"
#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth {
namespace {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return value;
  }
  int32_t below(int32_t end) { return end <= 0 ? 0 : (byte() * 256 + byte()) % end; }
  std::string text(size_t bytes_max) {
    const size_t count = std::min(rest_.size(), byte() % (bytes_max + 1));
    std::string out(rest_.substr(0, count));
    rest_.remove_prefix(std::min(count, rest_.size()));
    return out;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

constexpr const char* kPreTokenizers[] = {"gpt-2",        "llama-bpe",      "qwen2", "deepseek-v3",
                                          "deepseek-llm", "deepseek-coder", "",      "default"};

void add_added_tokens(Input& in, VocabularyData& data) {
  for (int count = in.byte() % 5; count > 0; --count) {
    const uint8_t flags = in.byte();
    AddedToken token{.id = static_cast<int32_t>(data.tokens.size()),
                     .content = (flags & 64) ? "<" + in.text(6) + ">" : in.text(6),
                     .special = (flags & 1) != 0,
                     .lstrip = (flags & 2) != 0,
                     .rstrip = (flags & 4) != 0,
                     .single_word = (flags & 8) != 0,
                     .normalized = (flags & 16) != 0};
    data.tokens.push_back(token.content);
    if (!data.types.empty()) data.types.push_back(TokenType::normal);
    if (!data.scores.empty()) data.scores.push_back(0);
    data.added_tokens.push_back(std::move(token));
  }
}

VocabularyData byte_level(Input& in) {
  VocabularyData data;
  data.pre_tokenizer = kPreTokenizers[in.byte() % std::size(kPreTokenizers)];
  const uint8_t flags = in.byte();
  data.ignore_merges = (flags & 1) != 0;
  data.nfc = (flags & 2) != 0;
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    data.tokens.push_back(alphabet_from_bytes(std::string_view(&byte, 1)));
  }
  for (int count = in.byte() % 64; count > 0; --count) {
    const auto size = static_cast<int32_t>(data.tokens.size());
    const std::string left = data.tokens[static_cast<size_t>(in.below(size))];
    const std::string right = data.tokens[static_cast<size_t>(in.below(size))];
    if (left.size() + right.size() > 64) continue;
    data.tokens.push_back(left + right);
    data.merges.emplace_back(left, right);
  }
  return data;
}

VocabularyData pieces(Input& in) {
  VocabularyData data;
  const uint8_t flags = in.byte();
  data.model = VocabularyData::Model::spm;
  data.byte_level = false;
  data.space_prefix = static_cast<VocabularyData::SpacePrefix>(flags & 3);
  data.split_at_spaces = (flags & 4) != 0;
  data.byte_fallback = (flags & 8) == 0;
  data.fuse_unk = (flags & 16) != 0;
  data.strip_leading_space = (flags & 32) != 0;
  for (int b = 0; b < 256; ++b) data.tokens.push_back(fmt::format("<0x{:02X}>", b));
  data.types.assign(256, TokenType::byte);
  data.scores.assign(256, 0);
  for (int count = in.byte() % 64; count > 0; --count) {
    data.tokens.push_back(in.byte() % 4 == 0 ? "\u2581" + in.text(4) : in.text(5));
    data.types.push_back(static_cast<TokenType>(in.byte() % 32 == 0 ? in.byte() % 8 : 1));
    data.scores.push_back(static_cast<float>(in.byte()) - 128.0f);
  }
  if (flags & 64) data.unk = in.below(static_cast<int32_t>(data.tokens.size()) + 1);
  return data;
}

void expect(bool good) {
  if (!good) std::abort();
}

void check_text(const Tokenizer& tokenizer, std::string_view text, bool lossless,
                const std::vector<bool>& guarded) {
  const EncodeOptions plain{.add_special_prefix_suffix = false};
  const std::vector<int32_t> ids = tokenizer.encode(text, plain);
  for (const int32_t id : ids) {
    expect(id >= 0 && id < tokenizer.vocab_size());
    expect(!guarded[static_cast<size_t>(id)]);
  }
  if (lossless) expect(tokenizer.decode(ids, false) == text);
  expect(tokenizer.encode_trusted(text, {}) == ids);
  const std::vector<int32_t> parsed =
      tokenizer.encode(text, {.add_special_prefix_suffix = false, .parse_special = true});
  const ByteRange all{0, static_cast<int64_t>(text.size())};
  expect(tokenizer.encode_trusted(text, std::span(&all, 1)) == parsed);
}

void run(const uint8_t* bytes, size_t size) {
  Input in(bytes, size);
  const bool spm = in.byte() % 2 != 0;
  VocabularyData data = spm ? pieces(in) : byte_level(in);
  add_added_tokens(in, data);
  bool lossless = !spm && !data.nfc;
  std::vector<bool> guarded(data.tokens.size(), false);
  for (const AddedToken& token : data.added_tokens) {
    lossless = lossless && !token.lstrip && !token.rstrip;
    guarded[static_cast<size_t>(token.id)] = token.special;
  }
  // What is no token may become unk, whatever that is.
  if (data.unk && static_cast<size_t>(*data.unk) < guarded.size()) {
    guarded[static_cast<size_t>(*data.unk)] = false;
  }
  const auto tokenizer = Tokenizer::from_vocabulary(std::move(data));
  if (!tokenizer) return expect(!tokenizer.status().message().empty());
  for (int32_t id = -1; id <= tokenizer->vocab_size(); ++id) (void)tokenizer->token_bytes(id);
  check_text(*tokenizer, in.rest(), lossless, guarded);
}

// What pre-tokenizers, normalisers and merges look at.
constexpr std::array<std::string_view, 20> kPieces = {" ",
                                                      "  \n",
                                                      "\r\n",
                                                      "\u00a0",
                                                      "\u2581",
                                                      "'s",
                                                      "'LL",
                                                      "123",
                                                      "１２３４",
                                                      "e\u0301",
                                                      "\u1100\u1161\u11a8",
                                                      "\ufb01",
                                                      "北京",
                                                      "ไทย",
                                                      "\U0001f469\u200d\U0001f4bb",
                                                      "<|end|>",
                                                      "_x",
                                                      "\xe4\xb8",
                                                      "\xff",
                                                      "aAbB"};

// What an input names early on are tokens, what it ends with is the text: pieces of both kinds go
// to the text, also some that the tokens are made of.
std::string mutated(std::string input, FuzzRandom& random) {
  const size_t at = random.below(input.size() + 1);
  switch (random.below(5)) {
    case 0:
    case 1:
      return input.insert(at, random.of(kPieces));
    case 2:
      return input.append(random.of(kPieces));
    case 3:
      return input.append(input, at, 1 + random.below(8));
    default:
      return mutate_bytes(std::move(input), 16);
  }
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hearth::run(data, size);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string input(text_of(data, size));
  for (uint64_t edits = 1 + random.below(3); edits > 0; --edits) {
    input = mutated(std::move(input), random);
  }
  return give(input, data, max_size);
}
