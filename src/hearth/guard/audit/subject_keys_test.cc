// The keys of subjects: sealed, opened, and destroyed.
#include "hearth/guard/audit/subject_keys.h"

#include <fcntl.h>

#include "hearth/guard/audit/testing.h"

namespace hearth::audit {
namespace {

std::unique_ptr<SubjectKeys> open(const std::string& path,
                                  SubjectKeys::Use use = SubjectKeys::Use::writer) {
  auto keys = SubjectKeys::open(path, use);
  EXPECT_TRUE(keys.has_value()) << keys.status().message();
  return keys ? *std::move(keys) : nullptr;
}

TEST(SubjectKeys, WhatIsSealedIsOpenedByTheSameFile) {
  test::Folder folder;
  const std::string path = folder / "keys";
  Sealed sealed;
  {
    const auto keys = open(path);
    for (const std::string& text : {std::string(), std::string("a"), std::string(100'000, 'x')}) {
      const auto box = keys->seal("anna", text);
      ASSERT_TRUE(box.has_value());
      EXPECT_EQ(*keys->unseal(*box), text);
      sealed = *box;
    }
    EXPECT_EQ(keys->seal("anna", "")->id, sealed.id);
    EXPECT_NE(keys->seal("bert", "")->id, sealed.id);
    EXPECT_EQ(keys->size(), 2);
  }
  EXPECT_EQ(*open(path, SubjectKeys::Use::reader)->unseal(sealed), std::string(100'000, 'x'));
}

TEST(SubjectKeys, AnErasedSubjectIsNoise) {
  test::Folder folder;
  const std::string path = folder / "keys";
  const auto keys = open(path);
  const auto anna = keys->seal("anna", "secret");
  const auto bert = keys->seal("bert", "kept");
  // By another process, while this one runs.
  EXPECT_EQ(*open(path, SubjectKeys::Use::reader)->erase("anna"), anna->id);
  EXPECT_EQ(keys->unseal(*anna).status().code(), Code::not_found);
  EXPECT_EQ(*keys->unseal(*bert), "kept");
  EXPECT_EQ(keys->erase("anna").status().code(), Code::not_found);
  // Who comes back is somebody new.
  EXPECT_NE(keys->seal("anna", "again")->id, anna->id);
  EXPECT_EQ(test::bytes_of(path).find(anna->id), std::string::npos);
}

TEST(SubjectKeys, ABoxIsBoundToItsSubject) {
  test::Folder folder;
  const auto keys = open(folder / "keys");
  Sealed box = *keys->seal("anna", "secret");
  Sealed other = *keys->seal("bert", "");
  EXPECT_EQ(keys->unseal({other.id, box.box}).status().code(), Code::corrupt);
  EXPECT_EQ(keys->unseal({box.id, "!!"}).status().code(), Code::corrupt);
  EXPECT_EQ(keys->unseal({box.id, ""}).status().code(), Code::corrupt);
  box.box[box.box.size() / 2] = box.box[box.box.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_EQ(keys->unseal(box).status().code(), Code::corrupt);
}

TEST(SubjectKeys, ALineCutShortIsNoKey) {
  test::Folder folder;
  const std::string path = folder / "keys";
  std::string whole;
  {
    const auto keys = open(path);
    ASSERT_TRUE(keys->seal("anna", "").has_value());
    whole = test::bytes_of(path);
    ASSERT_TRUE(keys->seal("bert", "").has_value());
  }
  const std::string both = test::bytes_of(path);
  for (size_t cut = whole.size() + 1; cut < both.size(); cut += 7) {
    test::write_bytes(path, both.substr(0, cut));
    EXPECT_EQ(open(path, SubjectKeys::Use::reader)->size(), 1);
    const auto keys = open(path);
    EXPECT_EQ(keys->size(), 1);
    EXPECT_TRUE(keys->seal("bert", "").has_value());
    EXPECT_EQ(open(path)->size(), 2);
  }
}

TEST(SubjectKeys, OtherFilesAreRefused) {
  test::Folder folder;
  test::write_bytes(folder / "keys", std::string(4096, 'x'));
  EXPECT_EQ(SubjectKeys::open(folder / "keys", SubjectKeys::Use::writer).status().code(),
            Code::corrupt);
  EXPECT_EQ(SubjectKeys::open(folder / "none", SubjectKeys::Use::reader).status().code(),
            Code::not_found);
}

}  // namespace
}  // namespace hearth::audit
