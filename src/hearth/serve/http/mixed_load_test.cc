// All that clients do at once, over real sockets: whole answers and streams, with adapters and
// without, given up by a deadline, by half a close, by a reset, in the queue or in the middle,
// while adapters come and go and others look on. Whoever stays gets the answer that it gets alone,
// and every request that was admitted is counted once. `make tsan` runs it, too.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <random>

#include "hearth/serve/http/testing.h"

namespace hearth::serve {
namespace {

constexpr const char* kPath = "/v1/completions";
constexpr std::array kModels = {"mini", "mini:kept", "mini:passing"};

std::string body_of(const std::string& model, bool stream) {
  return Json({{"prompt", "12+30"},
               {"model", model},
               {"max_tokens", 40},
               {"temperature", 0},
               {"stream", stream}})
      .dump();
}

// Of a whole reply or a stream; "": it is an error.
std::string text_of(const std::string& answer) {
  const size_t body = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.1 200") || body == answer.npos) return "";
  std::string out;
  std::istringstream lines(answer.substr(body + 4));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("data: {")) line = line.substr(6);
    if (!line.starts_with('{')) continue;
    const Json json = parsed(line);
    for (const Json& choice : json["choices"]) out += choice["text"].get<std::string>();
  }
  return out;
}

class MixedLoad : public testing::Test {
 protected:
  MixedLoad() {
    for (const auto& [name, seed] : {std::pair("kept", 1u), std::pair("passing", 2u)}) {
      test::write_random_adapter(server.folder / name, mini().model(),
                                 {{"q_proj", "o_proj", "down_proj"}, 4, 0.7, seed});
      EXPECT_TRUE(load(name).starts_with("HTTP/1.1 200"));
    }
    for (const char* model : kModels) {
      alone[model] = text_of(ask(http_request("POST", kPath, body_of(model, false))));
      EXPECT_FALSE(alone[model].empty());
    }
    EXPECT_NE(alone["mini"], alone["mini:passing"]);
  }

  std::string ask(const std::string& request) const {
    const Client client(server.http->port());
    client.send(request);
    return client.read();
  }
  std::string load(const std::string& name) const {
    const Json body = {{"name", name}, {"path", name}};
    return ask(http_request("POST", "/v1/adapters", body.dump()));
  }
  void stays(const std::string& model, bool stream) {
    const std::string answer = ask(http_request("POST", kPath, body_of(model, stream)));
    if (model == "mini:passing" && answer.starts_with("HTTP/1.1 404")) return;  // it was away
    EXPECT_EQ(text_of(answer), alone[model]) << model << answer;
    ++answered;
  }
  // Hangs up when so many bytes were read: by a close, half of one, or a reset.
  void leaves(const std::string& model, size_t bytes, uint64_t how) const {
    const Client client(server.http->port());
    client.send(http_request("POST", kPath, body_of(model, true)));
    client.read(bytes);
    if (how == 0) client.reset();
    if (how == 1) client.half_close();
  }
  void waits_briefly(const std::string& model) const {
    ask(http_request("POST", kPath, body_of(model, false), "X-Request-Timeout: 4ms\r\n"));
  }
  void client(unsigned seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 20; ++i) {
      const std::string model = kModels[random() % kModels.size()];
      switch (random() % 5) {
        case 0:
          stays(model, false);
          break;
        case 1:
          stays(model, true);
          break;
        case 2:
          waits_briefly(model);
          break;
        case 3:
          leaves(model, random() % 2000, random() % 3);
          break;
        default:
          leaves(model, 0, random() % 3);
      }
    }
    for (const char* model : kModels) stays(model, true);
  }

  HttpTestServer server;
  std::map<std::string, std::string> alone;
  std::atomic<int> answered{0};
};

TEST_F(MixedLoad, HarmsNobodyAndIsCountedExactly) {
  std::atomic<bool> over{false};
  std::thread owner([&] {
    while (!over) {
      EXPECT_TRUE(
          ask(http_request("DELETE", "/v1/adapters/passing", "")).starts_with("HTTP/1.1 200"));
      EXPECT_TRUE(load("passing").starts_with("HTTP/1.1 200"));
      EXPECT_TRUE(ask(http_request("GET", "/v1/adapters", "")).starts_with("HTTP/1.1 200"));
    }
  });
  std::thread watcher([&] {
    while (!over) {
      for (const char* path : {"/metrics", "/ready", "/health?verbose", "/v1/models"}) {
        EXPECT_TRUE(ask(http_request("GET", path, "")).starts_with("HTTP/1.1 200")) << path;
      }
    }
  });
  std::vector<std::thread> clients;
  for (unsigned c = 0; c < 6; ++c) clients.emplace_back([this, c] { client(c); });
  for (std::thread& client : clients) client.join();
  over = true;
  owner.join();
  watcher.join();
  EXPECT_TRUE(server.wait_for_all());
  EXPECT_EQ(server.loop->live(), 0);
  EXPECT_GE(answered, 12) << "two models of three are always there, for six clients";
  EXPECT_GT(server.metric("hearth_requests_cancelled_total"), 0);
  EXPECT_GE(server.metric("hearth_requests_completed_total"), answered);
  server.expect_alive();
}

}  // namespace
}  // namespace hearth::serve
