// What a model's own files may say about how to run it: outside input, compared with the model.
#include "hearth/engine/text_model.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "hearth/backend/reference/reference_backend.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

// A copy of the bundled model, one of whose files is another.
std::unique_ptr<TextModel> model_with_file(const std::string& name, const std::string& content,
                                           Backend& backend) {
  const fs::path folder =
      fs::path(testing::TempDir()) / fmt::format("hearth_text_model_{}", ::getpid());
  fs::remove_all(folder);
  fs::copy(HEARTH_SOURCE_DIR "/assets/mini", folder);
  fs::remove(folder / name);
  std::ofstream(folder / name) << content;
  auto model = TextModel::load(folder, backend, {});
  fs::remove_all(folder);
  EXPECT_TRUE(model.has_value()) << model.status().message();
  return model ? *std::move(model) : nullptr;
}

std::unique_ptr<TextModel> model_with(const std::string& config, Backend& backend) {
  return model_with_file("generation_config.json", config, backend);
}

TEST(TextModel, StopsOnlyAtTokensOfItsVocabulary) {
  ReferenceBackend backend{Activation::f32};
  const auto plain = model_with(R"({"eos_token_id":1})", backend);
  ASSERT_NE(plain, nullptr);
  const int64_t vocab = plain->model().info().vocab_size;
  const auto model = model_with(
      fmt::format(R"({{"eos_token_id":[3,{},{},16777215]}})", vocab - 1, vocab), backend);
  ASSERT_NE(model, nullptr);
  const std::vector<int32_t> expected = {1, 3, static_cast<int32_t>(vocab - 1)};
  EXPECT_EQ(model->stop_ids(), expected);
  EXPECT_EQ(model_with(R"({"eos_token_id":16777215})", backend)->stop_ids(), plain->stop_ids());
}

ChatRequest user_says(const std::string& content, bool add_generation_prompt) {
  ChatRequest request;
  request.messages = Json::array({{{"role", "user"}, {"content", content}}});
  request.add_generation_prompt = add_generation_prompt;
  return request;
}

// R1's first templates end in the assistant's mark, and its guide asks for "<think>\n" behind it.
TEST(TextModel, OpensTheThoughtThatOlderTemplatesLeaveOut) {
  ReferenceBackend backend{Activation::f32};
  const auto model =
      model_with_file("chat_template.jinja",
                      "{{ bos_token }}{% for m in messages %}<｜User｜>{{ m.content }}{% endfor %}"
                      "{% if add_generation_prompt %}<｜Assistant｜>{% endif %}",
                      backend);
  ASSERT_NE(model, nullptr);
  const Tokenizer& tokenizer = model->tokenizer();
  const auto id_of = [&](std::string_view text) { return tokenizer.find(text).value_or(-1); };
  const auto prompt = model->chat(user_says("1+1=?", true));
  ASSERT_TRUE(prompt.has_value()) << prompt.status().message();
  const std::string frame = std::string(tokenizer.bos_text()) + "<｜User｜>1+1=?";
  EXPECT_EQ(prompt->text, frame + "<｜Assistant｜><think>\n");
  EXPECT_TRUE(prompt->opens_thought);
  EXPECT_FALSE(prompt->closes_thought);
  // The mark is the token, not its letters; the network of the bundled model knows the same prompt.
  ASSERT_GE(prompt->ids.size(), 3u);
  const std::vector<int32_t> end(prompt->ids.end() - 3, prompt->ids.end());
  EXPECT_EQ(end, (std::vector<int32_t>{id_of("<｜Assistant｜>"), id_of("<think>"), id_of("\n")}));
  const auto bundled = TextModel::load(HEARTH_SOURCE_DIR "/assets/mini", backend, {})
                           .value()
                           ->chat(user_says("1+1=?", true));
  EXPECT_EQ(prompt->ids, bundled->ids);

  const auto without = model->chat(user_says("1+1=?", false));
  EXPECT_EQ(without->text, frame);
  EXPECT_FALSE(without->opens_thought);
  EXPECT_EQ(without->ids.back(), id_of("?"));
}

// A template that says itself how answers begin is followed, as is one for a model without
// thoughts.
TEST(TextModel, OpensNoThoughtTwiceAndNoneBehindOtherEnds) {
  ReferenceBackend backend{Activation::f32};
  const auto text_of = [&](const std::string& end) {
    const auto model =
        model_with_file("chat_template.jinja", "{{ messages[0].content }}" + end, backend);
    const auto prompt = model->chat(user_says("a", true));
    EXPECT_TRUE(prompt.has_value()) << prompt.status().message();
    return prompt ? *prompt : Prompt();
  };
  EXPECT_EQ(text_of("<｜Assistant｜><think>").text, "a<｜Assistant｜><think>");
  EXPECT_TRUE(text_of("<｜Assistant｜><think>").opens_thought);
  EXPECT_EQ(text_of("<｜Assistant｜></think>").text, "a<｜Assistant｜></think>");
  EXPECT_TRUE(text_of("<｜Assistant｜></think>").closes_thought);
  EXPECT_EQ(text_of("<|assistant|>").text, "a<|assistant|>");
  EXPECT_FALSE(text_of("<|assistant|>").opens_thought);
}

}  // namespace
}  // namespace hearth
