// The interpreter against python3-jinja2: on published templates where they are at hand, on our own
// templates and language snippets from committed expectations.
#include "hearth/text/template/chat_template.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "hearth/base/mapped_file.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBos = "<｜begin▁of▁sentence｜>";
constexpr std::string_view kEos = "<｜end▁of▁sentence｜>";
const fs::path kTestdata = fs::path(HEARTH_SOURCE_DIR) / "src/hearth/text/template/testdata";

Json load_json(const fs::path& path) {
  Result<std::string> text = read_file(path.string(), 64 << 20);
  EXPECT_TRUE(text) << path;
  return Json::parse(*text);
}

// The oracle's clock: 2026-03-04 05:06:07, a Wednesday.
std::tm clock_of_oracle() {
  std::tm t{};
  t.tm_year = 126;
  t.tm_mon = 2;
  t.tm_mday = 4;
  t.tm_hour = 5;
  t.tm_min = 6;
  t.tm_sec = 7;
  t.tm_wday = 3;
  t.tm_yday = 62;
  return t;
}

ChatRequest request_of(const Json& test_case) {
  ChatRequest request;
  request.messages = test_case.value("messages", Json::array());
  request.tools = test_case.value("tools", Json());
  request.add_generation_prompt = test_case.value("add_generation_prompt", true);
  request.extra = test_case.value("extra", Json());
  request.now = clock_of_oracle();
  return request;
}

Result<RenderedPrompt> render(std::string_view source, const ChatRequest& request) {
  TRY_ASSIGN(const ChatTemplate compiled, ChatTemplate::compile(source));
  return compiled.render(request, kBos, kEos);
}

void expect_same(const Result<RenderedPrompt>& ours, const Json& oracle, const std::string& what) {
  if (oracle.contains("error")) {
    EXPECT_FALSE(ours) << what << "\noracle fails: " << oracle["error"]
                       << "\nours: " << (ours ? ours->text : "");
    return;
  }
  const auto expected = oracle["text"].get<std::string>();
  if (!ours) {
    ADD_FAILURE() << what << "\nours fails: " << ours.status().message()
                  << "\noracle: " << expected.substr(0, 300);
    return;
  }
  EXPECT_EQ(ours->text, expected) << what;
}

void compare(const fs::path& directory, const Json& cases, const Json& expected) {
  ASSERT_GT(expected.size(), 0u);
  for (const auto& [name, results] : expected.items()) {
    Result<std::string> source = read_file((directory / name).string(), 1 << 20);
    ASSERT_TRUE(source);
    const Result<ChatTemplate> compiled = ChatTemplate::compile(*source);
    ASSERT_TRUE(compiled) << name << ": " << compiled.status().message();
    for (const auto& [case_name, oracle] : results.items()) {
      expect_same(compiled->render(request_of(cases[case_name]), kBos, kEos), oracle,
                  name + " / " + case_name);
    }
  }
}

TEST(ChatTemplate, OwnTemplatesRenderAsTheOracle) {
  compare(kTestdata / "templates", load_json(kTestdata / "cases.json"),
          load_json(kTestdata / "expected.json"));
}

TEST(ChatTemplate, SnippetsRenderAsTheOracle) {
  const Json snippets = load_json(kTestdata / "snippets.json");
  ChatRequest request;
  request.messages = snippets["messages"];
  request.extra = snippets["variables"];
  request.now = clock_of_oracle();
  for (const Json& pair : load_json(kTestdata / "snippets_expected.json")) {
    const auto source = pair[0].get<std::string>();
    expect_same(render(source, request), pair[1], source);
  }
}

// Runs the oracle on every published template: nothing large is committed.
TEST(ChatTemplate, PublishedTemplatesRenderAsTheOracle) {
  const fs::path directory = fs::path(HEARTH_SHARED_DIR) / "fixtures/chat_templates";
  if (!fs::exists(directory)) GTEST_SKIP() << "no published templates in " << directory;
  if (std::system("python3 -c 'import jinja2' 2>/dev/null") != 0) {
    GTEST_SKIP() << "no python3 with jinja2 (Debian: python3-jinja2)";
  }
  const fs::path out =
      fs::path(testing::TempDir()) / fmt::format("chat_templates_{}.json", ::getpid());
  const std::string command =
      fmt::format("python3 '{}/tools/golden/chat_templates.py' '{}' '{}' > '{}'", HEARTH_SOURCE_DIR,
                  directory.string(), (kTestdata / "cases.json").string(), out.string());
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  compare(directory, load_json(kTestdata / "cases.json"), load_json(out));
  fs::remove(out);
}

}  // namespace
}  // namespace hearth
