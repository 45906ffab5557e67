// Requests from JSON: what is read, and one 400 that names the field for whatever is wrong.
#include "hearth/serve/openai/read_request.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "hearth/serve/openai/adapters_json.h"
#include "hearth/serve/openai/embeddings.h"
#include "hearth/serve/openai/watermark_json.h"

namespace hearth::serve {
namespace {

constexpr int64_t kVocab = 100;

// The field that a 400 names; "accepted" when there is none.
std::string refused(Endpoint endpoint, const std::string& body) {
  GenerationRequest out;
  const auto error = read_generation(endpoint, body, kVocab, out);
  if (!error) return "accepted";
  EXPECT_EQ(error->status, 400);
  EXPECT_FALSE(error->message.empty());
  EXPECT_FALSE(error->code.empty());
  return error->param;
}
// Of a chat that is good but for these members.
std::string refused_with(const std::string& members) {
  return refused(Endpoint::chat,
                 R"({"messages":[{"role":"user","content":"hi"}],)" + members + "}");
}
// Of a completion, and of a request for embeddings.
std::string completion_refused_with(const std::string& members) {
  return refused(Endpoint::completion, R"({"prompt":"hi",)" + members + "}");
}
std::string embeddings_refused_with(const std::string& members) {
  EmbeddingRequest out;
  const auto error = read_embeddings(R"({"input":"hi",)" + members + "}", kVocab, 8, out);
  return error ? error->param : "accepted";
}
std::string refused_messages(const std::string& messages) {
  return refused(Endpoint::chat, R"({"messages":)" + messages + "}");
}
std::string refused_prompt(const std::string& prompt) {
  return refused(Endpoint::completion, R"({"prompt":)" + prompt + "}");
}

TEST(ReadRequest, EveryFieldOfAChat) {
  GenerationRequest r;
  const std::string body =
      R"({"model":"m","messages":[{"role":"developer","content":"be brief"},)"
      R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},)"
      R"({"role":"assistant","content":"c","reasoning":"t"}],"stream":true,)"
      R"("stream_options":{"include_usage":true},"n":3,"seed":-1,"stop":["x","y"],)"
      R"("temperature":0.5,"top_p":0.9,"top_k":-1,"min_p":0.1,"repetition_penalty":1.1,)"
      R"("frequency_penalty":-2,"presence_penalty":2,"logit_bias":{"7":-100},"logprobs":true,)"
      R"("top_logprobs":5,"max_tokens":4,"max_completion_tokens":9,"user":"u","novelty":1,)"
      R"("priority":-3,"tools":[],"response_format":{"type":"text"},)"
      R"("chat_template_kwargs":{"thinking":true}})";
  ASSERT_FALSE(read_generation(Endpoint::chat, body, kVocab, r).has_value());
  EXPECT_EQ(r.model, "m");
  EXPECT_EQ(r.chat.messages[0]["role"], "system");
  EXPECT_EQ(r.chat.messages[1]["content"], "ab");
  EXPECT_EQ(r.chat.messages[2]["reasoning_content"], "t");
  EXPECT_EQ(r.chat.extra["thinking"], true);
  EXPECT_TRUE(r.stream && r.include_usage && r.logprobs);
  EXPECT_EQ(r.n, 3);
  EXPECT_EQ(r.sampling.seed, ~uint64_t{0});
  EXPECT_EQ(r.stop, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(r.max_tokens, 9);
  EXPECT_EQ(r.priority, -3);
  EXPECT_EQ(r.top_logprobs, 5);
  EXPECT_EQ(r.ignored, std::vector<std::string>{"novelty"});
  EXPECT_EQ(r.user, "u");
  const SamplingParams p = r.sampling.over({});
  EXPECT_EQ(p.temperature, 0.5);
  EXPECT_EQ(p.top_p, 0.9);
  EXPECT_EQ(p.top_k, 0);
  EXPECT_EQ(p.min_p, 0.1);
  EXPECT_EQ(p.repetition_penalty, 1.1);
  EXPECT_EQ(p.frequency_penalty, -2);
  EXPECT_EQ(p.presence_penalty, 2);
  ASSERT_EQ(p.logit_bias.size(), 1u);
  EXPECT_EQ(p.logit_bias[0].id, 7);
  EXPECT_TRUE(check_sampling(p).is_ok());
}

TEST(ReadRequest, WhatIsNotSaidIsTheModels) {
  GenerationRequest r;
  const char* const body = R"({"messages":[{"role":"user","content":""}],"temperature":null})";
  ASSERT_FALSE(read_generation(Endpoint::chat, body, kVocab, r).has_value());
  SamplingParams defaults;
  defaults.temperature = 0.6;
  defaults.top_k = 5;
  EXPECT_EQ(r.sampling.over(defaults).temperature, 0.6);
  EXPECT_EQ(r.sampling.over(defaults).top_k, 5);
  EXPECT_FALSE(r.max_tokens || r.sampling.seed || r.stream || r.logprobs);
}

TEST(ReadRequest, EveryFormOfAPrompt) {
  for (const char* prompt : {R"("a")", R"(["a","b"])", "[1,2,3]", "[[1,2],[3]]"}) {
    EXPECT_EQ(refused_prompt(prompt), "accepted") << prompt;
  }
  for (const char* prompt :
       {"null", "5", "{}", "[]", "[[]]", "[null]", "[1,\"a\"]", "[\"a\",1]", "[-1]", "[100]",
        "[1.5]", "[4294967296]", "[18446744073709551615]", "[[1,2],[-1]]", "[1e300]"}) {
    EXPECT_EQ(refused_prompt(prompt), "prompt") << prompt;
  }
  EXPECT_EQ(refused(Endpoint::completion, "{}"), "prompt");
}

TEST(ReadRequest, BodiesThatAreNoObject) {
  std::string deep(100'000, '[');
  for (const std::string& body :
       {std::string(), std::string("nonsense"), std::string("[]"), std::string("null"),
        std::string("{\"a\":NaN}"), std::string("{\"a\":1e400}"), std::string("{\"a\":1,\"a\":2}"),
        std::string("{\"a\":\"\xff\"}"), std::string("{\"a\":\"\\ud800\"}"),
        std::string("{\"a\":1"), std::string("{}{}"), std::string("{\"a\":1}\0", 8), deep,
        "{\"messages\":" + deep + std::string(100'000, ']') + "}"}) {
    EXPECT_EQ(refused(Endpoint::chat, body), "") << body.substr(0, 40);
  }
}

TEST(ReadRequest, Messages) {
  for (const char* messages : {"null", "5", "{}", "\"hi\"", "[]"}) {
    EXPECT_EQ(refused_messages(messages), "messages") << messages;
  }
  EXPECT_EQ(refused(Endpoint::chat, "{}"), "messages");
  EXPECT_EQ(refused_messages("[null]"), "messages[0]");
  EXPECT_EQ(refused_messages("[[]]"), "messages[0]");
  EXPECT_EQ(refused_messages("[{}]"), "messages[0].role");
  EXPECT_EQ(refused_messages(R"([{"role":5}])"), "messages[0].role");
  EXPECT_EQ(refused_messages(R"([{"role":"robot","content":"a"}])"), "messages[0].role");
  EXPECT_EQ(refused_messages(R"([{"role":"user"}])"), "messages[0].content");
  EXPECT_EQ(refused_messages(R"([{"role":"user","content":5}])"), "messages[0].content");
  EXPECT_EQ(refused_messages(R"([{"role":"user","content":[{"type":"image_url"}]}])"),
            "messages[0].content");
  EXPECT_EQ(refused_messages(R"([{"role":"user","content":[5]}])"), "messages[0].content");
  EXPECT_EQ(refused_messages(R"([{"role":"user","content":"a"},{"role":"user","content":{}}])"),
            "messages[1].content");
  std::string many = "[";
  for (int i = 0; i < 100'000; ++i) many += R"({"role":"user","content":"a"},)";
  many.back() = ']';
  EXPECT_EQ(refused_messages(many), "messages");
}

constexpr const char* kEdges[] = {"-9223372036854775808",
                                  "-1",
                                  "0",
                                  "1",
                                  "2147483647",
                                  "2147483648",
                                  "4294967296",
                                  "9223372036854775807",
                                  "9223372036854775808",
                                  "18446744073709551615",
                                  "1e308",
                                  "-1e308",
                                  "0.5",
                                  "-0",
                                  "\"5\"",
                                  "true",
                                  "[]",
                                  "{}"};

// `refused` tells the field that a body with this member is refused for.
void expect_read_or_named(const char* field,
                          const std::function<std::string(const std::string&)>& refused) {
  const std::string name = std::string("\"") + field + "\":";
  for (const std::string value : kEdges) {
    const std::string named = refused(name + value);
    EXPECT_TRUE(named == "accepted" || named == field) << name << value << " named " << named;
    if (std::string("\"t[{").find(value[0]) != std::string::npos) {
      EXPECT_EQ(named, field) << name << value;
    }
  }
  EXPECT_EQ(refused(name + "null"), "accepted");
  EXPECT_EQ(refused(name + "NaN"), "") << "no JSON";
}

// Each numeric field of each request times the numbers and kinds that break arithmetic: read, or
// refused by name.
TEST(ReadRequest, EveryNumberAtItsEdges) {
  const std::vector<const char*> common = {"temperature",
                                           "top_p",
                                           "top_k",
                                           "min_p",
                                           "repetition_penalty",
                                           "frequency_penalty",
                                           "presence_penalty",
                                           "n",
                                           "seed",
                                           "max_tokens",
                                           "max_completion_tokens",
                                           "best_of",
                                           "priority"};
  for (const char* field : common) {
    expect_read_or_named(field, refused_with);
    expect_read_or_named(field, completion_refused_with);
  }
  for (const char* field : {"top_logprobs", "thinking_budget"}) {
    expect_read_or_named(field, refused_with);
  }
  expect_read_or_named("logprobs", completion_refused_with);
  for (const char* field : {"dimensions", "priority"}) {
    expect_read_or_named(field, embeddings_refused_with);
  }
  EXPECT_EQ(refused_with(R"("n":1000000)"), "n");
  EXPECT_EQ(refused_with(R"("max_tokens":2147483648)"), "max_tokens");
  EXPECT_EQ(refused_with(R"("logprobs":true,"top_logprobs":1000000)"), "top_logprobs");
  EXPECT_EQ(completion_refused_with(R"("logprobs":21)"), "logprobs");
  for (const char* priority : {"-101", "101", "0.5"}) {
    EXPECT_EQ(refused_with(std::string(R"("priority":)") + priority), "priority");
  }
}

TEST(ReadRequest, OtherFieldsOfWrongKinds) {
  for (const char* field : {"stream", "logprobs", "model", "stream_options", "logit_bias"}) {
    EXPECT_EQ(refused_with(std::string("\"") + field + "\":[1]"), field);
  }
  EXPECT_EQ(refused_with(R"("stream_options":{"include_usage":1})"),
            "stream_options.include_usage");
  for (const char* field : {"user", "safety_identifier", "suffix", "service_tier",
                            "prompt_cache_key", "store", "metadata", "modalities"}) {
    for (const char* value : {"5", "[[]]", "0.5"}) {
      const std::string member = std::string("\"") + field + "\":" + value;
      EXPECT_EQ(refused_with(member), field) << value;
      EXPECT_EQ(completion_refused_with(member), field) << value;
    }
    EXPECT_EQ(refused_with(std::string("\"") + field + "\":null"), "accepted");
  }
  for (const char* field : {"user", "safety_identifier"}) {
    EXPECT_EQ(embeddings_refused_with(std::string("\"") + field + "\":5"), field);
  }
  EXPECT_EQ(refused_with(R"("user":"u","safety_identifier":5)"), "safety_identifier");
  EXPECT_EQ(refused_with(R"("safety_identifier":"u","user":5)"), "user");
  EXPECT_EQ(refused_with(R"("modalities":["audio"])"), "modalities");
  EXPECT_EQ(refused_with(R"("modalities":["text"],"metadata":{"a":"b"},"store":false)"),
            "accepted");
  for (const char* stop : {"5", "{}", "[5]", "\"\"", "[\"\"]"}) {
    EXPECT_EQ(refused_with(std::string("\"stop\":") + stop), "stop") << stop;
  }
  std::string stops = "\"stop\":[";
  for (int i = 0; i < 10'000; ++i) stops += "\"a\",";
  stops.back() = ']';
  EXPECT_EQ(refused_with(stops), "stop");
  EXPECT_EQ(refused_with("\"stop\":\"" + std::string(1 << 20, 'a') + "\""), "stop");
  for (const char* bias : {R"({"-1":1})", R"({"100":1})", R"({"a":1})", R"({"1 ":1})", R"({"":1})",
                           R"({"1":1e308})", R"({"1":"a"})", R"({"1":101})", R"({"1":null})"}) {
    EXPECT_EQ(refused_with(std::string("\"logit_bias\":") + bias), "logit_bias") << bias;
  }
  EXPECT_EQ(refused_with(R"("tools":[{"type":"function"}])"), "tools");
  EXPECT_EQ(refused_with(R"("response_format":{"type":"yaml"})"), "response_format");
  EXPECT_EQ(refused_with(R"("response_format":{"type":"json_schema"})"), "response_format");
  EXPECT_EQ(refused_with(R"("grammar":["root"])"), "grammar");
  EXPECT_EQ(refused_with(R"("guided_regex":"a","guided_json":{})"), "guided_regex");
  EXPECT_EQ(refused_with(R"("n":2,"best_of":3)"), "best_of");
  for (const char* name : {"chat_template", "messages", "tokenize", "bos_token"}) {
    EXPECT_EQ(refused_with(std::string(R"("chat_template_kwargs":{")") + name + R"(":"x"})"),
              "chat_template_kwargs");
  }
  for (const char* field : {"chat_template", "tokenize"}) {
    for (const char* value : {"\"{{ messages }}\"", "true", "false", "{}"}) {
      const std::string member = std::string("\"") + field + "\":" + value;
      EXPECT_EQ(refused_with(member), field);
      EXPECT_EQ(refused(Endpoint::completion, R"({"prompt":"a",)" + member + "}"), field);
      TokenizeRequest tokens;
      const auto error = read_tokenize(R"({"prompt":"a",)" + member + "}", tokens);
      ASSERT_TRUE(error.has_value()) << member;
      EXPECT_EQ(error->param, field);
    }
    EXPECT_EQ(refused_with(std::string("\"") + field + "\":null"), "accepted");
  }
}

using Names = std::vector<std::string>;

// Also those that have a meaning elsewhere: whoever sends them must learn that they did nothing.
TEST(ReadRequest, FieldsThatMeanNothingAreListed) {
  GenerationRequest r;
  const std::string body =
      R"({"messages":[{"role":"user","content":"a","weight":0},)"
      R"({"role":"assistant","content":"b","prefix":true,"weight":1,"audio":null}],)"
      R"("functions":[],"prediction":{"type":"content"},"verbosity":"low","store":true,"zz":null,)"
      R"("stream_options":{"include_usage":true,"include_obfuscation":false}})";
  ASSERT_FALSE(read_generation(Endpoint::chat, body, kVocab, r).has_value());
  EXPECT_EQ(r.ignored,
            (Names{"messages.weight", "messages.prefix", "stream_options.include_obfuscation",
                   "functions", "prediction", "verbosity"}));
  TokenizeRequest tokenize;
  ASSERT_FALSE(read_tokenize(R"({"prompt":"a","zz":1})", tokenize).has_value());
  EXPECT_EQ(tokenize.ignored, Names{"zz"});
  TokenizeRequest of_messages;
  ASSERT_FALSE(
      read_tokenize(R"({"messages":[{"role":"user","content":"a","foo":1}]})", of_messages));
  EXPECT_EQ(of_messages.ignored, Names{"messages.foo"});
  DetokenizeRequest detokenize;
  ASSERT_FALSE(read_detokenize(R"({"tokens":[1],"zz":1})", kVocab, detokenize).has_value());
  EXPECT_EQ(detokenize.ignored, Names{"zz"});
  EmbeddingRequest embed;
  ASSERT_FALSE(read_embeddings(R"({"input":"a","zz":1})", kVocab, 8, embed).has_value());
  EXPECT_EQ(embed.ignored, Names{"zz"});
  AdapterRequest adapter;
  ASSERT_FALSE(read_adapter_request(R"({"name":"a","path":"b","zz":1})", adapter).has_value());
  EXPECT_EQ(adapter.ignored, Names{"zz"});
  DetectionRequest detection;
  ASSERT_FALSE(read_detection(R"({"text":"a","zz":1})", detection).has_value());
  EXPECT_EQ(detection.ignored, Names{"zz"});
  std::string many = R"({"prompt":"a")";
  for (int i = 0; i < 100'000; ++i) many += fmt::format(R"(,"z{}":1)", i);
  GenerationRequest of_many;
  ASSERT_FALSE(read_generation(Endpoint::completion, many + "}", kVocab, of_many).has_value());
  EXPECT_EQ(of_many.ignored.size(), 32u);
}

TEST(ReadRequest, Tools) {
  const std::string good =
      R"({"type":"function","function":{"name":"f","parameters":{"type":"object"}}})";
  GenerationRequest r;
  const std::string messages =
      R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,)"
      R"("tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"1","content":"r"}],)";
  const std::string body =
      messages + "\"tools\":[" + good + R"(],"tool_choice":"auto","parallel_tool_calls":false})";
  ASSERT_FALSE(read_generation(Endpoint::chat, body, kVocab, r).has_value());
  EXPECT_EQ(r.chat.tools[0]["function"]["name"], "f");
  EXPECT_FALSE(r.parallel_tool_calls);
  EXPECT_EQ(r.chat.messages[1]["tool_calls"][0]["function"]["arguments"], "{}");
  EXPECT_EQ(r.chat.messages[2]["tool_call_id"], "1");
  EXPECT_TRUE(r.ignored.empty());
  GenerationRequest none;
  const std::string silent = messages + "\"tools\":[" + good + R"(],"tool_choice":"none"})";
  ASSERT_FALSE(read_generation(Endpoint::chat, silent, kVocab, none).has_value());
  EXPECT_TRUE(none.chat.tools.is_null());
  for (const char* tools :
       {"5", "[5]", R"([{"type":"function"}])", R"([{"type":"mcp","function":{"name":"f"}}])",
        R"([{"type":"function","function":{"name":"a b"}}])",
        R"([{"type":"function","function":{"name":""}}])",
        R"([{"type":"function","function":{"name":"f","parameters":5}}])",
        R"([{"type":"function","function":{"name":"f","strict":1}}])",
        R"([{"type":"function","function":{"name":"f","description":5}}])"}) {
    EXPECT_EQ(refused_with(std::string("\"tools\":") + tools), "tools") << tools;
  }
  EXPECT_EQ(refused_with("\"tools\":[" + good + "," + good + "]"), "tools") << "one name twice";
  for (const char* calls : {"5", "[5]", R"([{"function":{"name":"f"}}])",
                            R"([{"function":{"name":"f","arguments":{}}}])"}) {
    EXPECT_EQ(refused_messages(std::string(R"([{"role":"assistant","tool_calls":)") + calls + "}]"),
              "messages[0].tool_calls")
        << calls;
  }
}

TEST(ReadRequest, ToolChoice) {
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}])";
  const auto read = [&](const std::string& fields) {
    GenerationRequest r;
    const std::string body = R"({"messages":[{"role":"user","content":"q"}],)" + fields + "}";
    EXPECT_FALSE(read_generation(Endpoint::chat, body, kVocab, r).has_value()) << fields;
    return r;
  };
  EXPECT_EQ(read(tools).tool_choice, ToolChoice::may_call);
  const GenerationRequest any = read(tools + R"(,"tool_choice":"required")");
  EXPECT_EQ(any.tool_choice, ToolChoice::must_call);
  EXPECT_EQ(any.named_tool, "");
  const GenerationRequest named =
      read(tools + R"(,"tool_choice":{"type":"function","function":{"name":"f"}})");
  EXPECT_EQ(named.tool_choice, ToolChoice::must_call);
  EXPECT_EQ(named.named_tool, "f");
  EXPECT_EQ(read(tools + R"(,"response_format":{"type":"json_object"})").format_field,
            "response_format");
  for (const char* choice :
       {R"("sometimes")", "5", "{}", R"({"type":"function","function":{"name":"g"}})",
        R"({"type":"function","function":{}})", R"({"type":"function","function":{"name":5}})"}) {
    EXPECT_EQ(refused_with(tools + ",\"tool_choice\":" + choice), "tool_choice") << choice;
  }
  EXPECT_EQ(refused_with(R"("tool_choice":"required")"), "tool_choice");
}

TEST(ReadRequest, BoundsOfAThought) {
  GenerationRequest r;
  const std::string body = R"({"messages":[{"role":"user","content":"q"}],"thinking_budget":0,)"
                           R"("reasoning_effort":"low","end_thought_loops":true})";
  ASSERT_FALSE(read_generation(Endpoint::chat, body, kVocab, r).has_value());
  EXPECT_EQ(r.thinking_budget, 0);
  EXPECT_EQ(r.reasoning_effort, "low");
  EXPECT_TRUE(r.end_thought_loops);
  EXPECT_EQ(refused_with(R"("thinking_budget":-1)"), "thinking_budget");
  EXPECT_EQ(refused_with(R"("thinking_budget":"much")"), "thinking_budget");
  EXPECT_EQ(refused_with(R"("reasoning_effort":"utmost")"), "reasoning_effort");
  EXPECT_EQ(refused_with(R"("end_thought_loops":1)"), "end_thought_loops");
}

TEST(ReadRequest, TokenizeAndDetokenize) {
  TokenizeRequest t;
  EXPECT_FALSE(read_tokenize(R"({"content":"a","add_special":false})", t).has_value());
  EXPECT_EQ(t.text, "a");
  EXPECT_FALSE(t.add_special);
  EXPECT_FALSE(read_tokenize(R"({"messages":[{"role":"user","content":"a"}]})", t).has_value());
  EXPECT_TRUE(t.messages.has_value());
  EXPECT_EQ(read_tokenize("{}", t)->param, "prompt");
  EXPECT_EQ(read_tokenize(R"({"prompt":5})", t)->param, "prompt");
  EXPECT_EQ(read_tokenize(R"({"messages":[]})", t)->param, "messages");
  DetokenizeRequest d;
  EXPECT_FALSE(read_detokenize(R"({"tokens":[1,2]})", kVocab, d).has_value());
  EXPECT_EQ(d.tokens, (std::vector<int32_t>{1, 2}));
  for (const char* tokens : {"null", "5", "[-1]", "[100]", "[\"a\"]", "[4294967296]"}) {
    const std::string body = std::string("{\"tokens\":") + tokens + "}";
    EXPECT_EQ(read_detokenize(body, kVocab, d)->param, "tokens") << tokens;
  }
}

}  // namespace
}  // namespace hearth::serve
