// An answer that is cut at any of its tokens and resumed by another server is the answer that was
// never cut; what differs between two servers, and what a client made up, is refused.
#include <gtest/gtest.h>

#include "hearth/serve/held_backend.h"
#include "hearth/serve/resume/resumable.h"

namespace hearth::serve {
namespace {

const std::string kKey(32, 'k');
const std::string kNumerics(32, 'a');

struct OwnBackend {
  HeldBackend backend;
};

struct ResumeServer : OwnBackend, TestServer {
  explicit ResumeServer(const std::string& numerics = kNumerics)
      : TestServer({.resume = {kKey, numerics}, .backend = &backend}) {}

  // The event stream, or the body of an error.
  std::string stream(const std::string& path, const std::string& body, bool resumable = true,
                     int* status = nullptr) {
    const HttpReply reply = begin(path, body, resumable);
    if (status) *status = reply.status;
    return reply.pending ? wait_for(*reply.pending, status) : reply.body;
  }
  // A stream whose reader looks after each step, so that it has a place to cut at each token.
  std::string stream_by_steps(const std::string& path, const std::string& body) {
    const Held held(backend);
    const HttpReply reply = begin(path, body, true);
    if (!reply.pending) return reply.body;
    std::string bytes;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (std::chrono::steady_clock::now() < end) {
      const bool waits = backend.waits();
      PendingAnswer::Progress p = reply.pending->poll(true);
      bytes += p.bytes;
      if (p.ended) return bytes;
      if (waits) backend.let_one_pass();
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    ADD_FAILURE() << "no end";
    return bytes;
  }
  HttpReply begin(const std::string& path, const std::string& body, bool resumable) {
    RequestHead head;
    head.method = "POST";
    head.target = path;
    head.host = "localhost";
    head.request_id = "one";
    head.resume = resumable ? "1" : "";
    RequestContext context;
    auto refused = service->refuse(head, context);
    return refused ? *std::move(refused) : service->handle(head, context, body);
  }
};

// What a client sees of a stream, whatever its pieces are.
struct Shown {
  std::string text, reasoning, calls, finish;
  Json usage;
  int roles = 0, ends = 0;
  bool operator==(const Shown&) const = default;
};

void show(const Json& event, Shown& out) {
  if (event.contains("usage") && !event["usage"].is_null()) {
    out.usage = event["usage"];
    for (const char* of_cache :
         {"prompt_tokens_details", "prompt_cache_hit_tokens", "prompt_cache_miss_tokens"}) {
      out.usage.erase(of_cache);
    }
  }
  for (const Json& choice : event["choices"]) {
    if (choice.contains("text")) out.text += choice["text"].get<std::string>();
    const Json delta = choice.value("delta", Json::object());
    out.roles += delta.contains("role");
    out.text += delta.value("content", "");
    out.reasoning += delta.value("reasoning_content", "");
    if (delta.contains("tool_calls")) {
      const Json& call = delta["tool_calls"][0];
      out.calls += call.value("id", "") + call["function"].value("name", "");
      out.calls += call["function"].value("arguments", "");
    }
    if (!choice["finish_reason"].is_null())
      out.finish += choice["finish_reason"].get<std::string>();
  }
}

std::vector<std::string> events_of(const std::string& stream) {
  std::vector<std::string> out;
  for (size_t at = 0; at < stream.size();) {
    const size_t end = stream.find("\n\n", at);
    out.push_back(stream.substr(at, end - at));
    at = end + 2;
  }
  return out;
}

Shown shown_of(const std::vector<std::string>& events) {
  Shown out;
  for (const std::string& event : events) {
    if (event == "data: [DONE]") {
      ++out.ends;
    } else if (event.starts_with("data: ")) {
      show(parsed(event.substr(6)), out);
    }
  }
  return out;
}

// The lines that the stream could be resumed with, and how many events stand before each.
struct Cut {
  std::string line;
  size_t events;
};
std::vector<Cut> cuts_of(const std::vector<std::string>& events) {
  std::vector<Cut> out;
  std::string state, ids;
  for (size_t i = 0; i < events.size(); ++i) {
    const std::string& e = events[i];
    if (e.starts_with(": resume ")) state = e.substr(9);
    if (!e.starts_with(": tokens ")) continue;
    const size_t space = e.rfind(' ');
    ids += e.substr(9, space - 9);
    out.push_back({state + ids + e.substr(space), i + 1});
  }
  return out;
}

struct Asked {
  std::string path, body;
};

std::vector<Asked> asked() {
  const std::string seeded = R"(,"stream":true,"seed":7,"stream_options":{"include_usage":true})";
  const std::string chat = "/v1/chat/completions";
  const std::string tools =
      R"(,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object",)"
      R"("properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}}}],)"
      R"("tool_choice":"required")";
  return {
      {chat, chat_body("48291+7734=?", seeded)},
      {chat, chat_body("37*48=?", seeded + R"(,"temperature":1.5,"max_tokens":60)")},
      {chat, chat_body("7*8=?", seeded + R"(,"frequency_penalty":1,"max_tokens":50)")},
      {chat, chat_body("12+30=?", seeded + R"(,"thinking_budget":4)")},
      {chat, chat_body("12+30=?", seeded + R"(,"stop":["2"])")},
      {chat, chat_body("12+30=?", seeded + R"(,"max_tokens":60,"guided_regex":"[a-f]{20,40}x")")},
      {chat, chat_body("12+30=?", seeded + tools)},
      {"/v1/completions", R"({"prompt":"12+","echo":true,"max_tokens":300)"
                          R"(,"logit_bias":{"1":-100})" +
                              seeded + "}"},
  };
}

TEST(Resume, AnAnswerThatIsCutAnywhereGoesOnAsItWouldHave) {
  ResumeServer first;
  ResumeServer second;
  int64_t resumed = 0;
  for (const Asked& a : asked()) {
    SCOPED_TRACE(a.body);
    const auto events = events_of(first.stream_by_steps(a.path, a.body));
    const Shown whole = shown_of(events);
    ASSERT_EQ(whole.ends, 1) << events.back();
    ASSERT_FALSE(whole.finish.empty()) << events.back();
    const auto cuts = cuts_of(events);
    ASSERT_FALSE(cuts.empty());
    for (size_t i = 0; i < cuts.size(); i += 1 + cuts.size() / 24) {
      auto seen = std::vector<std::string>(
          events.begin(), events.begin() + static_cast<std::ptrdiff_t>(cuts[i].events));
      const auto rest = events_of(second.stream("/v1/resume", cuts[i].line + "\n" + a.body));
      EXPECT_EQ(rest.front(), events.front());  // the same state
      seen.insert(seen.end(), rest.begin(), rest.end());
      EXPECT_EQ(shown_of(seen), whole) << "cut " << i << " of " << cuts.size();
      ++resumed;
    }
  }
  EXPECT_GT(resumed, 60);
}

// A resumed stream is as good a beginning as any, and a seed that was drawn stays.
TEST(Resume, AnAnswerWithoutASeedIsResumedTwice) {
  ResumeServer server;
  const std::string body =
      chat_body("37*48=?", R"(,"stream":true,"temperature":1.5,"max_tokens":60)"
                           R"(,"logit_bias":{"1":-100})");
  const auto events = events_of(server.stream_by_steps("/v1/chat/completions", body));
  const auto cuts = cuts_of(events);
  ASSERT_GT(cuts.size(), 3u);
  const auto rest = events_of(server.stream("/v1/resume", cuts[1].line + "\n" + body));
  const auto rest_of_rest = cuts_of(rest);
  ASSERT_FALSE(rest_of_rest.empty());
  // The ids of the cut before belong to the line, too.
  const std::string before = cuts[1].line.substr(0, cuts[1].line.rfind(' '));
  const std::string& line = rest_of_rest.front().line;
  const std::string again = before + line.substr(line.find(','));
  std::vector<std::string> seen(events.begin(),
                                events.begin() + static_cast<std::ptrdiff_t>(cuts[1].events));
  seen.insert(seen.end(), rest.begin(),
              rest.begin() + static_cast<std::ptrdiff_t>(rest_of_rest.front().events));
  const auto last = events_of(server.stream("/v1/resume", again + "\n" + body));
  seen.insert(seen.end(), last.begin(), last.end());
  EXPECT_EQ(shown_of(seen), shown_of(events));
}

TEST(Resume, WhatDiffersIsRefusedAndWhatIsForgedIsNotRead) {
  ResumeServer server;
  ResumeServer other(std::string(32, 'b'));
  const std::string body = chat_body("48291+7734=?", R"(,"stream":true)");
  const auto cuts = cuts_of(events_of(server.stream_by_steps("/v1/chat/completions", body)));
  ASSERT_GT(cuts.size(), 2u);
  const std::string& line = cuts[1].line;
  const auto refused = [&](ResumeServer& at, const std::string& bytes, int expected,
                           const std::string& code) {
    int status = 0;
    const Json reply = parsed(at.stream("/v1/resume", bytes, true, &status));
    EXPECT_EQ(status, expected) << reply;
    EXPECT_EQ(reply["error"]["code"], code) << reply;
  };
  refused(other, line + "\n" + body, 409, "not_resumable");
  refused(server, line + "\n" + chat_body("1+1=?", R"(,"stream":true)"), 409, "not_resumable");
  for (size_t i = 0; i < line.size(); i += 7) {
    std::string forged = line;
    forged[i] = forged[i] == '1' ? '2' : '1';
    refused(server, forged + "\n" + body, 400, "bad_state");
  }
  refused(server, "", 400, "bad_state");
  refused(server, "\n" + body, 400, "bad_state");
  TestServer without;  // a key
  EXPECT_EQ(without.post("/v1/resume", line + "\n" + body).status, 404);
}

TEST(Resume, OnlyWhoAsksForItSeesIt) {
  ResumeServer server;
  const std::string chat = "/v1/chat/completions";
  const auto marked = [&](const std::string& members, bool resumable) {
    const auto stream =
        server.stream(chat, chat_body("7*8=?", R"(,"stream":true)" + members), resumable);
    return stream.find(": tokens ") != stream.npos || stream.find(": resume ") != stream.npos;
  };
  EXPECT_TRUE(marked("", true));
  EXPECT_FALSE(marked("", false));
  EXPECT_FALSE(marked(R"(,"n":2)", true));
  EXPECT_FALSE(marked(R"(,"logprobs":true)", true));
}

TEST(Resume, NumericsAreOfNamesAndValues) {
  const auto id = numerics_id({{"a", "b"}, {"c", "d"}});
  EXPECT_EQ(id.size(), 32u);
  EXPECT_NE(id, numerics_id({{"a", "b\nc=1:d"}}));
  EXPECT_NE(id, numerics_id({{"a", "b"}, {"c", "e"}}));
}

// Python: hmac.new(b"k" * 32, b"text", "sha256").hexdigest()
TEST(Resume, ASignatureIsThatOfHmacSha256AtEachLength) {
  Signer signer(kKey);
  signer.add("te");
  const std::string early = signer.signature();
  signer.add("xt");
  EXPECT_EQ(signer.signature(), "8d3a9f54db4f3f1e3addef3fc62a0359d0d9d2a87c07cf465284062fded2baa2");
  EXPECT_NE(early, signer.signature());
}

}  // namespace
}  // namespace hearth::serve
