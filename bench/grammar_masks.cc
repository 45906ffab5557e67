// What a token mask costs at the vocabulary of a real model: documents are written token by token
// under their schema, and before each token the mask is made and laid over a row of bans. Prints the
// mean and the largest time, of a new grammar and of one that an answer has warmed; one thread.
//   cmake --build build --target grammar_masks && build/bench/grammar_masks DIR_OF_TOKENIZER
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "hearth/engine/answer_constraint.h"
#include "hearth/engine/output_format.h"

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

// Times of the masks before each token of the document and before its end.
std::vector<double> written(const ConstraintVocabulary& vocabulary,
                            const std::shared_ptr<grammar::CompiledGrammar>& grammar,
                            const std::vector<int32_t>& ids, const std::vector<uint8_t>& none) {
  AnswerConstraint constraint(vocabulary, grammar, AnswerStream::Form::raw);
  std::vector<double> times;
  std::vector<uint8_t> banned = none;
  for (size_t i = 0; i <= ids.size(); ++i) {
    std::ranges::copy(none, banned.begin());
    const Clock::time_point start = Clock::now();
    CHECK(constraint.mask({ids.data(), i}, banned).is_ok());
    times.push_back(us_since(start));
    if (i < ids.size()) CHECK(banned[static_cast<size_t>(ids[i])] == 0);
  }
  return times;
}

std::string shown(std::vector<double> times) {
  double sum = 0;
  for (double t : times) sum += t;
  std::ranges::sort(times);
  return fmt::format("{:8.1f} {:8.1f} {:8.1f}", sum / static_cast<double>(times.size()),
                     times[times.size() / 2], times.back());
}

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

int run(const std::string& folder) {
  const auto tokenizer = Tokenizer::from_tokenizer_json(content(folder + "/tokenizer.json"), "");
  if (!tokenizer) {
    fmt::print("{}: {}\n", folder, tokenizer.status().message());
    return 2;
  }
  const Clock::time_point start = Clock::now();
  const ConstraintVocabulary vocabulary(*tokenizer, tokenizer->vocab_size(), {});
  fmt::print("{} tokens, their tree took {:.0f} ms\n", tokenizer->vocab_size(),
             us_since(start) / 1000);
  fmt::print("{:<24} {:>10} {:>7} {:>35} {:>29}\n", "us a mask", "compiling", "tokens",
             "new: mean, median, largest", "warm");
  const std::vector<uint8_t> none(static_cast<size_t>(tokenizer->vocab_size()), 0);
  EncodeOptions plain;
  plain.add_special_prefix_suffix = false;
  for (const Case& c : cases()) {
    const Clock::time_point compiling = Clock::now();
    const auto grammar = compile_format(c.format, vocabulary.tokens());
    const double compile_us = us_since(compiling);
    CHECK(grammar.has_value());
    const std::vector<int32_t> ids = tokenizer->encode(c.document, plain);
    const std::string cold = shown(written(vocabulary, *grammar, ids, none));
    const std::string warm = shown(written(vocabulary, *grammar, ids, none));
    fmt::print("{:<24} {:>10.0f} {:>7} {:>35} {:>29}\n", c.name, compile_us, ids.size(), cold, warm);
  }
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  return hearth::run(argc > 1 ? argv[1] : "assets/mini");
}
