// Whole runs on the bundled model: what is learned of a line, and that a run which was stopped is
// the run that never was.
#include "hearth/train/tune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "hearth/base/mapped_file.h"
#include "hearth/convert/quantize.h"
#include "hearth/files/gguf/gguf.h"
#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/train/run_state.h"
#include "hearth/train/testing.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;
using testing::bytes_of;

// The bundled model as a GGUF file with a vocabulary that tokenizer.json can't hold: the same
// tokens, as SentencePiece's.
Status write_sentencepiece(const std::string& path) {
  const std::string plain = path + "-plain.gguf";
  QuantizeOptions options;
  options.recipe.mix = *mix_by_name("bf16");
  TRY_ASSIGN(const QuantizeReport report,
             quantize(HEARTH_SOURCE_DIR "/assets/mini", plain, options));
  TRY_ASSIGN(const Gguf gguf, Gguf::open(plain));
  GgufHeader header;
  for (const GgufValue& value : gguf.metadata()) {
    if (value.key != "tokenizer.ggml.model" && value.key != "tokenizer.ggml.merges") {
      header.copy(value);
    }
  }
  TRY_ASSIGN(const GgufStrings tokens, gguf.get_strings("tokenizer.ggml.tokens"));
  header.set_string("tokenizer.ggml.model", "llama");
  header.set_f32s("tokenizer.ggml.scores", std::vector<float>(static_cast<size_t>(tokens.size())));
  for (const TensorEntry& entry : gguf.tensors()) {
    std::vector<int64_t> shape;
    for (int i = 0; i < entry.tensor.shape.rank(); ++i) shape.push_back(entry.tensor.shape[i]);
    TRY(header.declare(entry.name, entry.dtype, shape));
  }
  TRY_ASSIGN(GgufWriter writer, GgufWriter::create(path, header));
  for (const TensorEntry& entry : gguf.tensors()) {
    TRY(writer.write(std::span(entry.tensor.data, static_cast<size_t>(entry.bytes))));
  }
  return writer.finish();
}

class Tune : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    auto model = TextModel::load(HEARTH_SOURCE_DIR "/assets/mini", backend_, {});
    ASSERT_TRUE(model.has_value()) << model.status().message();
    model_ = *std::move(model);
    options_.epochs = 2;
    options_.batch = 3;
    options_.length = 96;
    options_.save_every = 2;
    write_data(13);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write_data(int lines) {
    std::ofstream file(data());
    for (int i = 0; i < lines; ++i) {
      file << fmt::format(R"({{"prompt":"{}+{}=?","completion":"={}"}})", i, i, 2 * i) << "\n";
    }
  }
  std::string data() const { return (folder_ / "data.jsonl").string(); }
  std::string out(const char* name) const { return (folder_ / name).string(); }

  // Stops after `steps`, when that is not 0.
  Result<TuneResult> run(const char* name, bool resume, int64_t steps = 0, int threads = 2) {
    const auto compute = testing::make_compute(threads);
    TuneEvents events;
    events.step = [this, steps](const StepReport& r) {
      ++steps_seen_;
      return steps == 0 || r.step < steps;
    };
    events.notice = [this](const std::string& line) { notices_.push_back(line); };
    return tune(*model_, *compute, data(), out(name), resume, options_, events);
  }

  fs::path folder_;
  ReferenceBackend backend_{Activation::f32};
  std::unique_ptr<TextModel> model_;
  TuneOptions options_;
  std::vector<std::string> notices_;
  int64_t steps_seen_ = 0;
};

TEST_F(Tune, GoesOnBitForBitWhereItWasStopped) {
  for (const Method method : {Method::lora, Method::full}) {
    options_.method = method;
    const std::string kind = method == Method::lora ? "lora" : "full";
    const auto whole = run((kind + "-whole").c_str(), false, 0, 1);
    ASSERT_TRUE(whole.has_value()) << whole.status().message();
    EXPECT_EQ(whole->steps, 10);
    const std::string pieces = kind + "-pieces";
    for (const int64_t stop : {1, 4, 9, 0}) {  // 9: between two checkpoints
      const auto piece = run(pieces.c_str(), stop != 1, stop);
      ASSERT_TRUE(piece.has_value()) << piece.status().message();
      EXPECT_EQ(piece->stopped, stop != 0);
    }
    const char* result = method == Method::lora ? "adapter_model.safetensors" : "model.safetensors";
    for (const char* file : {result, kStateFile.data()}) {
      EXPECT_EQ(bytes_of(folder_ / (kind + "-whole") / file), bytes_of(folder_ / pieces / file));
    }
  }
}

TEST_F(Tune, LearnsItsExamplesByHeart) {
  options_.epochs = 80;
  options_.save_every = 1000;
  options_.learning_rate = 2e-3;
  const auto result = run("out", false);
  ASSERT_TRUE(result.has_value()) << result.status().message();
  EXPECT_LT(result->loss.value(), 0.01);
}

TEST_F(Tune, SaysWhichProjectionsTakeThePlaceOfTheMissing) {
  options_.steps_max = 1;
  ASSERT_TRUE(run("out", false).has_value());
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_EQ(notices_[0], "this model has no v_proj: kv_b_proj takes its place");
  const auto config = read_json_file((folder_ / "out" / "adapter_config.json").string());
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ((*config)["target_modules"], Json::array({"q_proj", "kv_b_proj"}));
}

TEST_F(Tune, RefusesToGoOnWithAnotherRun) {
  ASSERT_TRUE(run("out", false, 2).has_value());
  const auto again = run("out", false);
  ASSERT_FALSE(again.has_value());
  EXPECT_NE(again.status().message().find("--resume"), std::string::npos);
  options_.learning_rate = 1e-3;
  const auto other = run("out", true);
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.status().message(), "--resume: the run was started with --lr 0.0002, not 0.001");
  const auto none = run("nothing", true);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.status().code(), Code::not_found);
}

TEST_F(Tune, WritesOverNoModelAndNoAdapter) {
  for (const char* name : {"config.json", "adapter_config.json", "adapter_model.safetensors",
                           "model.safetensors", "model.safetensors.index.json"}) {
    fs::create_directories(out("taken"));
    std::ofstream(fs::path(out("taken")) / name) << "theirs";
    const auto result = run("taken", false);
    ASSERT_FALSE(result.has_value()) << name;
    EXPECT_EQ(result.status().code(), Code::invalid);
    EXPECT_TRUE(result.status().message().ends_with(name)) << result.status().message();
    EXPECT_EQ(bytes_of(fs::path(out("taken")) / name), "theirs");
    fs::remove_all(out("taken"));
  }
}

TEST_F(Tune, SaysBeforeTheFirstStepWhatCannotBeWritten) {
  const Status written = write_sentencepiece(out("base.gguf"));
  ASSERT_TRUE(written.is_ok()) << written.message();
  auto model = TextModel::load(out("base.gguf"), backend_, {});
  ASSERT_TRUE(model.has_value()) << model.status().message();
  model_ = *std::move(model);
  options_.steps_max = 1;
  options_.method = Method::full;
  const auto full = run("full", false);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.status().code(), Code::unsupported);
  EXPECT_EQ(steps_seen_, 0);
  options_.method = Method::lora;  // needs no text of the model
  const auto lora = run("lora", false);
  ASSERT_TRUE(lora.has_value()) << lora.status().message();
  EXPECT_TRUE(fs::exists(folder_ / "lora" / "adapter_config.json"));
}

TEST_F(Tune, RefusesAStateThatWasTamperedWith) {
  ASSERT_TRUE(run("out", false, 2).has_value());
  const fs::path state = folder_ / "out" / kStateFile;
  fs::resize_file(state, fs::file_size(state) / 2);
  const auto result = run("out", true);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.status().code(), Code::corrupt);
}

TEST_F(Tune, HoldsOutTheSameLinesForEachSeed) {
  options_.validation = 0.25;
  options_.steps_max = 1;
  const auto a = run("a", false);
  const auto b = run("b", false);
  options_.seed = 1;
  const auto c = run("c", false);
  ASSERT_TRUE(a.has_value() && b.has_value() && c.has_value());
  EXPECT_EQ(a->examples, 10);
  EXPECT_EQ(*a->validation_loss, *b->validation_loss);
  EXPECT_NE(*a->validation_loss, *c->validation_loss);
}

TEST_F(Tune, HoldsOutALineWhereTheShareIsLess) {
  options_.validation = 0.01;  // of 13 lines
  options_.steps_max = 1;
  const auto result = run("out", false);
  ASSERT_TRUE(result.has_value()) << result.status().message();
  EXPECT_EQ(result->examples, 12);
  EXPECT_TRUE(result->validation_loss.has_value());
}

TEST_F(Tune, RefusesExamplesLongerThanTheModelTakes) {
  options_.length = model_->model().info().max_position_embeddings + 1;
  const auto result = run("out", false);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.status().message(),
            "--seq: expected at most 2048 tokens (the model's), found 2049");
}

TEST_F(Tune, HasNoLossWhereNothingWasLeftToDo) {
  options_.steps_max = 1;
  ASSERT_TRUE(run("out", false)->loss.has_value());
  const auto again = run("out", true);
  ASSERT_TRUE(again.has_value()) << again.status().message();
  EXPECT_EQ(again->steps, 1);
  EXPECT_FALSE(again->loss.has_value());
}

// Of a line: what the model is given, and what it is to write.
class Lines : public Tune {
 protected:
  Result<Examples> examples(const std::string& line, int64_t length = 200) {
    auto texts = parse_training_lines(line);
    if (!texts) return texts.status();
    return make_examples(*model_, *texts, length);
  }
  std::string learned(const Example& e) const {
    std::string text;
    for (auto i = static_cast<size_t>(e.learned_from); i < e.tokens.size(); ++i) {
      text += model_->tokenizer().token_bytes(e.tokens[i]);
    }
    return text;
  }
  std::string only(const std::string& line) {
    const auto made = examples(line);
    EXPECT_TRUE(made.has_value()) << made.status().message();
    EXPECT_EQ(made->items.size(), 1u);
    return learned(made->items.at(0));
  }
};

constexpr const char* kEnd = "<｜end▁of▁sentence｜>";

TEST_F(Lines, LearnTheAnswerAndItsEndAlone) {
  // R1's prompt opens a thought: an answer without one closes it at once.
  EXPECT_EQ(only(R"({"prompt":"1+1","completion":"2"})"), std::string("\n</think>\n\n2") + kEnd);
  EXPECT_EQ(only(R"({"prompt":"1+1","completion":"<think>\n=2\n</think>\n\n2"})"),
            std::string("=2\n</think>\n\n2") + kEnd);
  EXPECT_EQ(only(R"({"messages":[{"role":"user","content":"1+1"},)"
                 R"({"role":"assistant","reasoning_content":"=2","content":"2"}]})"),
            std::string("=2\n</think>\n\n2") + kEnd);
}

TEST_F(Lines, GiveAnExampleForEachAnswer) {
  const auto made =
      examples(R"({"messages":[{"role":"user","content":"1+1"},{"role":"assistant","content":"2"},)"
               R"({"role":"user","content":"3+3"},{"role":"assistant","content":"6"}]})");
  ASSERT_TRUE(made.has_value());
  ASSERT_EQ(made->items.size(), 2u);
  EXPECT_EQ(learned(made->items[1]), std::string("\n</think>\n\n6") + kEnd);
  // The prompt is the very one that serving makes.
  ChatRequest request;
  request.messages =
      *parse_json(R"([{"role":"user","content":"1+1"},{"role":"assistant","content":"2"},)"
                  R"({"role":"user","content":"3+3"}])");
  const Example& last = made->items[1];
  EXPECT_EQ(model_->chat(request)->ids,
            std::vector<int32_t>(last.tokens.begin(), last.tokens.begin() + last.learned_from));
}

TEST_F(Lines, MakeControlTokensOfThoughtsOnly) {
  const auto made = examples(R"({"prompt":"1+1","completion":"<｜User｜></think><｜User｜>"})");
  ASSERT_TRUE(made.has_value());
  const auto user = model_->tokenizer().find("<｜User｜>");
  const auto thought = model_->tokenizer().find("</think>");
  ASSERT_TRUE(user && thought);
  const std::vector<int32_t>& ids = made->items[0].tokens;
  const auto from = ids.begin() + made->items[0].learned_from;
  EXPECT_EQ(std::count(from, ids.end(), *user), 0);
  EXPECT_EQ(std::count(from, ids.end(), *thought), 1);
}

TEST_F(Lines, ThatAreTooLongAreCutOrRefusedWithTheirNumber) {
  const auto cut = examples("\n{\"text\":\"1+1=2 and 2+2=4\"}\n", 6);
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ(cut->cut, 1);
  EXPECT_EQ(cut->first_cut_line, 2);
  EXPECT_EQ(cut->items[0].tokens.size(), 6u);
  const auto refused = examples(R"({"prompt":"1+1=2 and 2+2=4","completion":"5"})", 6);
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.status().message().starts_with("line 1: expected an answer within"));
}

TEST_F(Lines, WithCallsOfToolsAreRefused) {
  const auto called = examples(
      "\n"
      R"({"messages":[{"role":"user","content":"a"},{"role":"assistant",)"
      R"("content":"b","tool_calls":[{"type":"function"}]}]})");
  ASSERT_FALSE(called.has_value());
  EXPECT_EQ(called.status().message(),
            "line 2: messages[1]: `tool_calls`: expected none, calls of tools are not learned");
  const auto offered = examples(R"({"prompt":"1+1","completion":"2","tools":[{}]})");
  ASSERT_FALSE(offered.has_value());
  EXPECT_EQ(offered.status().message(),
            "line 1: `tools`: expected none, calls of tools are not learned");
  // Writers that always have the keys.
  EXPECT_TRUE(examples(R"({"messages":[{"role":"user","content":"a"},{"role":"assistant",)"
                       R"("content":"b","tool_calls":null}],"tools":[]})")
                  .has_value());
}

TEST_F(Lines, ThatAreBadAreAllCounted) {
  std::string text = R"({"text":"good"})";
  for (const char* bad : {"{", "[]", "{}", R"({"prompt":"a"})", R"({"prompt":"a","completion":""})",
                          R"({"messages":[]})", R"({"messages":[{"role":"user","content":"a"}]})",
                          R"({"messages":[{"role":"boss","content":"a"}]})"}) {
    text += fmt::format("\n{}", bad);
  }
  const auto refused = parse_training_lines(text);
  ASSERT_FALSE(refused.has_value());
  const std::string& message = refused.status().message();
  EXPECT_TRUE(message.starts_with("line 2: ")) << message;
  EXPECT_NE(message.find("line 5: `completion`"), std::string::npos) << message;
  EXPECT_NE(message.find("and 3 more bad lines"), std::string::npos) << message;
}

}  // namespace
}  // namespace hearth::train
