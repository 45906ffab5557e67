// Two runs side by side, and the report of one.
#include "hearth/eval/compare.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "hearth/eval/report.h"

namespace hearth {
namespace {

StoredRecords run_of(const std::vector<double>& values, int64_t samples = 1) {
  StoredRecords out;
  out.run = {{"suite", "s"}};
  for (size_t i = 0; i < values.size(); ++i) {
    EvalRecord record;
    record.item = static_cast<int64_t>(i) / samples;
    record.sample = static_cast<int64_t>(i) % samples;
    record.id = std::to_string(record.item);
    record.prompt = "p" + record.id;
    record.judgement.value = values[i];
    out.records.push_back(record);
  }
  return out;
}

// What an error repeats of a record stays on its line.
TEST(Compare, NamesOfSeveralLinesAreRefusedInOne) {
  StoredRecords a = run_of({1, 0}), b = run_of({1, 0});
  for (StoredRecords* run : {&a, &b}) run->records[0].id = "b\nc";
  b.records[0].prompt = "another";
  const auto item = compare_runs(a, b);
  ASSERT_FALSE(item.has_value());
  EXPECT_NE(item.status().message().find("`b?c`"), std::string::npos) << item.status().message();
  b.run["suite"] = "b\nc";
  const auto suite = compare_runs(a, b);
  ASSERT_FALSE(suite.has_value());
  EXPECT_NE(suite.status().message().find("`b?c`"), std::string::npos) << suite.status().message();
}

TEST(Compare, ALossIsShown) {
  std::vector<double> a(100, 1), b(100, 1);
  for (size_t i = 0; i < 12; ++i) b[i] = 0;
  for (size_t i = 50; i < 52; ++i) a[i] = 0;
  const auto c = compare_runs(run_of(a), run_of(b));
  ASSERT_TRUE(c.has_value());
  EXPECT_EQ(c->items, 100);
  EXPECT_EQ(c->only_a, 12);
  EXPECT_EQ(c->only_b, 2);
  EXPECT_NEAR(*c->mcnemar_p, 0.0129394, 1e-6);
  EXPECT_EQ(c->verdict, Verdict::worse);
  EXPECT_NEAR(c->difference, -0.10, 1e-12);
  EXPECT_LT(c->ci95.high, 0);
  const auto back = compare_runs(run_of(b), run_of(a));
  EXPECT_EQ(back->verdict, Verdict::better);
  EXPECT_NE(in_words(*back).find("+10.00 points"), std::string::npos) << in_words(*back);
}

TEST(Compare, FewDifferencesAreChance) {
  const auto c = compare_runs(run_of({1, 1, 1, 0, 0}), run_of({1, 0, 0, 1, 0}));
  EXPECT_EQ(c->verdict, Verdict::no_difference);
  EXPECT_NE(in_words(*c).find("No difference"), std::string::npos);
}

TEST(Compare, FewItemsProveLittle) {
  const auto c = compare_runs(run_of({1, 1, 1, 1, 1}), run_of({1, 1, 1, 1, 1}));
  ASSERT_TRUE(c.has_value());  // 1 - 0.025^(1/5)
  EXPECT_NE(in_words(*c).find("more than 52.18 points"), std::string::npos) << in_words(*c);
}

TEST(Compare, OneNameForTwoPromptsIsRefused) {
  StoredRecords twice = run_of({1, 1});
  twice.records[1].id = twice.records[0].id;
  EXPECT_NE(compare_runs(twice, twice).status().message().find("two prompts"), std::string::npos);
}

TEST(Records, EachReplyOnce) {
  const std::string run = "{\"run\":{\"suite\":\"s\",\"samples\":1}}\n";
  StoredRecords stored = run_of({1, 1}, 2);
  const std::string first = to_json(stored.records[0]).dump() + "\n";
  const std::string second = to_json(stored.records[1]).dump() + "\n";
  EXPECT_TRUE(parse_records(run + first, "r").has_value());
  for (const std::string& rest : {first + first, first + second}) {
    EXPECT_EQ(parse_records(run + rest, "r").status().code(), Code::corrupt) << rest;
  }
}

TEST(Compare, SeveralSamplesAreOneItem) {
  const auto c = compare_runs(run_of({1, 0, 1, 1}, 2), run_of({0, 0, 1, 1}, 2));
  EXPECT_EQ(c->items, 2);
  EXPECT_FALSE(c->mcnemar_p.has_value());
  EXPECT_DOUBLE_EQ(c->difference, -0.25);
}

TEST(Compare, WhatIsNotPairedIsLeftOutOrRefused) {
  const auto c = compare_runs(run_of({1, 1, 1}), run_of({1, 1}));
  EXPECT_EQ(c->items, 2);
  EXPECT_EQ(c->unpaired, 1);
  StoredRecords other = run_of({1, 1});
  other.records[0].prompt = "another";
  EXPECT_EQ(compare_runs(run_of({1, 1}), other).status().code(), Code::invalid);
  other = run_of({1});
  other.run["suite"] = "t";
  EXPECT_EQ(compare_runs(run_of({1}), other).status().code(), Code::invalid);
  EXPECT_EQ(compare_runs(run_of({1}), run_of({})).status().code(), Code::invalid);
}

TEST(Report, OnePageWithoutMarkupFromOutside) {
  EvalResult result;
  for (int64_t i = 0; i < 30; ++i) {
    EvalRecord record;
    record.item = i;
    record.id = "<script>";
    record.reply = "</pre><script>alert(1)</script>";
    record.tokens = 10 * i;
    result.tokens += record.tokens;
    record.judgement = {i % 3 == 0 ? 1.0 : 0.0, "a & b"};
    for (Score* score : {&result.all, &result.groups["<b>|" + std::to_string(i % 2)]}) {
      score->sum += record.judgement.value;
      score->replies += 1;
      score->n += 1;
      score->right += record.judgement.right() ? 1 : 0;
    }
    result.records.push_back(record);
  }
  const EvalReport report = {"suite<i>", {{"model", "<x>"}}, &result, ""};
  const std::string html = to_html(report);
  for (const char* bad : {"<script", "<i>", "<b>", "<x>", "http-equiv", "src="}) {
    EXPECT_EQ(html.find(bad), html.npos) << bad;
  }
  EXPECT_NE(html.find("33.33 %"), html.npos);
  EXPECT_NE(html.find("<svg"), html.npos);
  EXPECT_NE(html.find("0-50"), html.npos);  // replies of 0 to 50 tokens: the first of five bins
  const std::string markdown = to_markdown(report);
  EXPECT_NE(markdown.find("| <b>\\|0 | 15 | 33.33 % |"), markdown.npos) << markdown;
  EXPECT_EQ(to_json(report)["right"], 10);
  const EvalReport bytes = {"s", {{"model", "\xff"}}, &result, ""};
  EXPECT_NE(to_markdown(bytes).find("\xEF\xBF\xBD"), std::string::npos);  // U+FFFD
  EXPECT_FALSE(check_report_path("report.pdf").is_ok());
}

// Sums, order statistics and plots of what replies took; nothing of what isn't known.
TEST(Report, LatencyAndEnergy) {
  EvalResult result;
  for (int64_t i = 1; i <= 10; ++i) {
    EvalRecord record;
    record.item = i;
    record.tokens = 100 * i;
    record.seconds = 0.5 * static_cast<double>(i);
    if (i > 8) record.joules = 30.0;
    record.judgement = judgement_of(i % 2 == 0);
    result.tokens += record.tokens;
    result.records.push_back(record);
  }
  result.all = {5, 10, 10, 5};
  const EvalReport report = {"s", Json::object(), &result, ""};
  const Json json = to_json(report);
  EXPECT_EQ(json["seconds"], Json({{"replies", 10},
                                   {"sum", 27.5},
                                   {"mean", 2.75},
                                   {"median", 2.5},
                                   {"p90", 4.5},
                                   {"max", 5.0}}));
  EXPECT_EQ(json["joules"]["replies"], 2);
  EXPECT_EQ(json["joules"]["sum"], 60);
  const std::string markdown = to_markdown(report);
  EXPECT_NE(markdown.find("| seconds | 10 | 27.5 | 2.75 | 2.5 | 4.5 | 5 |"), markdown.npos);
  EXPECT_NE(markdown.find("| 100-200 | 2 | 50.00 % | 9.45 to 90.55 | 0.75 |  |"), markdown.npos)
      << markdown;
  EXPECT_NE(markdown.find("27.5 seconds; 60 joules"), markdown.npos);
  const std::string html = to_html(report);
  const auto count = [&](std::string_view what) {
    size_t times = 0;
    for (size_t at = html.find(what); at != html.npos; at = html.find(what, at + 1)) ++times;
    return times;
  };
  EXPECT_EQ(count("<circle"), 12u);
  EXPECT_EQ(count("#0072b2\" fill=\"none\"/>"), 6u);  // of each plot the wrong ones
  for (EvalRecord& record : result.records) record.seconds = record.joules = std::nullopt;
  EXPECT_TRUE(to_json(report)["seconds"].is_null());
  EXPECT_EQ(to_html(report).find("Latency"), std::string::npos);
  EXPECT_EQ(to_markdown(report).find("a reply's"), std::string::npos);
}

TEST(Report, PassAtHasIntervals) {
  EvalResult result;
  for (int64_t i = 0; i < 40; ++i) {
    EvalRecord record;
    record.item = i / 2;
    record.sample = i % 2;
    record.judgement = judgement_of(i % 4 == 0);  // one of two samples of every other item
    result.records.push_back(record);
  }
  result.all = {10, 40, 20, 10};
  const auto pass = pass_at(result.records, 2);
  EXPECT_DOUBLE_EQ(pass.at(2).value, 0.5);
  std::vector<double> of_items;
  for (int i = 0; i < 20; ++i) of_items.push_back(i % 2 == 0 ? 1 : 0);
  EXPECT_EQ(pass.at(2).ci95.low, bootstrap95_of_mean(of_items).low);
  EXPECT_EQ(pass.at(2).ci95.high, bootstrap95_of_mean(of_items).high);
  const auto all = pass_at(std::vector(result.records.begin(), result.records.begin() + 1), 1);
  EXPECT_EQ(all.at(1).ci95.low, wilson95(1, 1).low);  // one problem solved says little of others
  const Json json = to_json(EvalReport{"s", Json::object(), &result, ""});
  EXPECT_EQ(json["pass_at_ci95"]["2"], Json({pass.at(2).ci95.low, pass.at(2).ci95.high}));
}

}  // namespace
}  // namespace hearth
