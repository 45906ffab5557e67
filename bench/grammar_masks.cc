// What a token mask costs at the vocabulary of a real model: documents are written token by token
// under their schema, and before each token the mask is made and laid over a row of bans. Prints
// the mean and the largest time, of a new grammar and of one that an answer has warmed; one thread.
//   cmake --build build --target grammar_masks && build/bench/grammar_masks MODEL_OR_TIKTOKEN_FILE
// --cases: the JSON schemas alone, a line of JSON each with its document's tokens, for
// bench/peers/grammar_masks.py.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/engine/answer_constraint.h"
#include "hearth/engine/output_format.h"
#include "hearth/engine/text_model.h"
#include "hearth/text/grammar/model_vocabulary.h"

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
  // Required members first, as llama.cpp's converter orders them.
  const std::string person =
      R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},)"
      R"("address":{"type":"object","properties":{"street":{"type":"string"},"city":{"enum":)"
      R"(["Berlin","Paris","Tokyo"]},"geo":{"type":"array","items":{"type":"number"},"minItems":2,)"
      R"("maxItems":2}},"required":["street","city"],"additionalProperties":false},)"
      R"("email":{"type":"string","maxLength":60},"tags":{"type":"array","items":{"type":"string"})"
      R"(}},"required":["name","age","address"],"additionalProperties":false})";
  const std::string document =
      R"({"name": "Ada Lovelace", "age": 36, "address": {"street": "12 St James's Square, )"
      R"(second floor", "city": "Paris", "geo": [51.5074, -0.1334]}, "email": "ada@example.com", )"
      R"("tags": ["mathematics", "first programmer", "analytical engine"]})";
  return {
      {"json_schema, a person", {Kind::json_schema, person}, document},
      {"json_object", {Kind::json_object, ""}, document},
      {"json_schema, a tree",
       {Kind::json_schema,
        R"({"$defs":{"t":{"type":"object","properties":{"v":{"type":"string"},"kids":)"
        R"({"type":"array","items":{"$ref":"#/$defs/t"}}},"required":["v","kids"]}},)"
        R"("$ref":"#/$defs/t"})"},
       R"({"v": "root of all", "kids": [{"v": "left child", "kids": [{"v": "leaf", "kids": []}]})"
       R"(, {"v": "right child", "kids": []}]})"},
      {"regex, an address",
       {Kind::regex, R"([a-z]+(\.[a-z]+)*@([a-z]+\.)+(com|org|net))"},
       "ada.lovelace@analytical.engine.example.org"}};
}

Result<grammar::TokenTrie> read_vocabulary(const std::string& path) {
  if (path.ends_with(".tiktoken")) return grammar::read_tiktoken_vocabulary(path);
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

// Mean, median, largest.
std::array<double, 3> of(std::vector<double> times) {
  double sum = 0;
  for (double t : times) sum += t;
  std::ranges::sort(times);
  return {sum / static_cast<double>(times.size()), times[times.size() / 2], times.back()};
}

std::string shown(const std::array<double, 3>& of) {
  return fmt::format("{:8.1f} {:8.1f} {:8.1f}", of[0], of[1], of[2]);
}

// A schema, also of what json_object says, in a line; "": the case is none.
std::string schema_of(const OutputFormat& format) {
  if (format.kind == OutputFormat::Kind::json_object) return R"({"type":"object"})";
  return format.kind == OutputFormat::Kind::json_schema ? format.source : "";
}

int print_cases(const std::shared_ptr<const grammar::TokenTrie>& tokens) {
  for (const Case& c : cases()) {
    const std::string schema = schema_of(c.format);
    if (schema.empty()) continue;
    const auto grammar = compile_format(c.format, tokens);
    CHECK(grammar.has_value());
    const std::vector<int32_t> ids = encoded(*tokens, c.document);
    Json line = {{"name", c.name}, {"schema", schema}, {"ids", ids}};
    line["new"] = of(written(*grammar, ids));
    line["warm"] = of(written(*grammar, ids));
    fmt::print("{}\n", line.dump());
  }
  return 0;
}

int run(const std::string& path, bool cases_only) {
  const Clock::time_point start = Clock::now();
  auto read = read_vocabulary(path);
  if (!read) {
    fmt::print("{}\n", read.status().message());
    return 2;
  }
  const auto tokens = std::make_shared<const grammar::TokenTrie>(*std::move(read));
  if (cases_only) return print_cases(tokens);
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
    const std::string cold = shown(of(written(*grammar, ids)));
    const std::string warm = shown(of(written(*grammar, ids)));
    fmt::print("{:<24} {:>10.0f} {:>7} {:>27} {:>27}\n", c.name, compile_us, ids.size(), cold,
               warm);
  }
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  return hearth::run(argc > 1 ? argv[1] : "assets/mini",
                     argc > 2 && std::string_view(argv[2]) == "--cases");
}
