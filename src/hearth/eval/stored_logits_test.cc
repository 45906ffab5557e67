// Logits in a file: what was written is read, bit for bit; files and texts that don't fit are
// refused in one line. What they stand for is `tests/eval_test.py`'s.
#include "hearth/eval/stored_logits.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "hearth/base/check.h"

namespace hearth {
namespace {

constexpr int64_t kVocab = 3;

class Stored : public testing::Test {
 protected:
  void SetUp() override { path_ = testing::TempDir() + "stored_logits.safetensors"; }
  void TearDown() override { std::filesystem::remove(path_); }

  static LogitsSubject subject() { return {{5, 6, 7, 8}, 1, 128, kVocab}; }

  static std::vector<float> row(int64_t i) {
    const auto at = static_cast<float>(i);
    return {at, -1.5f * at, 1e-30f};
  }

  void write(const LogitsSubject& of, const std::vector<std::vector<float>>& rows) {
    auto writer = LogitsWriter::create(path_, of);
    ASSERT_TRUE(writer.has_value()) << writer.status().message();
    for (const auto& r : rows) ASSERT_TRUE(writer->add(r).is_ok());
    ASSERT_TRUE(writer->finish().is_ok());
  }

  // A file of other tensors.
  void write_raw(const std::vector<SafetensorsDeclaration>& tensors,
                 const SafetensorsMetadata& metadata, size_t bytes) {
    auto writer = SafetensorsWriter::create(path_, tensors, metadata);
    ASSERT_TRUE(writer.has_value()) << writer.status().message();
    ASSERT_TRUE(writer->write(std::vector<std::byte>(bytes)).is_ok());
    ASSERT_TRUE(writer->finish().is_ok());
  }

  static void expect_line(const Status& status, const std::string& words) {
    EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
    EXPECT_EQ(status.message().find('\n'), std::string::npos) << status.message();
  }

  std::string path_;
};

TEST_F(Stored, RowsComeBackAsTheyWere) {
  write(subject(), {row(0), row(1), row(2)});
  const auto stored = StoredLogits::open(path_);
  ASSERT_TRUE(stored.has_value()) << stored.status().message();
  EXPECT_TRUE(stored->check(subject()).is_ok());
  for (int64_t first = 0; first < 3; ++first) {
    for (int64_t count = 0; first + count <= 3; ++count) {
      const auto rows = stored->rows(first, count);
      ASSERT_TRUE(rows.has_value());
      ASSERT_EQ(std::ssize(*rows), count);
      for (int64_t i = 0; i < count; ++i)
        EXPECT_EQ((*rows)[static_cast<size_t>(i)], row(first + i));
    }
  }
  expect_line(stored->rows(2, 2).status(), "expected rows up to 4, found 3");
  expect_line(stored->rows(-1, 1).status(), "expected rows up to 0");
}

TEST_F(Stored, AnotherTextCutOrVocabularyIsRefused) {
  write(subject(), {row(0), row(1), row(2)});
  const auto stored = StoredLogits::open(path_);
  ASSERT_TRUE(stored.has_value());
  LogitsSubject other = subject();
  other.ids[2] = 9;
  expect_line(stored->check(other), "this text");
  other = subject();
  other.bos.reset();
  expect_line(stored->check(other), "this text");
  other = subject();
  other.window = 64;
  expect_line(stored->check(other), "windows of 64 tokens, found 128");
  other = subject();
  other.vocab = 4;
  expect_line(stored->check(other), "a vocabulary of 4, found 3");
}

TEST_F(Stored, FilesOfAnotherFormAreRefused) {
  const SafetensorsMetadata window = {{"window", "128"}};
  struct Wrong {
    std::vector<SafetensorsDeclaration> tensors;
    SafetensorsMetadata metadata;
    size_t bytes;
    std::string words;
  };
  for (const Wrong& wrong : {
           Wrong{{{"ids", "I32", {2}}}, window, 8, "--save-logits"},
           Wrong{{{"ids", "I64", {2}}, {"logits", "F32", {1, 3}}}, window, 28, "--save-logits"},
           Wrong{{{"ids", "I32", {2, 1}}, {"logits", "F32", {1, 3}}}, window, 20, "--save-logits"},
           Wrong{{{"ids", "I32", {2}}, {"logits", "F16", {1, 3}}}, window, 14, "--save-logits"},
           Wrong{{{"ids", "I32", {2}}, {"logits", "F32", {1, 3}}}, {}, 20, "--save-logits"},
           Wrong{{{"ids", "I32", {2}}, {"logits", "F32", {1, 3}}},
                 {{"window", "1 2"}},
                 20,
                 "--save-logits"},
           Wrong{{{"ids", "I32", {2}}, {"logits", "F32", {2, 3}}},
                 window,
                 32,
                 "logits of 1 tokens, found of 2"},
           Wrong{{{"ids", "I32", {2}}, {"logits", "F32", {1, 0}}}, window, 8, "logits of 1 tokens"},
       }) {
    SCOPED_TRACE(wrong.words);
    write_raw(wrong.tensors, wrong.metadata, wrong.bytes);
    const auto stored = StoredLogits::open(path_);
    ASSERT_FALSE(stored.has_value());
    expect_line(stored.status(), wrong.words);
  }
  expect_line(StoredLogits::open(path_ + ".none").status(), "none");
  expect_line(LogitsWriter::create(path_, {{5}, {}, 128, kVocab}).status(), "at least two tokens");
}

TEST_F(Stored, NumbersThatAreNoneAreNamedByTheirRow) {
  std::vector<float> bad = row(1);
  bad[2] = std::numeric_limits<float>::quiet_NaN();
  write(subject(), {row(0), bad, row(2)});
  const auto stored = StoredLogits::open(path_);
  ASSERT_TRUE(stored.has_value());
  EXPECT_TRUE(stored->rows(0, 1).has_value());
  expect_line(stored->rows(0, 3).status(), "row 1: expected finite logits");
}

TEST_F(Stored, AFileThatShrinksIsNoticed) {
  write(subject(), {row(0), row(1), row(2)});
  const auto stored = StoredLogits::open(path_);
  ASSERT_TRUE(stored.has_value());
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 4);
  EXPECT_FALSE(stored->rows(0, 1).has_value());
}

}  // namespace
}  // namespace hearth
