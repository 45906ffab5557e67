// The label's words and metadata.
#include "hearth/guard/label/label.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hearth::label {
namespace {

TEST(Label, TheMetadataHasTheMembersOfTheStandard) {
  const Json aigc = aigc_json({"某公司", "0123"});
  std::vector<std::string> names;
  for (const auto& [name, value] : aigc.items()) {
    names.push_back(name);
    EXPECT_TRUE(value.is_string()) << name;
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"Label", "ContentProducer", "ProduceID", "ReservedCode1",
                                      "ContentPropagator", "PropagateID", "ReservedCode2"}));
  EXPECT_EQ(aigc["Label"], "1");
  EXPECT_EQ(aigc["ContentProducer"], "某公司");
}

TEST(Label, AHeaderIsAsciiAndSaysTheSame) {
  const Mark mark{"某公司\r\nX: y", "0123"};
  const std::string header = aigc_header(mark);
  EXPECT_TRUE(std::ranges::all_of(header, [](char c) { return c >= 0x20 && c < 0x7f; }));
  EXPECT_EQ(*parse_json(header), aigc_json(mark));
}

TEST(Label, TheWordsAreTakenOutAgain) {
  const std::string answer = "eine Antwort\n\n";
  for (const Language language : {Language::english, Language::chinese}) {
    const std::string prefix(explicit_text(Placement::prefix, language));
    const std::string suffix(explicit_text(Placement::suffix, language));
    EXPECT_EQ(without_explicit_text(prefix + answer), answer);
    EXPECT_EQ(without_explicit_text(answer + suffix), answer);
  }
  EXPECT_EQ(without_explicit_text(answer), answer);
  EXPECT_EQ(explicit_text(Placement::interface, Language::english), "");
}

TEST(Label, IdsAreNotGivenTwice) {
  EXPECT_EQ(new_produce_id().size(), 24u);
  EXPECT_NE(new_produce_id(), new_produce_id());
}

TEST(Label, PlacementsHaveNames) {
  for (const char* name : {"off", "metadata", "interface", "prefix", "suffix"}) {
    ASSERT_TRUE(find_placement(name).has_value());
    EXPECT_EQ(placement_name(*find_placement(name)), name);
  }
  EXPECT_FALSE(find_placement("middle").has_value());
}

}  // namespace
}  // namespace hearth::label
