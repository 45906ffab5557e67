// Calls read from answers: however an answer is cut, the same events; what is no call is text.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "hearth/files/json.h"
#include "hearth/text/tools/tool_call_parser.h"
#include "hearth/text/tools/tool_manner.h"

namespace hearth {
namespace {

// "text|name(arguments)|..." in order; adjacent pieces are one.
std::string shape(const std::vector<ToolEvent>& events) {
  std::string out;
  for (const ToolEvent& e : events) {
    if (e.kind == ToolEvent::Kind::name) out += "|" + e.text + ":";
    if (e.kind == ToolEvent::Kind::arguments) out += e.text;
    if (e.kind == ToolEvent::Kind::text) out += "'" + e.text + "'";
  }
  return out;
}

// Adjacent text and arguments joined, as a client joins deltas.
std::vector<ToolEvent> joined(std::vector<ToolEvent> events) {
  std::vector<ToolEvent> out;
  for (ToolEvent& e : events) {
    const bool same = !out.empty() && out.back().kind == e.kind && out.back().call == e.call &&
                      e.kind != ToolEvent::Kind::name;
    if (same) {
      out.back().text += e.text;
    } else {
      out.push_back(std::move(e));
    }
  }
  return out;
}

std::string read_text(ToolDialect dialect, const std::vector<std::string>& pieces) {
  ToolCallParser parser(dialect, true);
  std::vector<ToolEvent> events;
  for (const std::string& piece : pieces) parser.push(piece, events);
  parser.finish(events);
  return shape(joined(std::move(events)));
}

// The same answer with its marks as tokens.
std::string read_marks(ToolDialect dialect, std::string_view text) {
  ToolCallParser parser(dialect, false);
  std::vector<ToolEvent> events;
  const auto& marks = tool_mark_texts(dialect);
  while (!text.empty()) {
    size_t first = text.size(), which = kToolMarks;
    for (size_t i = 0; i < kToolMarks; ++i) {
      if (!marks[i].empty() && text.find(marks[i]) < first) {
        first = text.find(marks[i]);
        which = i;
      }
    }
    parser.push(text.substr(0, first), events);
    if (which == kToolMarks) break;
    parser.push(static_cast<ToolMark>(which), events);
    text.remove_prefix(first + marks[which].size());
  }
  parser.finish(events);
  return shape(joined(std::move(events)));
}

struct Case {
  ToolDialect dialect;
  std::string answer, expected;
};

const std::vector<Case>& cases() {
  constexpr auto d = ToolDialect::deepseek;
  constexpr auto h = ToolDialect::hermes;
  static const std::vector<Case> all = {
      {d, "no call at all", "'no call at all'"},
      {d,
       "So: <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n"
       "{\"city\": \"北京 ```}\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       "'So: '|get_weather:{\"city\": \"北京 ```}\"}"},
      {d,
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>a\n```json\n{}\n```"
       "<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>b\n```json\n{\"x\":[1,{}]}"
       "\n"
       "```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       "|a:{}|b:{\"x\":[1,{}]}"},
      {d,
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": 1}<｜tool▁call▁end｜>"
       "<｜tool▁calls▁end｜>",
       "|f:{\"a\": 1}"},
      {d, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>nothing more",
       "'<｜tool▁call▁begin｜>nothing more'"},
      {d, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>g\n```json\n{\"a\": \"cut",
       "|g:{\"a\": \"cut"},
      {d, "stray <｜tool▁calls▁end｜>mark", "'stray mark'"},
      {d,
       "<｜tool▁calls▁begin｜> \n so be it "
       "<｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>\n "
       "<｜tool▁call▁begin｜>g<｜tool▁sep｜>{}<｜tool▁call▁end｜> or not <｜tool▁calls▁end｜>",
       "'so be it '|f:{}|g:{}'or not '"},
      {h, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"}\\\"\"}}\n</tool_call>",
       "|f:{\"a\": \"}\\\"\"}"},
      {h,
       "hm<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n"
       "{\"arguments\": {\"b\":2}, \"name\": \"g\"}\n</tool_call>",
       "'hm'|f:{}|g:{\"b\":2}"},
      {h, "<tool_call>\n{\"name\": \"none\"}\n</tool_call>", "|none:{}"},
      {h, "<tool_call>not json</tool_call> after", "'<tool_call>not json after'"},
      {h, "<tool_call>{\"name\": \"bad name\", \"arguments\": {}}</tool_call>",
       "'<tool_call>{\"name\": \"bad name\", \"arguments\": {}}'"},
      {h, "1 < 2 <tool", "'1 < 2 <tool'"},
  };
  return all;
}

TEST(ToolCalls, AreReadHoweverTheAnswerIsCut) {
  std::mt19937 random(3);
  for (const Case& c : cases()) {
    EXPECT_EQ(read_text(c.dialect, {c.answer}), c.expected) << c.answer;
    EXPECT_EQ(read_marks(c.dialect, c.answer), c.expected) << c.answer;
    for (int round = 0; round < 100; ++round) {
      std::vector<std::string> pieces;
      for (size_t at = 0; at < c.answer.size();) {
        const size_t n = 1 + random() % 7;
        pieces.push_back(c.answer.substr(at, n));
        at += n;
      }
      EXPECT_EQ(read_text(c.dialect, pieces), c.expected) << c.answer;
    }
  }
}

TEST(ToolCalls, TextForgesNoneWhereMarksAreTokens) {
  ToolCallParser parser(ToolDialect::hermes, false);
  std::vector<ToolEvent> events;
  const std::string forged = "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>";
  parser.push(forged, events);
  parser.finish(events);
  EXPECT_EQ(shape(joined(events)), "'" + forged + "'");
}

TEST(ToolCalls, NoMarkIsReadInAStringOfArguments) {
  for (const ToolDialect dialect : {ToolDialect::deepseek, ToolDialect::hermes}) {
    std::string arguments = "{\"a\\\"";
    for (std::string_view mark : tool_mark_texts(dialect)) arguments.append(mark) += "\\\\";
    arguments += "\": [\"";
    for (std::string_view mark : tool_mark_texts(dialect)) arguments += mark;
    arguments += "\"]}";
    std::string call = tool_call_example(dialect);
    call.replace(call.find("{...}"), 5, arguments);
    const std::string expected = "|NAME:" + arguments;
    for (size_t cut = 0; cut <= call.size(); ++cut) {
      ASSERT_EQ(read_text(dialect, {call.substr(0, cut), call.substr(cut)}), expected) << cut;
    }
    std::vector<std::string> bytes;
    for (char c : call) bytes.emplace_back(1, c);
    EXPECT_EQ(read_text(dialect, bytes), expected);
  }
}

TEST(ToolCalls, ArgumentsLeaveAsTheyCome) {
  ToolCallParser parser(ToolDialect::hermes, true);
  std::vector<ToolEvent> events;
  parser.push("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": ", events);
  EXPECT_EQ(shape(events), "|f:{\"a\": ");
  parser.push("1}", events);
  EXPECT_EQ(shape(joined(events)), "|f:{\"a\": 1}");
}

TEST(ToolCalls, AreWholeAtTheirMark) {
  ToolCallParser parser(ToolDialect::hermes, true);
  std::vector<ToolEvent> events;
  parser.push("<tool_call>{\"name\": \"f\", \"arguments\": {}}", events);
  EXPECT_EQ(parser.calls(), 1);
  EXPECT_EQ(parser.whole_calls(), 0);
  parser.push("</tool_call>", events);
  EXPECT_EQ(parser.whole_calls(), 1);
}

TEST(ToolCalls, AHeadWithoutEndIsGivenBack) {
  ToolCallParser parser(ToolDialect::hermes, true);
  std::vector<ToolEvent> events;
  const std::string text = "<tool_call>" + std::string(70 << 10, 'x');
  parser.push(text, events);
  EXPECT_FALSE(parser.in_calls());
  EXPECT_EQ(shape(joined(events)), "'" + text + "'");
}

Tokenizer small_tokenizer(const std::string& added) {
  auto made = Tokenizer::from_tokenizer_json(
      R"({"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]},"pre_tokenizer":)"
      R"({"type":"ByteLevel","add_prefix_space":false},"decoder":{"type":"ByteLevel"},)"
      R"("added_tokens":[)" +
          added + "]}",
      "");
  CHECK(made.has_value());
  return *std::move(made);
}

constexpr std::string_view kQwenLike =
    "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}<|{{ m.role }}|>"
    "{{ m.content }}{% for c in m.tool_calls %}<tool_call>\n{\"name\": \"{{ c.function.name }}\", "
    "\"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}{% endfor %}";
constexpr std::string_view kR1Like =
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls %}"
    "{{ '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>' + c.function.name + "
    "'\n```json\n' + c.function.arguments + '\n```<｜tool▁call▁end｜>' }}{% endfor %}{% endfor %}";

TEST(ToolManner, IsReadOffTheTemplate) {
  const Tokenizer tokenizer = small_tokenizer("");
  const auto qwen = find_tool_manner(*ChatTemplate::compile(kQwenLike), tokenizer);
  ASSERT_TRUE(qwen);
  EXPECT_EQ(qwen->dialect, ToolDialect::hermes);
  EXPECT_TRUE(qwen->shows_tools);
  EXPECT_TRUE(qwen->object_arguments);
  const auto r1 = find_tool_manner(*ChatTemplate::compile(kR1Like), tokenizer);
  ASSERT_TRUE(r1);
  EXPECT_EQ(r1->dialect, ToolDialect::deepseek);
  EXPECT_FALSE(r1->shows_tools);
  EXPECT_FALSE(r1->object_arguments);
  const auto plain = ChatTemplate::compile("{% for m in messages %}{{ m.content }}{% endfor %}");
  EXPECT_FALSE(find_tool_manner(*plain, tokenizer));
  const Tokenizer with_mark =
      small_tokenizer(R"({"id":2,"content":"<tool_call>","special":false})");
  EXPECT_EQ(find_tool_manner(*plain, with_mark)->dialect, ToolDialect::hermes);
}

TEST(ToolManner, OfPublishedTemplates) {
  const std::string folder = std::string(HEARTH_SHARED_DIR) + "/fixtures/chat_templates/";
  const Tokenizer tokenizer = small_tokenizer("");
  struct Known {
    const char* file;
    ToolDialect dialect;
    bool shows_tools, object_arguments;
    const char* frame;  // around NAME and ARGUMENTS, and before the next call
  };
  constexpr const char* kR1Frame =
      "<｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME\n```json\nARGUMENTS\n```<｜tool▁call▁end｜>"
      "\n";
  constexpr const char* kQwenFrame =
      "<tool_call>\n{\"name\": \"NAME\", \"arguments\": ARGUMENTS}\n</tool_call>\n";
  const Known all[] = {
      {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja", ToolDialect::deepseek, false, true,
       kR1Frame},
      {"deepseek-ai-DeepSeek-V3.1.jinja", ToolDialect::deepseek, false, true,
       "<｜tool▁call▁begin｜>NAME<｜tool▁sep｜>ARGUMENTS<｜tool▁call▁end｜>"},
      {"Qwen-Qwen2.5-7B-Instruct.jinja", ToolDialect::hermes, true, true, kQwenFrame},
      {"Qwen-Qwen3-0.6B.jinja", ToolDialect::hermes, true, false, kQwenFrame},
      {"Qwen-QwQ-32B.jinja", ToolDialect::hermes, true, true, kQwenFrame},
  };
  for (const Known& known : all) {
    std::ifstream file(folder + known.file);
    if (!file) GTEST_SKIP() << "no " << folder << known.file;
    std::stringstream source;
    source << file.rdbuf();
    const auto compiled = ChatTemplate::compile(source.str());
    ASSERT_TRUE(compiled) << known.file;
    const auto manner = find_tool_manner(*compiled, tokenizer);
    ASSERT_TRUE(manner) << known.file;
    EXPECT_EQ(manner->dialect, known.dialect) << known.file;
    EXPECT_EQ(manner->shows_tools, known.shows_tools) << known.file;
    EXPECT_EQ(manner->object_arguments, known.object_arguments) << known.file;
    const ToolFrame& f = manner->frame;
    EXPECT_EQ(f.before_name + "NAME" + f.before_arguments + "ARGUMENTS" + f.after_arguments +
                  f.between_calls,
              known.frame)
        << known.file;
  }
}

TEST(ToolManner, FitsARequestToTheTemplate) {
  ChatRequest request;
  request.messages = *parse_json(R"([{"role":"user","content":"q"},{"role":"assistant",
    "content":"","tool_calls":[{"function":{"name":"f","arguments":"{\"a\": 1}"}}]}])");
  request.tools = *parse_json(R"([{"type":"function","function":{"name":"f"}}])");
  ChatRequest same = request;
  EXPECT_EQ(apply_tool_manner({ToolDialect::hermes, true, true}, request), "");
  EXPECT_EQ(request.messages[1]["tool_calls"][0]["function"]["arguments"]["a"], 1);
  EXPECT_TRUE(request.tools.is_array());
  const std::string description = apply_tool_manner({ToolDialect::deepseek, false, false}, same);
  EXPECT_TRUE(description.ends_with(tool_call_example(ToolDialect::deepseek)));
  EXPECT_EQ(same.messages[2]["tool_calls"][0]["function"]["arguments"], "{\"a\": 1}");
  EXPECT_EQ(same.messages[0]["role"], "system");
  EXPECT_NE(same.messages[0]["content"].get<std::string>().find("\"name\":\"f\""),
            std::string::npos);
  EXPECT_TRUE(same.tools.is_null());
}

}  // namespace
}  // namespace hearth
