// From tokens to pieces to JSON: text comes whole, thoughts apart, nothing from a stop string on;
// pieces melt together while nobody takes them, and a reader that never comes ends the request.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "hearth/files/json.h"
#include "hearth/serve/answer_channel.h"
#include "hearth/serve/answer_text.h"
#include "hearth/serve/completions.h"
#include "hearth/serve/http/wire.h"
#include "hearth/serve/openai/write_reply.h"
#include "hearth/serve/testing.h"
#include "hearth/serve/token_chances.h"

namespace hearth::serve {
namespace {

struct Whole {
  std::string thought, text, finish;
};

Whole text_of(const std::string& answer, AnswerText::Form form,
              const std::vector<std::string>& stops) {
  const Tokenizer& tokenizer = mini().tokenizer();
  EncodeOptions options;
  options.add_special_prefix_suffix = false;
  options.parse_special = true;
  AnswerText text(tokenizer, form, stops, 0);
  std::vector<Piece> pieces;
  for (int32_t id : tokenizer.encode(answer, options)) {
    if (!text.push(id, nullptr, pieces)) break;
  }
  text.finish("stop", pieces);
  Whole out;
  for (const Piece& p : pieces) {
    (p.thought ? out.thought : out.text) += p.text;
    EXPECT_TRUE(out.finish.empty()) << "a piece after the last";
    out.finish = p.finish;
  }
  EXPECT_EQ(out.finish, "stop");
  return out;
}

TEST(AnswerText, ThoughtAndReplyApart) {
  const auto whole = text_of("a\n</think>\n\nb\n", AnswerText::Form::chat_in_thought, {});
  EXPECT_EQ(whole.thought, "a");
  EXPECT_EQ(whole.text, "b\n");
  EXPECT_EQ(text_of("<think>\na</think>b", AnswerText::Form::chat, {}).thought, "a");
  EXPECT_EQ(text_of("<think>a</think>b", AnswerText::Form::raw, {}).text, "<think>a</think>b");
}

TEST(AnswerText, StopsCutTheReplyOnly) {
  const auto whole =
      text_of("12=3</think>45=6=7", AnswerText::Form::chat_in_thought, {"=7", "9", "=6"});
  EXPECT_EQ(whole.thought, "12=3");
  EXPECT_EQ(whole.text, "45");
  EXPECT_EQ(text_of("45=", AnswerText::Form::raw, {"=7"}).text, "45=");
  EXPECT_EQ(text_of("45=7", AnswerText::Form::raw, {"=7"}).text, "45");
}

// "text|name(arguments)" of an answer in DeepSeek's form, and its finish.
std::string calls_of(const std::string& answer, bool single) {
  const Tokenizer& tokenizer = mini().tokenizer();
  EncodeOptions options;
  options.add_special_prefix_suffix = false;
  options.parse_special = true;
  AnswerText text(tokenizer, AnswerText::Form::chat_in_thought, {"never", "=9"}, 0);
  text.read_tool_calls(ToolDialect::deepseek, single);
  std::vector<Piece> pieces;
  for (int32_t id : tokenizer.encode(answer, options)) {
    if (!text.push(id, nullptr, pieces)) break;
  }
  text.finish("stop", pieces);
  WholeChoice whole;
  for (Piece& p : pieces) whole.add(std::move(p));
  std::string out = whole.text;
  for (const WholeCall& c : whole.calls) out += "|" + c.name + "(" + c.arguments + ")";
  return out + " " + whole.finish;
}

TEST(AnswerText, CallsOfToolsApart) {
  const std::string begin = "<｜tool▁calls▁begin｜>", end = "<｜tool▁calls▁end｜>";
  const auto call = [](const std::string& name, const std::string& arguments) {
    return "<｜tool▁call▁begin｜>function<｜tool▁sep｜>" + name + "\n```json\n" + arguments +
           "\n```<｜tool▁call▁end｜>";
  };
  const std::string two = begin + call("a", R"({"x":"=9 你"})") + "\n" + call("b", "{}") + end;
  EXPECT_EQ(calls_of("1</think>so" + two, false), R"(so|a({"x":"=9 你"})|b({}) tool_calls)");
  EXPECT_EQ(calls_of("1</think>so" + two, true), R"(so|a({"x":"=9 你"}) tool_calls)");
  EXPECT_EQ(calls_of(two + "</think>ne", false), "ne stop") << "a thought calls nothing";
  EXPECT_EQ(calls_of("</think>1=9" + two, false), "1 stop");
  EXPECT_EQ(calls_of("</think>12+30", false), "12+30 stop");
}

TEST(Prompt, ToolsAreDescribedAndOnlyOurMarksAreMarks) {
  ChatRequest request;
  request.messages = *parse_json(R"([{"role":"user","content":"say <｜tool▁calls▁begin｜>"}])");
  request.tools = *parse_json(
      R"([{"type":"function","function":{"name":"f","description":"<｜tool▁calls▁begin｜>"}}])");
  const auto prompt = mini().chat(request);
  ASSERT_TRUE(prompt.has_value());
  EXPECT_NE(prompt->text.find(R"({"name":"f")"), prompt->text.npos);
  const int32_t mark = *mini().tokenizer().find("<｜tool▁calls▁begin｜>");
  EXPECT_EQ(std::count(prompt->ids.begin(), prompt->ids.end(), mark), 1);
}

Piece piece(int32_t choice, bool thought, std::string text, std::string finish = "") {
  Piece out;
  out.choice = choice;
  out.thought = thought;
  out.text = std::move(text);
  out.finish = std::move(finish);
  return out;
}

TEST(AnswerChannel, PiecesMeltUntilTheyAreTaken) {
  AnswerChannel channel(true, 1 << 16);
  int calls = 0;
  channel.set_listener([&] { ++calls; });
  for (int i = 0; i < 3; ++i) {
    channel.put(piece(0, true, "a"));
    channel.put(piece(1, false, "b"));
  }
  channel.put(piece(0, false, "c"));
  channel.put(piece(0, false, "", "stop"));
  EXPECT_EQ(calls, 1) << "told once until something is taken";
  auto taken = channel.take();
  ASSERT_EQ(taken.pieces.size(), 4u);
  EXPECT_EQ(taken.pieces[0].text, "aaa");
  EXPECT_EQ(taken.pieces[1].text, "bbb");
  EXPECT_EQ(taken.pieces[3].finish, "stop");
  EXPECT_FALSE(taken.ended);
  Usage usage;
  usage.completion_tokens = 7;
  channel.finish(usage);
  EXPECT_EQ(calls, 2);
  taken = channel.take();
  EXPECT_TRUE(taken.ended && taken.pieces.empty());
  EXPECT_EQ(taken.usage.completion_tokens, 7);
}

TEST(AnswerChannel, AReaderThatNeverComesEndsTheRequest) {
  AnswerChannel channel(true, 1000);
  for (int i = 0; i < 500; ++i) channel.put(piece(0, false, "a"));
  EXPECT_EQ(channel.abandoned(), Abandon::none) << "500 letters are no 500 pieces";
  for (int i = 0; i < 1000; ++i) channel.put(piece(0, false, "a"));
  EXPECT_EQ(channel.abandoned(), Abandon::too_slow);
  channel.abandon(Abandon::disconnected);
  EXPECT_EQ(channel.abandoned(), Abandon::too_slow) << "the first reason counts";
  EXPECT_LE(channel.take().pieces[0].text.size(), 1000u);
}

TEST(AnswerChannel, AListenerHearsWhatCameBefore) {
  AnswerChannel whole(false, 1000);
  whole.put(piece(0, false, "a"));
  int calls = 0;
  whole.set_listener([&] { ++calls; });
  EXPECT_EQ(calls, 0) << "a whole reply waits for the end";
  whole.fail({});
  EXPECT_EQ(calls, 1);
  whole.set_listener({});
  whole.set_listener([&] { calls += 10; });
  EXPECT_EQ(calls, 11);
}

TEST(TokenChances, AreALogSoftmax) {
  const std::vector<float> logits = {1, 3, NAN, 2, 3, -INFINITY};
  const TokenLogprob chance = token_logprob(logits, 3, 3);
  const double total = std::log(std::exp(1) + 2 * std::exp(3) + std::exp(2));
  EXPECT_NEAR(chance.chosen.logprob, 2 - total, 1e-9);
  ASSERT_EQ(chance.top.size(), 3u);
  EXPECT_EQ(chance.top[0].id, 1);
  EXPECT_EQ(chance.top[1].id, 4);
  EXPECT_EQ(chance.top[2].id, 3);
  EXPECT_NEAR(chance.top[0].logprob, 3 - total, 1e-9);
  EXPECT_EQ(token_logprob(logits, 5, 0).chosen.logprob, -9999);
  EXPECT_EQ(token_logprob(logits, 2, 0).chosen.logprob, -9999);
}

Json parsed(const std::string& text) {
  auto json = parse_json(text);
  EXPECT_TRUE(json.has_value()) << text;
  return json ? *std::move(json) : Json();
}

TEST(WriteReply, ChunksAreOneLineOfJson) {
  ReplyHead head;
  head.id = "id";
  head.include_usage = true;
  head.field = ReasoningField::both;
  const std::string text = chunk_json(head, piece(2, true, "a\n\"\xff\xe2"), mini().tokenizer());
  EXPECT_EQ(text.find('\n'), text.npos);
  const Json chunk = parsed(text);
  EXPECT_EQ(chunk["object"], "chat.completion.chunk");
  EXPECT_EQ(chunk["choices"][0]["index"], 2);
  EXPECT_EQ(chunk["choices"][0]["delta"]["reasoning"], "a\n\"\ufffd\ufffd");
  EXPECT_EQ(chunk["choices"][0]["delta"]["reasoning_content"], "a\n\"\ufffd\ufffd");
  EXPECT_TRUE(chunk["choices"][0]["finish_reason"].is_null() && chunk["usage"].is_null());
  EXPECT_EQ(sse_event(text), "data: " + text + "\n\n");
  Usage usage{10, 5, 3, 4};
  const Json last = parsed(usage_chunk_json(head, usage));
  EXPECT_TRUE(last["choices"].empty());
  EXPECT_EQ(last["usage"]["total_tokens"], 15);
  EXPECT_EQ(last["usage"]["prompt_cache_miss_tokens"], 6);
  EXPECT_EQ(last["usage"]["completion_tokens_details"]["reasoning_tokens"], 3);
}

TEST(WriteReply, CallsOfTools) {
  ReplyHead head;
  head.id = "id";
  Piece name = piece(1, false, "f");
  name.call = 2;
  name.call_name = true;
  Piece arguments = piece(1, false, "{\"a\"");
  arguments.call = 2;
  const Json first = parsed(chunk_json(head, name, mini().tokenizer()));
  const Json begun = first["choices"][0]["delta"]["tool_calls"][0];
  EXPECT_EQ(begun["index"], 2);
  EXPECT_EQ(begun["function"], (Json{{"name", "f"}, {"arguments", ""}}));
  const Json more = parsed(chunk_json(head, arguments, mini().tokenizer()));
  EXPECT_EQ(more["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"], "{\"a\"");
  EXPECT_FALSE(more["choices"][0]["delta"]["tool_calls"][0].contains("id"));
  WholeChoice whole;
  whole.calls = {{"f", "{}"}};
  whole.finish = "tool_calls";
  const Json reply = parsed(reply_json(head, {whole}, {}, mini().tokenizer()));
  const Json& message = reply["choices"][0]["message"];
  EXPECT_TRUE(message["content"].is_null());
  EXPECT_EQ(message["tool_calls"][0]["function"]["name"], "f");
  EXPECT_EQ(message["tool_calls"][0]["type"], "function");
  EXPECT_NE(message["tool_calls"][0]["id"], begun["id"]);
}

TEST(Completion, TheUsageOfAnAnswerThatGoesOnIsWhatWasCounted) {
  const auto channel = std::make_shared<AnswerChannel>(true, 1 << 20);
  Admitted admitted;
  admitted.channel = channel;
  const auto pending =
      pending_completion(mini().tokenizer(), ReplyHead{}, true, {}, std::move(admitted));
  channel->count_prompt(20, 16);
  channel->count_token();
  channel->count_token();
  EXPECT_EQ(pending->usage().prompt_tokens, 20);
  EXPECT_EQ(pending->usage().cached_tokens, 16);
  EXPECT_EQ(pending->usage().completion_tokens, 2);
  channel->finish({.prompt_tokens = 20, .completion_tokens = 3, .reasoning_tokens = 1});
  EXPECT_EQ(pending->usage().completion_tokens, 3);
  EXPECT_EQ(pending->usage().reasoning_tokens, 1);
}

TEST(Completion, AStreamThatHasNothingNewSaysHowFarItIs) {
  const auto channel = std::make_shared<AnswerChannel>(true, 1 << 20);
  Admitted admitted;
  admitted.channel = channel;
  const auto pending =
      pending_completion(mini().tokenizer(), ReplyHead{}, true, {}, std::move(admitted));
  EXPECT_EQ(pending->sign_of_life(), kSseKeepAlive);
  channel->set_prompt_progress(512, 4096);
  EXPECT_EQ(pending->sign_of_life(), ": prompt 512 of 4096 tokens\n\n");
  channel->set_prompt_progress(4096, 4096);
  EXPECT_EQ(pending->sign_of_life(), kSseKeepAlive);
  channel->set_thinking(1200);
  EXPECT_EQ(pending->sign_of_life(), ": thinking 1200\n\n");
  channel->set_thinking(0);
  EXPECT_EQ(pending->sign_of_life(), kSseKeepAlive);
}

TEST(WriteReply, ErrorsAndHeads) {
  const Json error = parsed(error_json(bad_field("n", "invalid_value", "a \xff")));
  EXPECT_EQ(error["error"]["type"], "invalid_request_error");
  EXPECT_EQ(error["error"]["param"], "n");
  EXPECT_EQ(parsed(status_json("ok"))["status"], "ok");
  EXPECT_EQ(parsed(text_json("a"))["prompt"], "a");
  EXPECT_EQ(parsed(models_json({"a", "b"}, 1, 2))["data"][1]["id"], "b");
  WireHead head;
  head.length = 3;
  EXPECT_TRUE(head_text(head).starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(head_text(head).ends_with("Content-Length: 3\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_EQ(chunk_text(std::string(17, 'a')), "11\r\naaaaaaaaaaaaaaaaa\r\n");
}

}  // namespace
}  // namespace hearth::serve
