// Names that a reader finds: what is believed of it, where it counts, and how it joins what the
// rules find. Readers here are functions.
#include "hearth/guard/pii/name_reader.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/known_names.h"
#include "hearth/guard/pii/unmasker.h"

namespace hearth::pii {
namespace {

DetectOptions with_names() {
  DetectOptions options;
  options.types = TypeSet::all();
  return options;
}

std::string found(std::string_view text, const std::vector<KnownName>& known,
                  const DetectOptions& options = with_names()) {
  std::string out;
  for (const Entity& e : detect(text, options, known)) {
    if (!out.empty()) out += " ";
    out += fmt::format("{}:{}", type_name(e.type), text.substr(e.start, e.end - e.start));
  }
  return out;
}

// What a reader that always says the same has found in a text.
NamesRead read_as(std::string_view text, const std::string& reply, bool whole = true) {
  auto read = read_names(text, [&](const std::string&) -> Result<ReaderReply> {
    return ReaderReply{reply, whole};
  });
  CHECK(read.has_value());
  return *std::move(read);
}

// A reply that names these persons.
std::string listed(const std::vector<std::string>& names) {
  Json items = Json::array();
  for (const std::string& name : names) items.push_back({{"type", "PERSON"}, {"text", name}});
  return items.dump();
}

TEST(NameReader, IsAskedAboutAllOfTheText) {
  std::string text;
  for (int i = 0; i < 1500; ++i) text += fmt::format("{} w{}", i % 7 == 0 ? "。\n" : "，", i);
  const auto passages = passages_of(text);
  ASSERT_GT(passages.size(), 5u);
  size_t covered = 0;
  for (const std::string_view p : passages) {
    const auto at = static_cast<size_t>(p.data() - text.data());
    EXPECT_LE(p.size(), kPassageBytes);
    EXPECT_LE(at + (at > 0 ? kPassageOverlap : 0), std::max(covered, size_t{0}));
    covered = at + p.size();
  }
  EXPECT_EQ(covered, text.size());
  std::vector<std::string> questions;
  const auto read = read_names(text, [&](const std::string& question) -> Result<ReaderReply> {
    questions.push_back(question);
    return ReaderReply{"[]", true};
  });
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(questions.size(), passages.size());
  EXPECT_EQ(read->passages, static_cast<int64_t>(passages.size()));
  for (size_t i = 0; i < passages.size(); ++i) {
    EXPECT_NE(questions[i].find(passages[i]), std::string::npos);
  }
}

// A name across a border of two passages is whole in one of them, wherever the border falls.
TEST(NameReader, ANameIsWholeInSomePassage) {
  const std::string name = "Aurelia Quist-Vandermeer";
  for (size_t before = 1100; before < 1300; ++before) {
    const std::string text = std::string(before, '.') + " " + name + " " + std::string(900, '.');
    bool whole = false;
    for (const std::string_view p : passages_of(text)) whole = whole || p.find(name) != p.npos;
    EXPECT_TRUE(whole) << before;
  }
}

// A border falls between two characters, wherever it is.
TEST(NameReader, PassagesAreWholeCharacters) {
  for (size_t before = 0; before < 3; ++before) {
    std::string text(before, 'x');
    for (int i = 0; i < 1000; ++i) text += "龘";
    for (const std::string_view p : passages_of(text)) EXPECT_TRUE(is_utf8(p)) << before;
  }
}

TEST(NameReader, BytesThatAreNoTextAreNotAsked) {
  const std::string broken(3000, '\x80');
  const auto read = read_names(broken, [](const std::string& question) -> Result<ReaderReply> {
    EXPECT_EQ(question.find('\x80'), std::string::npos);
    return ReaderReply{"[]", true};
  });
  EXPECT_TRUE(read.has_value());
  EXPECT_FALSE(read_names(std::string(kReadBytesMax + 1, 'x'), {}).has_value());
}

TEST(NameReader, TheReadersErrorIsToldAndEndsIt) {
  int asked = 0;
  const auto read =
      read_names(std::string(5000, 'x'), [&](const std::string&) -> Result<ReaderReply> {
        ++asked;
        return error(Code::internal, "no device");
      });
  EXPECT_EQ(asked, 1);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.status().message(), "no device");
}

TEST(NameReader, WhatTheTextDoesNotHaveIsNotBelieved) {
  const std::string text = "Yesterday Ngozi Adeyemi met 钱钟书 [MOBILE_1] in 4 rooms, they said.";
  for (const char* name : {"Ngozi Adeyem", "ngozi adeyemi", "Chidi", "they", "4", "", " ", ",",
                           "[MOBILE_1]", "N", "Ngozi  Adeyemi"}) {
    const NamesRead read = read_as(text, listed({name}));
    EXPECT_TRUE(read.names.empty()) << name;
    EXPECT_EQ(read.unfounded, 1) << name;
  }
  const NamesRead read = read_as(text, listed({" Ngozi Adeyemi\n", "钱钟书", "Ngozi Adeyemi"}));
  EXPECT_EQ(read.names,
            (std::vector<KnownName>{{Type::person, "Ngozi Adeyemi"}, {Type::person, "钱钟书"}}));
  EXPECT_EQ(read.unfounded, 0);
}

TEST(NameReader, OfAReplyThatIsCutOffTheFinishedNamesCount) {
  const std::string text = "Ngozi Adeyemi met Olu Bello.";
  const std::string whole = listed({"Ngozi Adeyemi", "Olu Bello"});
  const size_t first = whole.find('}') + 1;
  for (size_t length = 0; length <= whole.size(); ++length) {
    const NamesRead read = read_as(text, whole.substr(0, length), false);
    const size_t names = length < first ? 0 : length < whole.size() - 1 ? 1 : 2;
    EXPECT_EQ(read.names.size(), names) << length;
    EXPECT_EQ(read.cut, 1);
  }
  for (const char* reply : {"", "Ngozi Adeyemi", "{}", "[", "7", "[\"Ngozi Adeyemi\"]"}) {
    const NamesRead read = read_as(text, reply);
    EXPECT_TRUE(read.names.empty()) << reply;
    EXPECT_EQ(read.cut + read.unfounded, 1) << reply;
  }
}

TEST(KnownNames, CountWhereverTheyStandByThemselves) {
  const std::vector<KnownName> known = {{Type::person, "Adeyemi"}, {Type::person, "李白"}};
  EXPECT_EQ(found("Adeyemi; adeyemi, Adeyemis (Adeyemi) xAdeyemi éAdeyemi", known),
            "PERSON:Adeyemi PERSON:Adeyemi");
  EXPECT_EQ(found("诗人李白说李白", known), "PERSON:李白 PERSON:李白");
  EXPECT_EQ(places_of("aa", "aa aaa aa"), (std::vector<size_t>{0, 7}));
}

TEST(KnownNames, ThePolicyDecides) {
  const std::vector<KnownName> known = {{Type::person, "Adeyemi"}, {Type::address, "Plot 9 Ikoyi"}};
  const std::string text = "Adeyemi, Plot 9 Ikoyi";
  EXPECT_EQ(found(text, known), "PERSON:Adeyemi ADDRESS:Plot 9 Ikoyi");
  EXPECT_EQ(found(text, known, {}), "");
  DetectOptions sure = with_names();
  sure.score_min = 0.7;
  EXPECT_EQ(found(text, known, sure), "");
}

// Half a name that is masked gives the other half away: both become one, and what the rules find by
// themselves stays as it was.
TEST(KnownNames, JoinWhatTheRulesFind) {
  const std::string text = "Hello, my name is David Johnson Okafor. Mr. Wijtze called 13800138000.";
  const std::string rules = "PERSON:David Johnson Okafor PERSON:Wijtze MOBILE:13800138000";
  EXPECT_EQ(found(text, {{Type::person, "Johnson Okafor"}}), rules);
  EXPECT_EQ(found(text, {{Type::person, "David"}}).find("PERSON:David Johnson"), 0u);
  EXPECT_EQ(found("写信给 Zed Okafor <zed.okafor@example.org>",
                  {{Type::person, "Zed Okafor"}, {Type::person, "okafor@example"}}),
            "PERSON:Zed Okafor EMAIL:zed.okafor@example.org");
  EXPECT_EQ(found("at Plot 9, Ikoyi (tel. 13800138000), Lagos",
                  {{Type::address, "Plot 9, Ikoyi (tel. 13800138000), Lagos"}}),
            "ADDRESS:Plot 9, Ikoyi (tel MOBILE:13800138000 ADDRESS:Lagos");
}

// Whatever a reader names: what the rules find stays masked, what it names is, and nothing
// overlaps.
TEST(KnownNames, TakeNothingAway) {
  const std::string text =
      "Mr. Wijtze (张伟先生, 住在北京市海淀区中关村大街27号楼3层) wrote to jane@example.org from "
      "12 Main Street, Springfield, IL 62704 on behalf of David Johnson, 13800138000.";
  const auto rules = detect(text, with_names());
  const auto marked = [&](const std::vector<Entity>& entities) {
    std::string out(text.size(), ' ');
    for (const Entity& e : entities) out.replace(e.start, e.end - e.start, e.end - e.start, '#');
    return out;
  };
  uint32_t seed = 1;
  for (int round = 0; round < 2000; ++round) {
    std::vector<KnownName> known;
    for (int i = 0; i < 3; ++i) {
      seed = seed * 1664525 + 1013904223;
      const size_t at = (seed >> 8) % text.size();
      known.push_back({i % 2 == 0 ? Type::person : Type::address, text.substr(at, seed >> 27)});
    }
    const auto both = detect(text, with_names(), known);
    const std::string before = marked(rules), after = marked(both);
    for (size_t i = 0; i < text.size(); ++i) EXPECT_LE(after[i] == ' ', before[i] == ' ') << i;
    for (const KnownName& name : known) {
      for (const size_t at : places_of(name.text, text)) {
        for (size_t i = at; i < at + name.text.size(); ++i) {
          EXPECT_TRUE(after[i] == '#' || !is_alnum(text[i])) << name.text;
        }
      }
    }
    for (size_t i = 1; i < both.size(); ++i) EXPECT_LE(both[i - 1].end, both[i].start);
  }
}

TEST(KnownNames, AreMaskedAndRestored) {
  const std::string text = "Adeyemi asks: is Adeyemi well?";
  const std::string_view texts[] = {text};
  const std::vector<KnownName> known = {{Type::person, "Adeyemi"}};
  const auto masked = mask(texts, with_names(), known);
  ASSERT_TRUE(masked.has_value());
  EXPECT_EQ(masked->texts[0].text, "[PERSON_1] asks: is [PERSON_1] well?");
  EXPECT_EQ(unmask(masked->texts[0].text, masked->vault), text);
}

}  // namespace
}  // namespace hearth::pii
