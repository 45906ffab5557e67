// Tools over gRPC: they reach the model as over HTTP, and their calls come back as over HTTP.
#include "hearth/serve/grpc/testing.h"

namespace hearth::serve {
namespace {

// The prompt of a request with all of a conversation in it, tools included, is HTTP's.
TEST(Grpc, ToolsAndHistoryMakeHttpsPrompt) {
  RpcTestServer server;
  const Json whole = http_answer(server, R"({"messages":[{"role":"user","content":"3+4=?"},
      {"role":"assistant","reasoning_content":"hm","tool_calls":[{"id":"1","type":"function",
       "function":{"name":"add","arguments":"{\"a\":3}"}}]},
      {"role":"tool","tool_call_id":"1","content":"7"}],
      "tools":[{"type":"function","function":{"name":"add","description":"adds",
       "parameters":{"type":"object","b":1}}}],"max_tokens":40,"seed":3,"thinking_budget":8})");
  v1::ChatRequest request = question("3+4=?");
  v1::Message& called = *request.add_messages();
  called.set_role("assistant");
  called.set_reasoning_content("hm");
  called.add_tool_calls()->set_id("1");
  called.mutable_tool_calls(0)->mutable_function()->set_name("add");
  called.mutable_tool_calls(0)->mutable_function()->set_arguments(R"({"a":3})");
  v1::Message& result = *request.add_messages();
  result.set_role("tool");
  result.set_tool_call_id("1");
  result.set_content("7");
  auto& tool = *request.add_tools()->mutable_function();
  tool.set_name("add");
  tool.set_description("adds");
  tool.set_parameters(R"({"type":"object","b":1})");
  request.mutable_options()->set_max_tokens(40);
  request.mutable_options()->set_seed(3);
  request.set_thinking_budget(8);
  const Answer answer = ask(*server.stub, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.usage.prompt_tokens(), whole["usage"]["prompt_tokens"]);
  EXPECT_EQ(answer.usage.cached_tokens(), (answer.usage.prompt_tokens() - 1) / 64 * 64);
  const Json& message = whole["choices"][0]["message"];
  EXPECT_EQ(answer.reasoning, message.value("reasoning_content", ""));
  EXPECT_EQ(answer.content, message.value("content", ""));
}

// A tool that is named is called, by arguments that its schema takes; the call is HTTP's.
TEST(Grpc, ANamedToolIsCalled) {
  RpcTestServer server;
  const Json whole = http_answer(server, R"({"messages":[{"role":"user","content":"3+4=?"}],
      "tools":[{"type":"function","function":{"name":"add",
                "parameters":{"properties":{"a":{"const":7}},"required":["a"]}}},
               {"type":"function","function":{"name":"sub","strict":true,
                "parameters":{"type":"object"}}}],
      "tool_choice":{"type":"function","function":{"name":"add"}},
      "seed":3,"max_tokens":200,"thinking_budget":8})");
  v1::ChatRequest request = question("3+4=?");
  request.mutable_options()->set_max_tokens(200);
  request.mutable_options()->set_seed(3);
  request.set_thinking_budget(8);
  auto& add = *request.add_tools()->mutable_function();
  add.set_name("add");
  add.set_parameters(R"({"properties":{"a":{"const":7}},"required":["a"]})");
  auto& sub = *request.add_tools()->mutable_function();
  sub.set_name("sub");
  sub.set_parameters(R"({"type":"object"})");
  sub.set_strict(true);
  request.set_tool_choice_function("add");
  const Answer answer = ask(*server.stub, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  const Json& call = whole["choices"][0]["message"]["tool_calls"][0]["function"];
  EXPECT_EQ(call["name"], "add");
  EXPECT_EQ(answer.finish, v1::FINISH_REASON_TOOL_CALLS);
  EXPECT_EQ(answer.call_name, "add");
  EXPECT_EQ(answer.call_arguments, call["arguments"]);
  EXPECT_EQ(answer.usage.prompt_tokens(), whole["usage"]["prompt_tokens"]);
}

}  // namespace
}  // namespace hearth::serve
