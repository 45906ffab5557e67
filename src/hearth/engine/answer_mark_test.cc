// The watermark on answers of the bundled model: found in their text, absent from thoughts, the
// same whatever runs beside them, and leaving what isn't marked as it was, bit for bit.
#include "hearth/engine/answer_mark.h"

#include <gtest/gtest.h>

#include <random>

#include "hearth/engine/generation.h"
#include "hearth/engine/testing.h"
#include "hearth/guard/watermark/detector.h"

namespace hearth {
namespace {

using Form = AnswerStream::Form;

Backend& backend() {
  return test::Mini::get().backend;
}

const TextModel& mini() {
  return *test::Mini::get().model;
}

watermark::Mark mark_of(uint64_t key, bool thinking = false) {
  watermark::Mark mark;
  mark.keys.source = "test/mini";
  mark.keys.race = {key, 1};
  mark.keys.green = {key, 2};
  mark.green_bias = watermark::Policy::kGreenBias;
  mark.thinking = thinking;
  return mark;
}

TokenRequest request_of(double temperature, int64_t tokens, uint64_t seed = 3) {
  TokenRequest r;
  r.prompt = mini().plain("12+30=", false).ids;
  r.max_tokens = tokens;
  r.sampling.temperature = temperature;
  r.sampling.seed = seed;
  return r;
}

TokenRequest marked(TokenRequest r, uint64_t key) {
  r.keyed = make_mark(mini().tokenizer(), Form::raw, mark_of(key), r.sampling);
  return r;
}

std::vector<int32_t> run(const TokenRequest& request) {
  EngineOptions options;
  options.context = 1024;
  Engine engine(mini().model(), backend(), options, mini().banned());
  test::Answer answer;
  EXPECT_TRUE(engine.submit(request, test::into(answer)).has_value());
  while (!engine.idle()) engine.step();
  return answer.tokens;
}

// What a detector makes of the text of these tokens.
double p_value(const std::vector<int32_t>& tokens, uint64_t key) {
  EncodeOptions plain;
  plain.add_special_prefix_suffix = false;
  const std::string text = mini().tokenizer().decode(tokens, true);
  const watermark::SourceKeys keys[] = {mark_of(key).keys};
  return watermark::detect(mini().tokenizer().encode(text, plain), keys).p_value;
}

TEST(AnswerMark, IsFoundInTheTextByItsKeyAlone) {
  for (const double temperature : {1.5, 0.0}) {
    TokenRequest r = request_of(temperature, 700);
    r.sampling.frequency_penalty =
        1;  // or the model, which does sums, says the same again and again
    const std::vector<int32_t> tokens = run(marked(r, 77));
    EXPECT_LT(p_value(tokens, 77), 1e-6) << temperature;
    EXPECT_GT(p_value(tokens, 78), 1e-3) << temperature;
    EXPECT_GT(p_value(run(r), 77), 1e-3) << temperature;
  }
}

TEST(AnswerMark, WithoutAPlaceTheBitsAreThoseOfTheSeed) {
  for (const double temperature : {0.0, 1.0}) {
    TokenRequest r = request_of(temperature, 60);
    const std::vector<int32_t> expected = run(r);
    r.keyed = [](std::span<const int32_t>, std::span<const int32_t>) {
      return std::optional<KeyedPlace>();
    };
    EXPECT_EQ(run(r), expected);
  }
}

// The seed still draws the first tokens, so that answers to one question differ.
TEST(AnswerMark, TheFirstTokensAreTheSeeds) {
  const std::vector<int32_t> plain = run(request_of(1.5, 40));
  const std::vector<int32_t> with = run(marked(request_of(1.5, 40), 5));
  EXPECT_TRUE(std::equal(plain.begin(), plain.begin() + watermark::kWindowDefault, with.begin()));
  EXPECT_NE(plain, with);
  EXPECT_NE(with, run(marked(request_of(1.5, 40, 4), 5)));
  EXPECT_NE(with, run(marked(request_of(1.5, 40), 6)));
}

TEST(AnswerMark, TheSameWhateverRunsBesideIt) {
  std::vector<TokenRequest> requests;
  for (uint64_t i = 0; i < 8; ++i) {
    TokenRequest r = request_of(i % 3 == 0 ? 0 : 1.2, 30 + static_cast<int64_t>(9 * i), i);
    r.sampling.top_p = i % 2 ? 1 : 0.9;
    requests.push_back(r);
  }
  std::vector<std::vector<int32_t>> expected;
  for (size_t i = 0; i < requests.size(); ++i) expected.push_back(run(marked(requests[i], i % 3)));
  for (const int64_t batch_tokens : {3, 64}) {
    EngineOptions options;
    options.context = 256;
    options.limits.batch_tokens_max = batch_tokens;
    options.limits.sequences_max = 5;
    options.kv_blocks = 5;  // too few for all: some give theirs back and go on later
    Engine engine(mini().model(), backend(), options, mini().banned());
    std::vector<test::Answer> found(requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      ASSERT_TRUE(engine.submit(marked(requests[i], i % 3), test::into(found[i])).has_value());
    }
    while (!engine.idle()) engine.step();
    for (size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].tokens, expected[i]) << i;
  }
}

TEST(AnswerMark, AResumedAnswerGoesOnTheSame) {
  const std::vector<int32_t> whole = run(marked(request_of(1.5, 120), 9));
  for (const size_t broken : {1u, 4u, 5u, 60u, 119u}) {
    TokenRequest r = request_of(1.5, 120);
    r.generated.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(broken));
    std::vector<int32_t> rest = run(marked(r, 9));
    rest.insert(rest.begin(), r.generated.begin(), r.generated.end());
    EXPECT_EQ(rest, whole) << broken;
  }
}

// By hand: places inside and outside of a thought, spelled or not.
TEST(AnswerMark, LeavesTheThoughtAlone) {
  const Tokenizer& tokenizer = mini().tokenizer();
  std::vector<int32_t> answer;
  for (const char c : std::string_view("<think>1+2=3, 4+5=9</think>7+8=15 9+1=10")) {
    answer.push_back(tokenizer.find(std::string_view(&c, 1)).value());
  }
  const auto places = [&](Form form, bool thinking) {
    AnswerMark mark(ThoughtTracker(tokenizer, form), mark_of(1, thinking), false);
    std::string out;
    for (size_t i = 0; i <= answer.size(); ++i) {
      out += mark.next(std::span(answer).first(i)) ? 'x' : '.';
    }
    return out;
  };
  const std::string thought = places(Form::chat, false);
  const size_t behind = std::string_view("<think>1+2=3, 4+5=9</think>").size();
  EXPECT_EQ(thought.find('x', 7), behind + watermark::kWindowDefault);
  EXPECT_EQ(thought.substr(behind), "....xxxxxxxxxx");
  EXPECT_EQ(places(Form::chat, true).substr(0, 12), "....xxxxxxxx");
  EXPECT_EQ(places(Form::raw, false).substr(0, 12), "....xxxxxxxx");
}

// By hand, a character a token, each certain at once: `s` where it and all before it may be shown,
// `h` where it is held.
std::string gated(std::string_view answer, Form form, bool thinking = false) {
  const Tokenizer& tokenizer = mini().tokenizer();
  MarkGate gate(tokenizer, ThoughtTracker(tokenizer, form), mark_of(1, thinking));
  const size_t tag = answer.rfind('>');
  size_t behind = form == Form::raw ? 0 : tag + 1;
  while (behind > 0 && behind < answer.size() && answer[behind] == '\n') ++behind;
  std::string out;
  for (size_t i = 0; i < answer.size(); ++i) {
    const ShownPart part = i >= behind ? ShownPart{1, true} : ShownPart{};
    out += gate.take(tokenizer.find(answer.substr(i, 1)).value(), part) ? 's' : 'h';
  }
  EXPECT_EQ(gate.may_end({}), out.back() == 's');
  return out;
}

TEST(MarkGate, HoldsTheAnswerUntilTextOfAMarkedTokenIsCertain) {
  const std::string thought(20, 's');
  EXPECT_EQ(gated("<think>1+2=3</think>45678", Form::chat), thought + "hhhhs");
  EXPECT_EQ(gated("<think>1+2=3</think>4567", Form::chat), thought + "hhhh");
  EXPECT_EQ(gated("<think>1+2=3</think>", Form::chat), thought);
  EXPECT_EQ(gated("1+2=3</think>4567", Form::chat_in_thought), std::string(13, 's') + "hhhh");
  EXPECT_EQ(gated("1+2=3", Form::raw), "hhhhs");
  EXPECT_EQ(gated("1+2=", Form::raw), "hhhh");
  // Line breaks behind a thought are nothing that a reader sees, or a detector.
  EXPECT_EQ(gated("<think>1+2=3</think>\n\n4567", Form::chat), thought + "sshhhh");
  EXPECT_EQ(gated("<think>1+2=3</think>\n\n45678", Form::chat), thought + "sshhhhs");
  // What stood in a marked thought is not drawn by the key again.
  EXPECT_EQ(gated("<think>45678</think>45679", Form::chat, true), thought + "hhhhh");
  EXPECT_EQ(gated("<think>45678</think>945679", Form::chat, true), thought + "hhhhss");
}

// The marked token is the beginning of a stop string: its text never becomes certain.
TEST(MarkGate, ATokenWhoseTextIsCutDoesNotCount) {
  const Tokenizer& tokenizer = mini().tokenizer();
  MarkGate gate(tokenizer, ThoughtTracker(tokenizer, Form::raw), mark_of(1));
  for (const char* c : {"1", "2", "3", "4"}) {
    EXPECT_FALSE(gate.take(tokenizer.find(c).value(), {1, true}));
  }
  EXPECT_FALSE(gate.take(tokenizer.find("5").value(), {}));
  EXPECT_FALSE(gate.take(tokenizer.find("6").value(), {}));
  EXPECT_FALSE(gate.may_end({}));
  EXPECT_TRUE(gate.may_end({1, true}));  // it was none after all
}

TEST(AnswerMark, AThoughtIsWordForWordThatOfTheSeed) {
  const auto prompt = mini().chat([] {
    ChatRequest chat;
    chat.messages = Json::array({{{"role", "user"}, {"content", "12+30=?"}}});
    return chat;
  }());
  ASSERT_TRUE(prompt.has_value());
  const auto reply = [&](std::optional<watermark::Mark> mark, double temperature) {
    TextRequest request;
    request.prompt = *prompt;
    request.sampling.temperature = temperature;
    request.sampling.seed = 11;
    request.max_tokens = 300;
    request.mark = std::move(mark);
    EngineOptions options;
    options.context = 512;
    Engine engine(mini().model(), backend(), options, mini().banned());
    std::vector<TextRequest> requests;
    requests.push_back(std::move(request));
    auto made = generate(mini(), engine, std::move(requests));
    CHECK(made.has_value());
    return (*made)[0];
  };
  for (const double temperature : {1.0, 4.0}) {
    const std::string plain = reply(std::nullopt, temperature).reasoning;
    EXPECT_FALSE(plain.empty());
    EXPECT_EQ(reply(mark_of(4), temperature).reasoning, plain);
    if (temperature == 1) continue;  // it is too sure of its sums for any draw to matter
    EXPECT_NE(reply(mark_of(4, true), temperature).reasoning, plain);
  }
}

}  // namespace
}  // namespace hearth
