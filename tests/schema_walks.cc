// Random JSON schemas over the vocabulary of a real model, for schema_property_test.py, which holds
// what is drawn against a validator of others. A line of JSON for each schema: the schema; texts
// that random logits wrote under its mask, and whether they came to their end; documents that its
// own sampler made without the grammar, and whether the mask lets all their tokens and then the end
// through. Usage: schema_walks mini|deepseek SCHEMAS ANSWERS DOCUMENTS SEED
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "hearth/engine/answer_constraint.h"
#include "hearth/engine/output_format.h"
#include "hearth/engine/text_model.h"
#include "hearth/text/grammar/random_schema.h"
#include "hearth/text/tokenizer/test_support.h"

namespace hearth {
namespace {

constexpr size_t kTokensMax = 4000;

Tokenizer tokenizer_named(std::string_view name) {
  if (name == "deepseek") return test::must_build(test::deepseek_v3_data());
  const auto checkpoint = Checkpoint::open(HEARTH_SOURCE_DIR "/assets/mini");
  CHECK(checkpoint.has_value());
  auto tokenizer = load_tokenizer(*checkpoint);
  CHECK(tokenizer.has_value());
  return *std::move(tokenizer);
}

class Walker {
 public:
  Walker(const Tokenizer& tokenizer, uint64_t seed)
      : tokenizer_(tokenizer),
        eos_(tokenizer.eos().value()),
        vocabulary_(tokenizer, tokenizer.vocab_size(), {eos_}),
        banned_(static_cast<size_t>(tokenizer.vocab_size())),
        random_(seed) {
    plain_.add_special_prefix_suffix = false;
    for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
      if (vocabulary_.tokens()->bytes(id).find('"') != std::string_view::npos) {
        quotes_.push_back(id);
      }
    }
  }

  Json walk(grammar::RandomSchema& schema, int64_t answers, int64_t documents) {
    Json out = {{"schema", schema.schema()}, {"answers", Json::array()}};
    const auto compiled = compile_format({OutputFormat::Kind::json_schema, schema.schema().dump()},
                                         vocabulary_.tokens());
    if (!compiled) {
      out["error"] = compiled.status().message();
      return out;
    }
    for (int64_t i = 0; i < answers; ++i) out["answers"].push_back(answer(*compiled));
    for (int64_t i = 0; i < documents; ++i) {
      const std::string text = schema.document();
      out["documents"].push_back({{"text", text}, {"taken", takes(*compiled, text)}});
    }
    return out;
  }

 private:
  using Grammar = std::shared_ptr<grammar::CompiledGrammar>;

  // The greedy choice of logits that are drawn evenly and apart from each other for every token:
  // each token that is let through is as likely as the next.
  std::optional<int32_t> choose() {
    // One step in sixteen, logits speak for a quote: of 128,000 tokens so few hold one that a
    // string would hardly ever end within the bound.
    if (random_() % 16 == 0) {
      std::vector<int32_t> may;
      std::ranges::copy_if(quotes_, std::back_inserter(may), [&](int32_t id) { return free(id); });
      if (!may.empty()) return may[random_() % may.size()];
    }
    auto left = static_cast<int64_t>(std::ranges::count(banned_, 0));
    if (left == 0) return std::nullopt;
    left = static_cast<int64_t>(random_() % static_cast<uint64_t>(left));
    for (size_t id = 0;; ++id) {
      if (banned_[id] == 0 && left-- == 0) return static_cast<int32_t>(id);
    }
  }

  Json answer(const Grammar& grammar) {
    AnswerConstraint constraint(vocabulary_, grammar, AnswerStream::Form::raw);
    std::vector<int32_t> ids;
    std::string end = "bound";
    while (ids.size() < kTokensMax) {
      const Status status = mask(constraint, ids);
      const std::optional<int32_t> id = status.is_ok() ? choose() : std::nullopt;
      if (!id || *id == eos_) {
        end = !status.is_ok() ? status.message() : id ? "finished" : "stuck";
        break;
      }
      ids.push_back(*id);
    }
    std::string text;
    for (int32_t id : ids) text += tokenizer_.token_bytes(id);
    return {{"text", end == "finished" ? text : ""}, {"end", end}};
  }

  // Token by token as an encoder or, every second time, as any spelling in tokens has it.
  bool takes(const Grammar& grammar, const std::string& text) {
    AnswerConstraint constraint(vocabulary_, grammar, AnswerStream::Form::raw);
    const std::vector<int32_t> ids =
        random_() % 2 == 0 ? tokenizer_.encode(text, plain_) : spelled(text);
    for (size_t i = 0; i <= ids.size(); ++i) {
      if (!mask(constraint, std::span(ids).first(i)).is_ok()) return false;
      if (!free(i < ids.size() ? ids[i] : eos_)) return false;
    }
    return true;
  }

  std::vector<int32_t> spelled(std::string_view text) {
    std::vector<int32_t> out;
    while (!text.empty()) {
      size_t length = std::min<size_t>(text.size(), 1 + random_() % 6);
      std::optional<int32_t> id;
      while (!(id = tokenizer_.find(text.substr(0, length)))) --length;  // each byte is a token
      out.push_back(*id);
      text.remove_prefix(length);
    }
    return out;
  }

  Status mask(AnswerConstraint& constraint, std::span<const int32_t> ids) {
    std::ranges::fill(banned_, uint8_t{0});
    return constraint.mask(ids, banned_);
  }

  bool free(int32_t id) const { return banned_[static_cast<size_t>(id)] == 0; }

  const Tokenizer& tokenizer_;
  const int32_t eos_;
  const ConstraintVocabulary vocabulary_;
  EncodeOptions plain_;
  std::vector<int32_t> quotes_;
  std::vector<uint8_t> banned_;
  std::mt19937_64 random_;
};

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  using hearth::grammar::RandomSchema;
  if (argc != 6) return 2;
  const hearth::Tokenizer tokenizer = hearth::tokenizer_named(argv[1]);
  const uint64_t seed = std::strtoull(argv[5], nullptr, 10);
  hearth::Walker walker(tokenizer, seed);
  for (uint64_t i = 0; i < std::strtoull(argv[2], nullptr, 10); ++i) {
    RandomSchema schema(seed + i);
    fmt::print("{}\n", walker.walk(schema, std::atol(argv[3]), std::atol(argv[4])).dump());
  }
}
