// Judging on threads: order, bound, errors; and a run whose scorer is slow.
#include "hearth/eval/judging.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <set>

#include "hearth/base/random.h"
#include "hearth/eval/run.h"

namespace hearth {
namespace {

using std::chrono::milliseconds;

EvalRecord numbered_record(int64_t number) {
  EvalRecord record;
  record.item = number;
  return record;
}

// Scorers that need very different times, on one to five threads, behind small bounds.
TEST(Judging, HandsOnInTheOrderOfPutting) {
  for (int threads = 1; threads <= 5; ++threads) {
    for (const size_t bound : {1u, 3u, 1000u}) {
      std::vector<int64_t> order;
      std::vector<double> values;
      const auto judge = [](const EvalRecord& record) -> Result<Judgement> {
        const auto noise = splitmix64(static_cast<uint64_t>(record.item)) % 800;
        std::this_thread::sleep_for(std::chrono::microseconds(noise));
        return Judgement{record.item % 3 == 0 ? 1.0 : 0.0, std::to_string(record.item)};
      };
      const auto deliver = [&](EvalRecord record) {
        order.push_back(record.item);
        values.push_back(record.judgement.value);
        EXPECT_EQ(record.judgement.note, std::to_string(record.item));
        return Status::ok();
      };
      Judging judging(judge, deliver, threads, bound);
      for (int64_t i = 0; i < 60; ++i) ASSERT_TRUE(judging.put(numbered_record(i)));
      ASSERT_TRUE(judging.finish().is_ok());
      ASSERT_EQ(order.size(), 60u);
      for (size_t i = 0; i < 60; ++i) {
        EXPECT_EQ(order[i], static_cast<int64_t>(i));
        EXPECT_EQ(values[i], i % 3 == 0 ? 1.0 : 0.0);
      }
    }
  }
}

TEST(Judging, PuttingInWaitsOnlyAtTheBound) {
  std::promise<void> open;
  const std::shared_future<void> opened = open.get_future().share();
  const auto judge = [&](const EvalRecord&) -> Result<Judgement> {
    opened.wait();
    return judgement_of(true);
  };
  std::atomic<int> put = 0;
  Judging judging(
      judge, [](const EvalRecord&) { return Status::ok(); }, 1, 8);
  std::thread writer([&] {
    for (int64_t i = 0; i < 9; ++i) {
      EXPECT_TRUE(judging.put(numbered_record(i)));
      ++put;
    }
  });
  while (put < 8) std::this_thread::sleep_for(milliseconds(1));  // no score is there yet
  std::this_thread::sleep_for(milliseconds(30));
  EXPECT_EQ(put, 8);
  open.set_value();
  writer.join();
  EXPECT_EQ(put, 9);
  EXPECT_TRUE(judging.finish().is_ok());
}

TEST(Judging, ErrorsEndItAndWhatWasBeforeThemIsKept) {
  for (const bool of_the_judge : {true, false}) {
    std::vector<int64_t> kept;
    const auto judge = [&](const EvalRecord& record) -> Result<Judgement> {
      if (of_the_judge && record.item == 5) return error(Code::internal, "no scorer");
      return judgement_of(true);
    };
    const auto deliver = [&](const EvalRecord& record) -> Status {
      if (!of_the_judge && record.item == 5) return error(Code::internal, "no disk");
      kept.push_back(record.item);
      return Status::ok();
    };
    Judging judging(judge, deliver, 1, 2);
    int64_t i = 0;
    while (i < 1000 && judging.put(numbered_record(i))) ++i;
    EXPECT_LT(i, 1000);
    EXPECT_EQ(judging.finish().message(), of_the_judge ? "no scorer" : "no disk");
    EXPECT_EQ(kept, (std::vector<int64_t>{0, 1, 2, 3, 4}));
  }
}

TEST(Judging, LeavingDropsWhatIsNotJudged) {
  std::atomic<int> judged = 0;
  {
    const auto judge = [&](const EvalRecord&) -> Result<Judgement> {
      std::this_thread::sleep_for(milliseconds(5));
      ++judged;
      return judgement_of(true);
    };
    Judging judging(
        judge, [](const EvalRecord&) { return Status::ok(); }, 1);
    for (int64_t i = 0; i < 1000; ++i) judging.put(numbered_record(i));
  }
  EXPECT_LT(judged, 1000);
}

// A run's replies, made at once, are all there before the first score of a slow scorer is: whoever
// writes them never waited.
TEST(Run, RepliesNeverWaitForTheirScores) {
  std::promise<void> all_written;
  const std::shared_future<void> written = all_written.get_future().share();
  Suite suite;
  suite.judge = [&](const EvalItem& item, std::string_view reply) -> Result<Judgement> {
    written.wait();
    return judgement_of(item.answer == reply);
  };
  std::vector<EvalItem> items(50);
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].id = std::to_string(i);
    items[i].answer = i % 5 == 0 ? "odd one" : "same";
  }
  const ReplySource source = [&](const auto&, const std::vector<ReplyTask>& tasks,
                                 const TakeReply& take) {
    for (size_t i = tasks.size(); i-- > 0;) {
      MadeReply reply;
      reply.text = "same";
      reply.tokens = 2;
      EXPECT_TRUE(take(i, std::move(reply)));
    }
    all_written.set_value();
    return Status::ok();
  };
  EvalSettings settings;
  settings.samples = 2;
  std::vector<std::pair<int64_t, int64_t>> recorded;
  settings.on_record = [&](const EvalRecord& record) {
    recorded.emplace_back(record.item, record.sample);
    return Status::ok();
  };
  const auto result = run_suite(suite, items, source, std::move(settings));
  ASSERT_TRUE(result.has_value()) << result.status().message();
  EXPECT_EQ(result->all.right, 80);
  EXPECT_EQ(result->all.n, 50);
  EXPECT_EQ(result->new_tokens, 200);
  ASSERT_EQ(recorded.size(), 100u);
  for (size_t i = 0; i < 100; ++i) {  // as the replies ended
    EXPECT_EQ(recorded[i],
              std::pair(static_cast<int64_t>(99 - i) / 2, static_cast<int64_t>(99 - i) % 2));
    EXPECT_EQ(result->records[i].item, static_cast<int64_t>(i) / 2);  // by item
  }
}

// The seeds of the tasks that are left are those of the whole run.
TEST(Run, GoesOnWithTheSameSeeds) {
  Suite suite;
  suite.judge = [](const EvalItem&, std::string_view) -> Result<Judgement> {
    return judgement_of(true);
  };
  const std::vector<EvalItem> items(7);
  std::map<std::pair<int64_t, int64_t>, uint64_t> whole, rest;
  const auto noting = [](auto& seeds) {
    return [&seeds](const auto&, const std::vector<ReplyTask>& tasks, const TakeReply& take) {
      for (size_t i = 0; i < tasks.size(); ++i) {
        seeds[{tasks[i].item, tasks[i].sample}] = tasks[i].seed;
        take(i, {});
      }
      return Status::ok();
    };
  };
  EvalSettings settings;
  settings.samples = 3;
  settings.seed = 11;
  const auto first = run_suite(suite, items, noting(whole), settings);
  ASSERT_TRUE(first.has_value());
  settings.earlier = {first->records[4], first->records[20]};
  ASSERT_TRUE(run_suite(suite, items, noting(rest), settings).has_value());
  EXPECT_EQ(rest.size(), 19u);
  for (const auto& [place, seed] : rest) EXPECT_EQ(seed, whole.at(place));
  std::set<uint64_t> different;
  for (const auto& [place, seed] : whole) different.insert(seed);
  EXPECT_EQ(different.size(), 21u);
}

}  // namespace
}  // namespace hearth
