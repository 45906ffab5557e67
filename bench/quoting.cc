// What guesses by repetition (`ngram`) bring where an answer quotes its prompt: texts of such
// tasks, written for this (bench/quoting/), forced token by token through a network of random
// weights, so that the guesses are as good as they are on these texts and the steps cost what they
// cost.
//   cmake --build build --target quoting && build/bench/quoting [SHAPE] [FORMAT] [TASKS]
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "engine_race.h"
#include "hearth/engine/ngram_drafter.h"
#include "random_subject.h"

namespace hearth {
namespace {

constexpr int64_t kContext = 1024;
constexpr int kRaces = 5;

struct Task {
  std::string name;
  std::vector<int32_t> prompt, answer;
};

std::vector<int32_t> ids_of(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<int32_t>(in), std::istream_iterator<int32_t>()};
}

std::vector<Task> read_tasks(const std::string& path) {
  std::vector<Task> tasks;
  std::ifstream in(path);
  std::string name, prompt, answer;
  while (std::getline(in, name) && std::getline(in, prompt) && std::getline(in, answer)) {
    tasks.push_back({name, ids_of(prompt), ids_of(answer)});
  }
  return tasks;
}

std::unique_ptr<Racer> answering(const RandomSubject& subject, const Task& task, bool guess) {
  EngineOptions options;
  if (guess) options.make_drafter = [] { return std::make_unique<NgramDrafter>(); };
  std::vector<TokenRequest> requests(1);
  requests[0].prompt = task.prompt;
  requests[0].max_tokens = std::ssize(task.answer);
  requests[0].sampling.temperature = 0;
  requests[0].forced = [&](std::span<const int32_t> answer) -> std::optional<int32_t> {
    if (answer.size() >= task.answer.size()) return std::nullopt;
    return task.answer[answer.size()];
  };
  return std::make_unique<Racer>(*subject.loaded.model, *subject.backend, options, kContext,
                                 std::move(requests));
}

void compare(const RandomSubject& subject, const Task& task) {
  std::vector<int32_t> expected = task.prompt;
  expected.insert(expected.end(), task.answer.begin(), task.answer.end());
  std::vector<double> gains;
  DraftStats drafts;
  for (int i = 0; i < kRaces; ++i) {
    const auto plain = answering(subject, task, false);
    const auto guessed = answering(subject, task, true);
    race(*plain, *guessed);
    CHECK(plain->texts()[0] == expected && guessed->texts()[0] == expected);
    drafts = guessed->drafts();
    gains.push_back(guessed->tokens_per_second() / plain->tokens_per_second());
  }
  std::ranges::sort(gains);
  fmt::print(
      "{:12} {:4} tokens after {:4}: {:.2f} x ({:.2f} to {:.2f}), {} guesses checked, {} right\n",
      task.name, task.answer.size(), task.prompt.size(), gains[kRaces / 2], gains.front(),
      gains.back(), drafts.drafted, drafts.accepted);
  std::fflush(stdout);
}

int run_all(const std::string& shape, const std::string& format_name, const std::string& path) {
  const std::vector<Task> tasks = read_tasks(path);
  if (tasks.empty()) {
    fmt::print(stderr, "{}: expected tasks, found none\n", path);
    return 2;
  }
  const auto subject = random_subject(shape, format_name);
  if (!subject) return 2;
  fmt::print("{} {}, tokens a second over those without guesses, medians of {} races\n", shape,
             format_name, kRaces);
  for (const Task& task : tasks) compare(*subject, task);
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  return hearth::run_all(argc > 1 ? argv[1] : "deepseek-r1-distill-qwen-1.5b",
                         argc > 2 ? argv[2] : "q4_k",
                         argc > 3 ? argv[3] : "bench/quoting/tasks.txt");
}
