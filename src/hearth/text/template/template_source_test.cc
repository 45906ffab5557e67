// Where a checkpoint keeps its chat template: each place, and which of two counts.
#include "hearth/text/template/template_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace hearth {
namespace {

namespace fs = std::filesystem;

class TemplateSource : public testing::Test {
 protected:
  TemplateSource()
      : folder_(fs::temp_directory_path() / fmt::format("hearth_template_{}", ::getpid())) {
    fs::create_directories(folder_);
    write("config.json", "{}");
    const std::string_view header = R"({"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})";
    std::string weights(8, '\0');
    weights[0] = static_cast<char>(header.size());
    write("model.safetensors", weights + std::string(header) + std::string(8, '\0'));
  }
  ~TemplateSource() override { fs::remove_all(folder_); }

  void write(const std::string& name, std::string_view content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  Result<std::string> source() const {
    TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(folder_.string()));
    return chat_template_source(checkpoint);
  }
  std::string source_of(std::string_view config) const {
    write("tokenizer_config.json", config);
    const auto found = source();
    return found ? *found : "error: " + found.status().message();
  }

 private:
  fs::path folder_;
};

TEST_F(TemplateSource, ATextOrTheDefaultOfSeveral) {
  EXPECT_EQ(*source(), "");  // no tokenizer_config.json at all
  EXPECT_EQ(source_of("{}"), "");
  EXPECT_EQ(source_of(R"({"chat_template":"one"})"), "one");
  EXPECT_EQ(source_of(R"({"chat_template":[{"name":"tool_use","template":"t"},)"
                      R"({"name":"default","template":"d"}]})"),
            "d");
  EXPECT_EQ(source_of(R"({"chat_template":[{"name":"tool_use","template":"t"}]})"), "");
  EXPECT_EQ(source_of(R"({"chat_template":[1,{"template":"d"},{"name":"default"}]})"), "");
  EXPECT_EQ(source_of(R"({"chat_template":7})"), "");
}

TEST_F(TemplateSource, AFileOfItsOwnCountsMore) {
  write("chat_template.jinja", "from the file");
  EXPECT_EQ(source_of(R"({"chat_template":"one"})"), "from the file");
}

TEST_F(TemplateSource, AConfigThatIsNoJsonIsNamed) {
  EXPECT_TRUE(source_of("{").starts_with("error: ")) << source_of("{");
  EXPECT_NE(source_of("{").find("tokenizer_config.json"), std::string::npos);
}

}  // namespace
}  // namespace hearth
