// Our verdicts on replies against those of the authors' own checkers (tools/golden/
// ifeval_verdicts.py). Where we part from them on purpose, testdata/differences.jsonl has the
// reply's key and the reason; every line of it must be in use.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "hearth/eval/instructions/ifeval_suite.h"
#include "hearth/eval/instructions/instruction.h"
#include "hearth/eval/testing.h"
#include "hearth/files/json.h"

namespace hearth::instructions {
namespace {

constexpr const char* kTestdata = HEARTH_SOURCE_DIR "/src/hearth/eval/instructions/testdata/";

TEST(Graders, TheAuthorsCheckersSayTheSame) {
  std::map<int64_t, std::string> listed;
  for (const Json& line : json_lines(kTestdata + std::string("differences.jsonl"))) {
    EXPECT_FALSE(line["why"].get<std::string>().empty());
    listed[line["key"].get<int64_t>()] = line["why"].get<std::string>();
  }
  const std::vector<Json> lines = verdicts_of(kTestdata + std::string("verdicts.jsonl"));
  std::map<std::string, std::set<bool>> seen;
  // The others count and search; these guess a language, each tool in its own way.
  const std::set<std::string> of_language = {
      "language:response_language", "change_case:english_capital", "change_case:english_lowercase"};
  std::array<int, 2> verdicts = {}, differences = {};  // of the others; of language
  for (const Json& line : lines) {
    const auto reply = line["reply"].get<std::string>();
    bool differs = false;
    for (size_t i = 0; i < line["instruction_id_list"].size(); ++i) {
      const auto id = line["instruction_id_list"][i].get<std::string>();
      const auto found = followed(id, line["kwargs"][i], reply);
      ASSERT_TRUE(found.has_value()) << found.status().message();
      const Followed theirs = {line["strict"][i].get<bool>(), line["loose"][i].get<bool>()};
      const bool same = found->strict == theirs.strict && found->loose == theirs.loose;
      differs = differs || !same;
      seen[id].insert(theirs.strict);
      const size_t kind = of_language.contains(id) ? 1 : 0;
      ++verdicts[kind], differences[kind] += same ? 0 : 1;
      EXPECT_TRUE(same || listed.contains(line["key"].get<int64_t>()))
          << line["key"] << " " << id << " " << line["kwargs"][i] << "\nstrict " << found->strict
          << ", theirs " << theirs.strict << "; loose " << found->loose << ", theirs "
          << theirs.loose << "\n"
          << reply;
    }
    EXPECT_TRUE(differs || !listed.contains(line["key"].get<int64_t>()))
        << line["key"] << ": listed, but no difference";
  }
  EXPECT_EQ(seen.size(), known_ids().size());
  for (const auto& [id, both] : seen) EXPECT_EQ(both.size(), 2u) << id;
  EXPECT_GE(verdicts[0], 600);
  EXPECT_LE(differences[0] * 100, verdicts[0]);  // 99 % agree
  EXPECT_GE(verdicts[1], 80);
  EXPECT_LE(differences[1] * 10, verdicts[1]);
  RecordProperty("agree", verdicts[0] - differences[0] + verdicts[1] - differences[1]);
}

}  // namespace
}  // namespace hearth::instructions
