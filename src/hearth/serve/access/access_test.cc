// Who may come in: key files, hosts and origins, rates.
#include <gtest/gtest.h>

#include "hearth/base/sha256.h"
#include "hearth/serve/access/gate.h"

namespace hearth::serve {
namespace {

std::string hash_of(std::string_view key) {
  Sha256 hash;
  hash.update(key);
  return hash.hex();
}

TEST(ApiKeys, ReadsItsOwnLines) {
  const auto made = make_api_key("alice");
  ASSERT_TRUE(made.has_value());
  const auto keys = ApiKeys::parse("# ours\n\n" + made->line +
                                   " rpm=60 tpm=1000 priority=-7\nbob sha256:" + hash_of("b") +
                                   " scopes=generate,metrics\r\n");
  ASSERT_TRUE(keys.has_value()) << keys.status().message();
  ASSERT_EQ(keys->all().size(), 2u);
  EXPECT_EQ(keys->find(made->key)->name, "alice");
  EXPECT_EQ(keys->find(made->key)->requests_per_minute, 60);
  EXPECT_EQ(keys->find(made->key)->priority, -7);
  EXPECT_EQ(keys->find("b")->name, "bob");
  EXPECT_EQ(keys->find("b")->priority, 0);
  EXPECT_TRUE(keys->find("b")->scopes.contains(Scope::metrics));
  EXPECT_FALSE(keys->find("b")->scopes.contains(Scope::admin));
  for (const char* other : {"", "a", "alice", "B"}) EXPECT_EQ(keys->find(other), nullptr);
  EXPECT_NE(make_api_key("alice")->key, made->key);
  EXPECT_EQ(made->line.find(made->key), std::string::npos);
}

TEST(ApiKeys, RefusesOtherLinesByNumber) {
  const std::string good = "sha256:" + hash_of("a");
  for (const std::string& line :
       {std::string("alice"), "alice " + hash_of("a"), std::string("alice sha256:12"),
        "alice sha256:" + std::string(64, 'G'), "../x " + good, "alice " + good + " scopes=all",
        "alice " + good + " scopes=", "alice " + good + " rpm=0", "alice " + good + " rpm=-1",
        "alice " + good + " tpm=1e9", "alice " + good + " rpm", "alice " + good + " color=red",
        "alice " + good + " priority=", "alice " + good + " priority=101",
        "alice " + good + " priority=-101", "alice " + good + " priority=1.5",
        "alice " + good + " priority=first", "alice " + good + "\nbob " + good,
        "alice " + good + "\nalice sha256:" + hash_of("b")}) {
    const auto keys = ApiKeys::parse("# first\n" + line);
    ASSERT_FALSE(keys.has_value()) << line;
    EXPECT_TRUE(keys.status().message().starts_with("line ")) << keys.status().message();
  }
  EXPECT_FALSE(ApiKeys::parse("# nobody\n").has_value());
  EXPECT_FALSE(make_api_key("a b").has_value());
  EXPECT_FALSE(ApiKeys::read("/nonexistent/keys").has_value());
}

std::unique_ptr<Gate> open_gate() {
  GateOptions options;
  options.allowed_hosts = {"models.example"};
  options.cors_origins = {"https://page.example"};
  auto gate = Gate::open(std::move(options));
  CHECK(gate.has_value());
  return *std::move(gate);
}

TEST(Gate, HostsThatAreOurs) {
  const auto gate = open_gate();
  for (const char* host : {"localhost", "LocalHost:9471", "127.0.0.1:1", "[::1]:9471", "[::1]",
                           "10.0.0.5", "models.example:80"}) {
    EXPECT_FALSE(gate->check_host(host).has_value()) << host;
  }
  for (const char* host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example"}) {
    EXPECT_EQ(gate->check_host(host)->status, 403) << host;
  }
  for (const char* host : {"", "a/?x=", "localhost/?x=", "a b", "localhost:x", "localhost:123456",
                           "[::1", "[::1]x", "user@localhost", "localhost:1:2", "\xff", "[]:"}) {
    EXPECT_TRUE(gate->check_host(host).has_value()) << host;
  }
}

TEST(Gate, OriginsThatAreOurs) {
  const auto gate = open_gate();
  EXPECT_FALSE(gate->check_origin("", "localhost:1").has_value());
  EXPECT_FALSE(gate->check_origin("http://localhost:1", "localhost:1").has_value());
  EXPECT_FALSE(gate->check_origin("https://page.example", "localhost:1").has_value());
  for (const char* origin : {"null", "http://evil.example", "http://localhost:2",
                             "https://page.example.evil", "ftp://localhost:1"}) {
    EXPECT_EQ(gate->check_origin(origin, "localhost:1")->status, 403) << origin;
  }
  EXPECT_TRUE(gate->allows_cors("https://page.example"));
  EXPECT_FALSE(gate->allows_cors(""));
}

TEST(RateLimit, FillsEvenlyAndHoldsAMinute) {
  RateLimit limit(60, 0);
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(limit.wait(1, 0), 0);
    limit.spend(1, 0);
  }
  EXPECT_EQ(limit.wait(1, 0), 1);
  EXPECT_EQ(limit.wait(1, 0.5), 1);
  EXPECT_EQ(limit.wait(1, 1), 0);
  EXPECT_EQ(limit.wait(30, 0), 29);
  EXPECT_EQ(limit.wait(1, 1000), 0);
  limit.spend(160, 1000);  // known only afterwards: a debt of 100
  EXPECT_EQ(limit.wait(1, 1000), 101);
  RateLimit none(0, 0);
  none.spend(1e9, 0);
  EXPECT_EQ(none.wait(1e9, 0), 0);
}

}  // namespace
}  // namespace hearth::serve
