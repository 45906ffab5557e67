// What a token mask costs at the vocabulary of a real model: documents are written token by token
// under their schema, and before each token the mask is made and laid over a row of bans. Prints the
// mean and the largest time, of a new grammar and of one that an answer has warmed; one thread.
//   cmake --build build --target grammar_masks && build/bench/grammar_masks MODEL_OR_TIKTOKEN_FILE
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "hearth/base/mapped_file.h"
#include "hearth/engine/answer_constraint.h"
#include "hearth/engine/output_format.h"
#include "hearth/engine/text_model.h"
#include "hearth/text/tokenizer/byte_alphabet.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

struct Case {
  const char* name;
  OutputFormat format;
  std::string document;
};

std::vector<Case> cases() {
  using Kind = OutputFormat::Kind;
  const std::string person =
      R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},)"
      R"("email":{"type":"string","maxLength":60},"tags":{"type":"array","items":{"type":"string"}},)"
      R"("address":{"type":"object","properties":{"street":{"type":"string"},"city":{"enum":)"
      R"(["Berlin","Paris","Tokyo"]},"geo":{"type":"array","items":{"type":"number"},"minItems":2,)"
      R"("maxItems":2}},"required":["street","city"],"additionalProperties":false}},)"
      R"("required":["name","age","address"],"additionalProperties":false})";
  const std::string document =
      R"({"name": "Ada Lovelace", "age": 36, "email": "ada@example.com", "tags": ["mathematics", )"
      R"("first programmer", "analytical engine"], "address": {"street": "12 St James's Square, )"
      R"(second floor", "city": "Paris", "geo": [51.5074, -0.1334]}})";
  return {{"json_schema, a person", {Kind::json_schema, person}, document},
          {"json_object", {Kind::json_object, ""}, document},
          {"json_schema, a tree",
           {Kind::json_schema,
            R"({"$defs":{"t":{"type":"object","properties":{"v":{"type":"string"},"kids":{"type":)"
            R"("array","items":{"$ref":"#/$defs/t"}}},"required":["v","kids"]}},"$ref":"#/$defs/t"})"},
           R"({"v": "root of all", "kids": [{"v": "left child", "kids": [{"v": "leaf", "kids": []}]}, )"
           R"({"v": "right child", "kids": []}]})"},
          {"regex, an address",
           {Kind::regex, R"([a-z]+(\.[a-z]+)*@([a-z]+\.)+(com|org|net))"},
           "ada.lovelace@analytical.engine.example.org"}};
}

// A vocabulary's file of tokens: base64 of the byte alphabet and rank, one a line.
Result<std::vector<std::string>> read_tiktoken(const std::string& path) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  TRY_ASSIGN(const std::string text, read_file(path, 64 << 20));
  std::vector<std::string> tokens;
  uint32_t bits = 0, count = 0;
  std::string token;
  bool in_rank = false;
  for (char c : text) {
    if (c == '\n') {
      // Control tokens are spelled in other characters: they are left out.
      tokens.push_back(bytes_from_alphabet(std::exchange(token, "")).value_or(""));
      bits = count = 0;
      in_rank = false;
    }
    const size_t digit = kDigits.find(c);
    in_rank = in_rank || c == ' ';
    if (digit == kDigits.npos || in_rank) continue;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    token += static_cast<char>(bits >> count & 0xFF);
  }
  return tokens;
}

Result<grammar::TokenTrie> read_vocabulary(const std::string& path) {
  if (path.ends_with(".tiktoken")) {
    TRY_ASSIGN(std::vector<std::string> tokens, read_tiktoken(path));
    return grammar::TokenTrie::of(std::move(tokens));
  }
  TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(path));
  TRY_ASSIGN(const Tokenizer tokenizer, load_tokenizer(checkpoint));
  return grammar::TokenTrie::of(tokenizer, tokenizer.vocab_size());
}

// The longest token at each place: about as many as an encoder makes.
std::vector<int32_t> encoded(const grammar::TokenTrie& tokens, std::string_view text) {
  std::map<std::string_view, int32_t> ids;
  for (int32_t id = 0; id < tokens.vocab_size(); ++id) ids.emplace(tokens.bytes(id), id);
  std::vector<int32_t> out;
  while (!text.empty()) {
    size_t length = std::min<size_t>(text.size(), 32);
    while (length > 1 && !ids.contains(text.substr(0, length))) --length;
    out.push_back(ids.at(text.substr(0, length)));
    text.remove_prefix(length);
  }
  return out;
}

// Times of the masks before each token of the document and before its end.
std::vector<double> written(const std::shared_ptr<grammar::CompiledGrammar>& grammar,
                            const std::vector<int32_t>& ids) {
  const grammar::TokenTrie& tokens = grammar->tokens();
  grammar::Matcher matcher(grammar, false);
  std::vector<uint64_t> allowed(tokens.words());
  std::vector<uint8_t> banned(static_cast<size_t>(tokens.vocab_size()));
  std::vector<double> times;
  for (size_t i = 0; i <= ids.size(); ++i) {
    std::ranges::fill(banned, 0);
    const Clock::time_point start = Clock::now();
    CHECK(matcher.mask(allowed).is_ok());
    ban_all_but(allowed, banned);
    times.push_back(us_since(start));
    if (i == ids.size()) break;
    CHECK(banned[static_cast<size_t>(ids[i])] == 0);
    CHECK(*matcher.advance(tokens.bytes(ids[i])));
  }
  CHECK(matcher.complete());
  return times;
}

std::string shown(std::vector<double> times) {
  double sum = 0;
  for (double t : times) sum += t;
  std::ranges::sort(times);
  return fmt::format("{:8.1f} {:8.1f} {:8.1f}", sum / static_cast<double>(times.size()),
                     times[times.size() / 2], times.back());
}

int run(const std::string& path) {
  const Clock::time_point start = Clock::now();
  auto read = read_vocabulary(path);
  if (!read) {
    fmt::print("{}\n", read.status().message());
    return 2;
  }
  const auto tokens = std::make_shared<const grammar::TokenTrie>(*std::move(read));
  fmt::print("{} tokens, read into their tree in {:.0f} ms\n", tokens->vocab_size(),
             us_since(start) / 1000);
  fmt::print("{:<24} {:>10} {:>7} {:>27} {:>27}\n", "us a mask", "compiling", "tokens",
             "new: mean, median, largest", "warm");
  for (const Case& c : cases()) {
    const Clock::time_point compiling = Clock::now();
    const auto grammar = compile_format(c.format, tokens);
    const double compile_us = us_since(compiling);
    CHECK(grammar.has_value());
    const std::vector<int32_t> ids = encoded(*tokens, c.document);
    const std::string cold = shown(written(*grammar, ids));
    const std::string warm = shown(written(*grammar, ids));
    fmt::print("{:<24} {:>10.0f} {:>7} {:>27} {:>27}\n", c.name, compile_us, ids.size(), cold,
               warm);
  }
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  return hearth::run(argc > 1 ? argv[1] : "assets/mini");
}
