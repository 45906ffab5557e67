// Replies of other servers as they come: thought and answer apart, refusals in one line.
#include "hearth/eval/endpoint.h"
#include "hearth/eval/completion.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

std::string completion(const std::string& message) {
  return R"({"choices":[{"message":)" + message +
         R"(,"finish_reason":"length"}],"usage":{"completion_tokens":7}})";
}

TEST(Endpoint, ThoughtAndAnswerAreToldApart) {
  struct Case {
    const char* message;
    const char* reasoning;
    const char* text;
  };
  constexpr Case kCases[] = {
      {R"({"content":"42"})", "", "42"},
      {R"({"content":"42","reasoning_content":"six by seven"})", "six by seven", "42"},
      {R"({"content":"42","reasoning":"six by seven"})", "six by seven", "42"},
      {R"({"content":"<think>\nsix by seven\n</think>\n\n42"})", "six by seven", "42"},
      {R"({"content":"six by seven</think>42"})", "six by seven", "42"},
      {R"({"content":null,"reasoning_content":"and so on"})", "and so on", ""},
      // Said of a thought, not one: the server has told it apart already.
      {R"({"content":"write </think>","reasoning_content":"r"})", "r", "write </think>"},
  };
  for (const Case& c : kCases) {
    const auto reply = read_completion(completion(c.message));
    ASSERT_TRUE(reply.has_value()) << c.message << ": " << reply.status().message();
    EXPECT_EQ(reply->reasoning, c.reasoning) << c.message;
    EXPECT_EQ(reply->text, c.text) << c.message;
    EXPECT_EQ(reply->tokens, 7);
    EXPECT_EQ(reply->finish_reason, "length");
    EXPECT_FALSE(reply->joules.has_value());
  }
}

TEST(Endpoint, WhatIsNoCompletionIsRefused) {
  for (const char* body :
       {"", "<html>", "[]", "{}", R"({"choices":[]})", R"({"choices":[3]})",
        R"({"choices":[{"message":"text"}]})", R"({"choices":[{"message":{"content":["a"]}}]})",
        R"({"choices":[{"message":{"content":"a"}}],"usage":{)"
        R"("completion_tokens":-1}})"}) {
    const auto reply = read_completion(body);
    ASSERT_FALSE(reply.has_value()) << body;
    EXPECT_EQ(reply.status().code(), Code::corrupt) << body;
    EXPECT_EQ(reply.status().message().find('\n'), std::string::npos);
  }
}

TEST(Endpoint, RefusalsSayTheirReason) {
  EXPECT_EQ(refusal_text(R"({"error":{"message":"no such model","code":"x"}})"), "no such model");
  EXPECT_EQ(refusal_text(R"({"message":"slow down"})"), "slow down");
  EXPECT_EQ(refusal_text(" upstream\r\nerror"), "upstream");
  EXPECT_EQ(refusal_text(""), "no reason given");
  EXPECT_LT(refusal_text(std::string(5000, 'x')).size(), 400u);
}

TEST(Endpoint, AddressesAndKeysAreChecked) {
  EndpointReplies options;
  for (const char* url : {"", "host", "ftp://host/v1", "http://user:pass@host/v1"}) {
    options.url = url;
    EXPECT_EQ(check_endpoint(options).code(), Code::invalid) << url;
  }
  options.key = "secret";
  for (const char* url : {"https://host/v1", "http://127.0.0.1:1/v1", "http://localhost/v1"}) {
    options.url = url;
    EXPECT_TRUE(check_endpoint(options).is_ok()) << url;
  }
  options.url = "http://host/v1";
  EXPECT_EQ(check_endpoint(options).code(), Code::invalid);
}

}  // namespace
}  // namespace hearth
