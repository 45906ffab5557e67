// Priorities: who goes first on a full server, that nobody's answer changes by it, and how far
// forward a key may go.
#include <gtest/gtest.h>

#include <fstream>
#include <mutex>

#include "hearth/serve/held_backend.h"

namespace hearth::serve {
namespace {

constexpr const char* kPath = "/v1/completions";

// An answer that ends by its length alone.
std::string body_of(int64_t seed, int64_t tokens, const std::string& members = "") {
  return fmt::format(R"({{"prompt":"12+30","temperature":1,"logit_bias":{{"1":-100}},)"
                     R"("seed":{},"max_tokens":{}{}}})",
                     seed, tokens, members);
}

std::string with_priority(int64_t priority) {
  return fmt::format(",\"priority\":{}", priority);
}

std::string text_of(PendingAnswer& pending) {
  return parsed(wait_for(pending))["choices"][0]["text"].get<std::string>();
}

// All four seats of the test server are taken, by answers that are long from their end.
std::vector<HttpReply> fill(TestServer& server, const Held& held, int64_t priority,
                            const std::string& key = "") {
  std::vector<HttpReply> out;
  for (int64_t seed = 0; seed < 4; ++seed) {
    out.push_back(server.post(kPath, body_of(seed, 400, with_priority(priority)), key));
    EXPECT_TRUE(out.back().pending) << out.back().body;
  }
  EXPECT_TRUE(held.step_until([&] { return server.metric("hearth_num_requests_running") == 4; }));
  return out;
}

// Names of answers in the order of their ends.
class Ends {
 public:
  void watch(const HttpReply& reply, const std::string& name) {
    ASSERT_TRUE(reply.pending) << name << ": " << reply.body;
    reply.pending->set_listener([this, name] {
      std::lock_guard lock(mutex_);
      names_.push_back(name);
    });
  }
  std::vector<std::string> names() const {
    std::lock_guard lock(mutex_);
    return names_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> names_;
};

TEST(Priority, TheLowerNumberTakesTheNextSeat) {
  HeldBackend backend;
  TestServer server({.backend = &backend});
  auto held = std::make_unique<Held>(backend);
  const auto running = fill(server, *held, -50);
  Ends ends;
  std::vector<HttpReply> waiting;
  for (const int64_t priority : {10, 3, -1, 10}) {
    waiting.push_back(server.post(kPath, body_of(9, 1, with_priority(priority))));
    ends.watch(waiting.back(), std::to_string(priority));
  }
  waiting.push_back(server.post("/v1/embeddings", R"({"input":"1","priority":-2})"));
  ends.watch(waiting.back(), "-2");
  ASSERT_TRUE(held->step_until([&] { return server.metric("hearth_num_requests_waiting") == 5; }));
  running[0].pending->abandon(Abandon::disconnected);  // one seat: one after the other
  held.reset();
  ASSERT_TRUE(TestServer::wait([&] { return ends.names().size() == 5; }));
  EXPECT_EQ(ends.names(), (std::vector<std::string>{"-2", "-1", "3", "10", "10"}));
  EXPECT_EQ(server.metric("hearth_num_preemptions_total"), 0);
  for (const HttpReply& reply : waiting) reply.pending->set_listener({});
}

TEST(Priority, WhoMakesWayGetsTheSameAnswer) {
  HeldBackend backend;
  TestServer server({.backend = &backend});
  std::vector<std::string> alone;
  for (int64_t seed = 0; seed < 4; ++seed) {
    alone.push_back(text_of(*server.post(kPath, body_of(seed, 400)).pending));
  }
  auto held = std::make_unique<Held>(backend);
  const auto running = fill(server, *held, 0);
  const HttpReply urgent = server.post(kPath, body_of(9, 1, with_priority(-1)));
  ASSERT_TRUE(urgent.pending);
  held.reset();
  wait_for(*urgent.pending);
  EXPECT_GE(server.metric("hearth_num_preemptions_total"), 1) << "it waited for its seat";
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(text_of(*running[i].pending), alone[i]) << i;
}

struct Keys {
  Keys() {
    std::ofstream file(folder / "keys");
    for (const auto& [key, rest] : {std::pair(&ward, " priority=-10"), std::pair(&plain, ""),
                                    std::pair(&visitor, " priority=5")}) {
      const auto made = make_api_key(key == &ward ? "ward" : key == &plain ? "plain" : "visitor");
      *key = made->key;
      file << made->line << rest << "\n";
    }
  }
  GateOptions access() const {
    GateOptions out;
    out.keys_path = folder / "keys";
    return out;
  }

  const test::AdapterFolder folder;
  std::string ward, plain, visitor;
};

TEST(Priority, NobodyPassesItsKey) {
  const Keys keys;
  TestServer server({.access = keys.access()});
  const struct {
    const std::string& key;
    int64_t priority;
    bool taken;
  } cases[] = {{keys.ward, -11, false},  {keys.ward, -10, true},   {keys.ward, 100, true},
               {keys.plain, -1, false},  {keys.plain, 0, true},    {keys.plain, 1, true},
               {keys.visitor, 4, false}, {keys.visitor, 0, false}, {keys.visitor, 5, true}};
  for (const auto& c : cases) {
    for (const auto& [path, body] :
         {std::pair(kPath, body_of(1, 1, with_priority(c.priority))),
          std::pair("/v1/embeddings", R"({"input":"1")" + with_priority(c.priority) + "}"),
          std::pair("/v1/chat/completions",
                    chat_body("1", R"(,"max_tokens":1)" + with_priority(c.priority)))}) {
      const HttpReply reply = server.post(path, body, c.key);
      if (c.taken) {
        ASSERT_TRUE(reply.pending) << path << c.priority << reply.body;
        wait_for(*reply.pending);
        continue;
      }
      EXPECT_EQ(reply.status, 403) << path << c.priority;
      const Json error = parsed(reply.body)["error"];
      EXPECT_EQ(error["code"], "priority_not_allowed");
      EXPECT_EQ(error["param"], "priority");
    }
  }
  EXPECT_EQ(server.metric("hearth_requests_admitted_total"), server.ended());
}

// Requests that name none have their key's.
TEST(Priority, AKeysOwnIsItsDefault) {
  const Keys keys;
  HeldBackend backend;
  TestServer server({.access = keys.access(), .backend = &backend});
  auto held = std::make_unique<Held>(backend);
  const auto running = fill(server, *held, -10, keys.ward);
  Ends ends;
  std::vector<HttpReply> waiting;
  for (const auto& [key, name] : {std::pair(keys.visitor, "visitor"),
                                  std::pair(keys.plain, "plain"), std::pair(keys.ward, "ward")}) {
    waiting.push_back(server.post(kPath, body_of(9, 1), key));
    ends.watch(waiting.back(), name);
  }
  ASSERT_TRUE(held->step_until([&] { return server.metric("hearth_num_requests_waiting") == 3; }));
  running[0].pending->abandon(Abandon::disconnected);
  held.reset();
  ASSERT_TRUE(TestServer::wait([&] { return ends.names().size() == 3; }));
  EXPECT_EQ(ends.names(), (std::vector<std::string>{"ward", "plain", "visitor"}));
  for (const HttpReply& reply : waiting) reply.pending->set_listener({});
}

}  // namespace
}  // namespace hearth::serve
