// Budgets: what a key has spent survives a crash, ends with the month and closes the gate.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "hearth/base/sha256.h"
#include "hearth/serve/access/gate.h"
#include "hearth/serve/access/ledger.h"

namespace hearth::serve {
namespace {

constexpr int64_t kNovember30 = 1796083199;  // 2026-11-30 23:59:59 UTC

class Budget : public testing::Test {
 protected:
  Budget() : folder_(testing::TempDir() + fmt::format("budget_{}", ::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~Budget() override { std::filesystem::remove_all(folder_); }

  std::string path(const char* name) const { return folder_ + "/" + name; }
  Ledger open() {
    return *Ledger::open(path("ledger"), [this] { return now_; });
  }
  void write(const char* name, const std::string& text) { std::ofstream(path(name)) << text; }

  int64_t now_ = kNovember30;
  std::string folder_;
};

TEST_F(Budget, SurvivesTheProcessAndEndsWithTheMonth) {
  {
    Ledger ledger = open();
    EXPECT_EQ(ledger.month(), "2026-11");
    EXPECT_EQ(ledger.seconds_left(), 1);
    EXPECT_TRUE(ledger.add("anna", 100, 0.25).is_ok());
    EXPECT_TRUE(ledger.add("anna", 1, 0.5).is_ok());
    EXPECT_TRUE(ledger.add("bob", 7, 0).is_ok());
  }
  Ledger ledger = open();
  EXPECT_EQ(ledger.spent("anna").tokens, 101);
  EXPECT_DOUBLE_EQ(ledger.spent("anna").cost, 0.75);
  EXPECT_EQ(ledger.spent("nobody").tokens, 0);
  now_ += 1;
  EXPECT_EQ(ledger.month(), "2026-12");
  EXPECT_EQ(ledger.seconds_left(), 31 * 86400);
  EXPECT_EQ(ledger.spent("anna").tokens, 0);
  EXPECT_TRUE(ledger.add("anna", 5, 1).is_ok());
  EXPECT_EQ(open().spent("anna").tokens, 5);
}

TEST_F(Budget, ALineThatWasCutOffIsForgotten) {
  write("ledger", "2026-11 anna 5 0.5\n2026-11 anna 9999");
  EXPECT_EQ(open().spent("anna").tokens, 5);
  EXPECT_TRUE(open().add("anna", 1, 0).is_ok());
  EXPECT_EQ(open().spent("anna").tokens, 6);
}

TEST_F(Budget, OtherLinesAreRefusedByNumber) {
  for (const char* bad : {"x\n", "2026-11 anna 5\n", "2026-11 anna -5 1\n", "2026-11 anna 5 nan\n",
                          "2026-11 anna 5 1 2\n", "2026-11 a/b 5 1\n", "2026-11 anna 5 -1\n"}) {
    const auto sums = read_ledger(std::string("2026-11 bob 1 1\n") + bad, "2026-11");
    ASSERT_EQ(sums.status().code(), Code::corrupt) << bad;
    EXPECT_TRUE(sums.status().message().starts_with("line 2")) << sums.status().message();
  }
}

std::string hash_of(std::string_view key) {
  Sha256 hash;
  hash.update(key);
  return hash.hex();
}

TEST_F(Budget, ClosesTheGate) {
  write("keys", "anna sha256:" + hash_of("a") + " token-budget=100\nbob sha256:" + hash_of("b") +
                    " budget=0.5\n");
  GateOptions options;
  options.keys_path = path("keys");
  options.ledger_path = path("ledger");
  EXPECT_EQ(Gate::open(options).status().code(), Code::corrupt);  // money, and no prices
  options.costs_known = true;
  const auto gate = *Gate::open(options);
  Caller anna, bob;
  ASSERT_FALSE(gate->check_key("a", Scope::generate, anna).has_value());
  ASSERT_FALSE(gate->check_key("b", Scope::generate, bob).has_value());
  EXPECT_FALSE(gate->check_rate(anna).has_value());
  gate->spend(anna, 99, 10);
  EXPECT_FALSE(gate->check_rate(anna).has_value());
  gate->spend(anna, 1, 0);
  const auto refused = gate->check_rate(anna);
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->code, "insufficient_quota");
  EXPECT_NE(refused->message.find("100 tokens"), std::string::npos) << refused->message;
  EXPECT_FALSE(gate->check_rate(bob).has_value());
  gate->spend(bob, 1, 0.5);
  EXPECT_EQ(gate->check_rate(bob)->status, 429);
  EXPECT_TRUE(gate->reload().is_ok());
  EXPECT_EQ(gate->check_rate(bob)->status, 429);                     // a reload forgives nothing
  EXPECT_EQ((*Gate::open(options))->check_rate(anna)->status, 429);  // nor does a restart
}

}  // namespace
}  // namespace hearth::serve
