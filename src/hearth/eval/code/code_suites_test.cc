// The bundled problems' own solutions score 100 %; public formats, as small files of our own and,
// where they lie beside the repository, whole; what is no solution is told apart, with its reason.
#include "hearth/eval/code/code_suites.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "hearth/eval/code/code_task.h"
#include "hearth/eval/code/extract_code.h"
#include "hearth/eval/code/judge_code.h"
#include "hearth/eval/code/testing.h"
#include "hearth/eval/run.h"
#include "hearth/eval/testing.h"

namespace hearth::code {
namespace {

class CodeSuites : public SandboxedTest {};

namespace fs = std::filesystem;

constexpr const char* kProblems = HEARTH_SOURCE_DIR "/assets/eval/code/problems.jsonl";

std::vector<EvalItem> items_of_lines(const char* suite, std::string_view lines) {
  const std::string path = fs::temp_directory_path() / fmt::format("hearth_code_{}", ::getpid());
  std::ofstream(path) << lines;
  std::vector<EvalItem> items = items_of(suite, path);
  fs::remove(path);
  return items;
}

Judgement judged(const char* suite, const EvalItem& item, std::string_view reply) {
  const auto judgement = find_suite(suite)->judge(item, reply);
  EXPECT_TRUE(judgement.has_value()) << judgement.status().message();
  return judgement ? *judgement : Judgement{-1, "error"};
}

TEST(CodeProblems, ThirtyOfThreeDifficultiesInTwoLanguages) {
  std::map<std::string, int> groups, details;
  std::set<std::string> ids;
  for (const char* suite : {"code", "code_zh"}) {
    groups.clear(), details.clear(), ids.clear();
    for (const EvalItem& item : items_of(suite, kProblems)) {
      ++groups[item.group], ++details[item.detail];
      ids.insert(item.id);
    }
    EXPECT_EQ(ids.size(), 30u);
    EXPECT_EQ(groups, (std::map<std::string, int>{{"easy", 10}, {"medium", 10}, {"hard", 10}}));
    EXPECT_EQ(details["cpp"], 6);
  }
}

TEST_F(CodeSuites, ReferenceSolutionsScoreEverything) {
  const std::vector<Json> lines = json_lines(kProblems);
  const std::vector<EvalItem> items = items_of("code", kProblems);
  ASSERT_EQ(lines.size(), items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    const bool python = items[i].detail == "python";
    const std::string reply =
        fmt::format("Here it is.\n\n```{}\n{}```\nDone.", python ? "python" : "cpp",
                    lines[i]["solution"].get<std::string>());
    const Judgement right = judged("code", items[i], reply);
    EXPECT_TRUE(right.right()) << items[i].id << ": " << right.note;
    if (!python) continue;
    const std::string empty = lines[i]["starter"].get<std::string>() + "    pass\n";
    EXPECT_FALSE(judged("code", items[i], "```python\n" + empty + "```").right()) << items[i].id;
  }
}

constexpr const char* kTwice =
    R"({"task_id":"t/0","prompt":"import math\n\n\ndef twice(x):\n    \"\"\"2x\"\"\"\n",)"
    R"("entry_point":"twice","canonical_solution":"    return 2 * x\n",)"
    R"("test":"def check(candidate):\n    assert candidate(2) == 4\n)"
    R"(    assert candidate(0) == 0\n"})";

TEST_F(CodeSuites, HumanEvalTakesFunctionsAndContinuations) {
  const std::vector<EvalItem> items = items_of_lines("humaneval", kTwice);
  ASSERT_EQ(items.size(), 1u);
  const auto note = [&](std::string_view reply) {
    return judged("humaneval", items[0], reply).note;
  };
  const auto right = [&](std::string_view reply) {
    return judged("humaneval", items[0], reply).right();
  };
  EXPECT_NE(items[0].prompt.find("def twice"), std::string::npos);
  EXPECT_TRUE(right("```python\ndef twice(x):\n    return math.prod([2, x])\n```"));  // its import
  EXPECT_TRUE(right("    return x + x"));
  EXPECT_TRUE(right("```\n    return x + x\n```"));
  EXPECT_TRUE(
      right("```python\ndef once(x): return x\n```\nor\n```python\ndef twice(x):\n"
            "    return 2 * x\n```\nfor example\n```python\ntwice(3)\n```"));
  EXPECT_FALSE(right("```python\ndef twice(x):\n    return x\n```"));
  EXPECT_EQ(note("```python\ndef twice(x):\n    return y\n```"),
            "NameError: name 'y' is not defined");
  EXPECT_EQ(note("```python\ndef twice(x):\n    import os\n    os._exit(0)\n```"),
            "ended before the tests did");
  EXPECT_FALSE(right("I don't know."));
  EXPECT_FALSE(right(""));
}

TEST_F(CodeSuites, MultiplEInCpp) {
  const std::vector<EvalItem> items = items_of_lines(
      "humaneval", R"({"task_id":"t_1_add","language":"cpp","prompt":"#include<assert.h>\n)"
                   R"(#include<bits/stdc++.h>\n)"
                   R"(// The sum.\n// >>> add((1), (2))\n// (3)\nlong add(long a, long b) {\n",)"
                   R"("tests":"}\nint main() {\n    auto candidate = add;\n)"
                   R"(    assert(candidate((1), (2)) == (3));\n}\n"})");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].group, "cpp");
  const auto judge = [&](std::string_view reply) { return judged("humaneval", items[0], reply); };
  EXPECT_TRUE(judge("```cpp\nlong add(long a, long b) {\n  return a + b;\n}\n```").right());
  EXPECT_TRUE(judge("    return a + b;\n").right());
  EXPECT_FALSE(judge("    return a - b;\n").right());
  EXPECT_FALSE(judge("    std::exit(0);\n").right());
  EXPECT_TRUE(judge("    return a +;\n").note.starts_with("does not compile: error"));
}

TEST_F(CodeSuites, MbppShowsItsTests) {
  const std::vector<EvalItem> items = items_of_lines(
      "mbpp", R"({"task_id":11,"text":"Add one.","test_list":["assert inc(1) == 2"],)"
              R"("test_setup_code":"K = 1"})");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].id, "11");
  EXPECT_NE(items[0].prompt.find("assert inc(1) == 2"), std::string::npos);
  EXPECT_TRUE(judged("mbpp", items[0], "```python\ndef inc(x):\n    return x + K\n```").right());
  EXPECT_FALSE(judged("mbpp", items[0], "```python\ndef inc(x):\n    return x\n```").right());
}

TEST_F(CodeSuites, CallsAreComparedOutside) {
  CodeTask task;
  task.name = "f";
  task.cases = {{"[1]", "[[2,1],[3,1]]"}, {"[0]", "[]"}};
  task.comparison = Comparison::unordered;
  const auto judge = [&](std::string_view body) {
    return *judge_code(task, fmt::format("```python\n{}\n```", body));
  };
  EXPECT_TRUE(judge("def f(x):\n  print('noise')\n  return [(3, 1), (2, 1)] if x else []").right());
  EXPECT_TRUE(judge("class Solution:\n  def f(self, x):\n    return [[2, 1], [3, 1]] * x").right());
  EXPECT_EQ(judge("def f(x): return [[2, 1]]").note,
            "test 1: expected [[2,1],[3,1]], found [[2, 1]]");
  EXPECT_EQ(judge("def f(x): return {1}").note,
            "TypeError: Object of type set is not JSON serializable");
  EXPECT_FALSE(judge("def f(x): return float('nan')").right());
  EXPECT_FALSE(judge("import os\ndef f(x): os._exit(0)").right());
  EXPECT_FALSE(judge("import sys\nsys.exit(0)").right());
  task.cases = {{"[1]", "{\"a\":1,\"b\":0.3}"}};
  task.comparison = Comparison::exact;
  EXPECT_TRUE(judge("def f(x): return {'b': 0.3, 'a': 1.0}").right());
  EXPECT_FALSE(judge("def f(x): return {'b': 0.1 + 0.2, 'a': 1}").right());
  EXPECT_FALSE(judge("def f(x): return {'b': 0.3, 'a': True}").right());
  task.cases = {{"[1]", "[0.3]"}};
  task.comparison = Comparison::close;
  EXPECT_TRUE(judge("def f(x): return [0.1 + 0.2]").right());
  EXPECT_FALSE(judge("def f(x): return [0.1 + 0.2, 1]").right());
  task.seconds = 0.5;
  EXPECT_EQ(judge("def f(x):\n  while True: pass").note, "time limit of 0.5 s");
}

TEST(ExtractCode, TheLastBlockThatDefinesIt) {
  const auto python = [](std::string_view reply) {
    return extract_code(reply, Language::python, "f");
  };
  EXPECT_EQ(python("no fence"), "no fence");
  EXPECT_EQ(python("```py\na\n```\n```\nb\n```"), "b\n");
  EXPECT_EQ(python("```py\ndef f(): pass\n```\n```py\nf()\n```"), "def f(): pass\n");
  EXPECT_EQ(python("```py\ndef ff(): pass\n```\n```py\nf()\n```"), "f()\n");
  EXPECT_EQ(python("```py\nclass f(X): pass"), "class f(X): pass");
  EXPECT_EQ(python("~~~python\n```\n~~~"), "```\n");
  EXPECT_EQ(python("````\na\n```\nb\n````"), "a\n```\nb\n");
  EXPECT_EQ(python("```bash\nls\n```"), "```bash\nls\n```");
  EXPECT_EQ(python("1. so:\n   ```Python {x}\r\n   def f(): 1\n   ```"), "def f(): 1\n");
  EXPECT_EQ(
      definition_of("// f(\nint f(int);\nint f(int x)\n{ }\nint g() { f(1); }", Language::cpp, "f"),
      18u);
  EXPECT_EQ(definition_of("float f(float x) {", Language::cpp, "f"), 0u);
  EXPECT_EQ(definition_of("x = 1\nasync def f(): pass", Language::python, "f"), 6u);
}

TEST(PassAtK, UnbiasedEstimator) {
  EXPECT_EQ(pass_at_k(1, 0, 1), 0);
  EXPECT_EQ(pass_at_k(1, 1, 1), 1);
  EXPECT_DOUBLE_EQ(pass_at_k(10, 3, 1), 0.3);
  EXPECT_DOUBLE_EQ(pass_at_k(5, 2, 2), 1 - 3.0 / 10);          // 1 - C(3,2)/C(5,2)
  EXPECT_NEAR(pass_at_k(200, 7, 100), 1 - 0.007008883, 1e-9);  // 1 - C(193,100)/C(200,100)
  EXPECT_EQ(pass_at_k(4, 3, 2), 1);
  // By counting: every choice of k of n replies, c of them right.
  for (int n = 1; n <= 8; ++n) {
    for (int c = 0; c <= n; ++c) {
      for (int k = 1; k <= n; ++k) {
        int choices = 0, none = 0;
        for (int bits = 0; bits < 1 << n; ++bits) {
          if (__builtin_popcount(static_cast<unsigned>(bits)) != k) continue;
          ++choices;
          none += (bits & ((1 << c) - 1)) == 0 ? 1 : 0;
        }
        EXPECT_NEAR(pass_at_k(n, c, k), 1 - static_cast<double>(none) / choices, 1e-12);
      }
    }
  }
}

// Where the public files lie beside the repository: canonical solutions pass.
TEST_F(CodeSuites, PublicCanonicalSolutionsPass) {
  const std::string folder = HEARTH_SHARED_DIR "/fixtures/evals/";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not there";
  EXPECT_EQ(items_of("humaneval", folder + "humaneval/humaneval-cpp.jsonl").size(), 161u);
  struct File {
    const char *suite, *path, *solution;
  };
  for (const File& f : {File{"humaneval", "humaneval/HumanEval.jsonl", "canonical_solution"},
                        File{"mbpp", "mbpp/mbpp_test.jsonl", "code"}}) {
    const std::vector<EvalItem> items = items_of(f.suite, folder + f.path);
    const std::vector<Json> lines = json_lines(folder + f.path);
    ASSERT_EQ(items.size(), lines.size());
    for (size_t i = 0; i < items.size(); i += 12) {  // some: all take a minute
      const std::string solution = lines[i][f.solution].get<std::string>();
      const Judgement judgement = judged(f.suite, items[i], solution);
      EXPECT_TRUE(judgement.right()) << items[i].id << ": " << judgement.note;
    }
  }
}

}  // namespace
}  // namespace hearth::code
