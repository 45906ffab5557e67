// Listings of hubs, manifests, header lines: read back, and refused in one line where they lie.
#include <gtest/gtest.h>

#include "hearth/store/block_hash.h"
#include "hearth/store/foreign.h"
#include "hearth/store/http_headers.h"
#include "hearth/store/listing.h"
#include "hearth/store/manifest.h"

namespace hearth::store {
namespace {

const std::string kCommit(40, 'c');
const std::string kDigest(64, 'd');

std::string hub_listing(const std::string& siblings, const std::string& rest = "") {
  return fmt::format(R"({{"sha":"{}","siblings":[{}]{}}})", kCommit, siblings, rest);
}

TEST(Listing, OfHuggingFace) {
  const std::string text = hub_listing(
      fmt::format(R"({{"rfilename":"z.safetensors","size":134,"blobId":"{0}","lfs":{{"sha256":"{1}",
                  "size":7000000000,"pointerSize":134}}}},
                  {{"rfilename":".gitattributes","size":1}},{{"rfilename":".github/w.yml"}},
                  {{"rfilename":"config.json","size":5,"blobId":"{0}"}})",
                  kCommit, kDigest),
      R"(,"cardData":{"license":"other","license_name":"deepseek","license_link":"LICENSE"})");
  const auto out = parse_hugging_face_listing(text);
  ASSERT_TRUE(out.has_value()) << out.status().message();
  EXPECT_EQ(out->commit, kCommit);
  EXPECT_EQ(out->licence, "deepseek (LICENSE)");
  ASSERT_EQ(out->files.size(), 2u);
  EXPECT_EQ(out->files[0].path, "config.json");
  EXPECT_EQ(out->files[0].git_sha1, kCommit);
  EXPECT_EQ(out->files[1].sha256, kDigest);
  EXPECT_EQ(out->files[1].bytes, 7'000'000'000);
  EXPECT_EQ(out->files[1].git_sha1, "");  // that of a pointer
  EXPECT_EQ(parse_hugging_face_listing(hub_listing("", R"(,"tags":["x","license:mit"])"))->licence,
            "mit");
}

TEST(Listing, OfModelScope) {
  const auto out = parse_modelscope_listing(fmt::format(
      R"({{"Code":200,"Data":{{"Files":[{{"Name":"c","Path":"a/c.gguf","Type":"blob","Size":9,
         "Sha256":"{}"}},{{"Path":"a","Type":"tree","Size":0}}]}}}})",
      kDigest));
  ASSERT_TRUE(out.has_value()) << out.status().message();
  ASSERT_EQ(out->files.size(), 1u);
  EXPECT_EQ(out->files[0].sha256, kDigest);
  EXPECT_EQ(*parse_modelscope_licence(R"({"Data":{"License":"MIT\nLicense"}})"), "MIT?License");
}

TEST(Listing, LiesAreRefusedInOneLine) {
  std::vector<std::string> bad = {
      "",
      "[]",
      "{}",
      "<html>",
      R"({"sha":"main","siblings":[]})",
      R"({"sha":"../../../../../../../../../../../../../x","siblings":[]})",
      hub_listing("1"),
      hub_listing("{}"),
      hub_listing(R"({"rfilename":7})"),
      hub_listing(R"({"rfilename":"a","size":-1})"),
      hub_listing(R"({"rfilename":"a","size":1e30})"),
      hub_listing(R"({"rfilename":"a","lfs":{"sha256":"xyz"}})"),
      hub_listing(R"({"rfilename":"a","blobId":"12"})"),
      hub_listing(R"({"rfilename":"a"},{"rfilename":"a"})")};
  for (const char* name : {"../a", "/etc/passwd", "a/../../b", "a\\\\b", "a\\u0000b", "a\\nb",
                           ".x/../../b", "a//b", "..", "..\\\\b"}) {
    bad.push_back(hub_listing(fmt::format(R"({{"rfilename":"{}"}})", name)));
  }
  for (const std::string& text : bad) {
    const auto out = parse_hugging_face_listing(text);
    ASSERT_FALSE(out.has_value()) << text;
    EXPECT_EQ(out.status().code(), Code::corrupt) << text;
    EXPECT_EQ(out.status().message().find('\n'), std::string::npos);
  }
  EXPECT_FALSE(parse_modelscope_listing(R"({"Data":{"Files":[{"Path":"../a","Size":1}]}})"));
  EXPECT_FALSE(parse_modelscope_listing(R"({"Data":null})"));
}

Manifest manifest() {
  Manifest out;
  out.name = out.source = "hf://a/b";
  out.commit = kCommit;
  out.licence = "mit";
  out.folder = "cccccccccccc/b";
  FileRecord small{"a.json", 3, kDigest, {}, "git-sha1"};
  FileRecord large{"m.gguf", kBlockBytes + 1, kDigest, {kDigest, std::string(64, 'e')}, "sha256"};
  out.files = {small, large};
  out.gguf = "m.gguf";
  return out;
}

TEST(Manifest, ComesBack) {
  const Manifest before = manifest();
  const auto after = parse_manifest(before.to_json());
  ASSERT_TRUE(after.has_value()) << after.status().message();
  EXPECT_EQ(after->to_json(), before.to_json());
  EXPECT_EQ(after->bytes(), kBlockBytes + 4);
  EXPECT_EQ(after->find("m.gguf")->blocks.size(), 2u);
  EXPECT_EQ(after->find("x"), nullptr);
  EXPECT_EQ(after->sha256().size(), 64u);
}

TEST(Manifest, WhatWasChangedIsRefused) {
  const auto refused = [](const std::string& from, const std::string& to) {
    std::string text = manifest().to_json();
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const auto out = parse_manifest(text);
    ASSERT_FALSE(out.has_value()) << to;
    EXPECT_EQ(out.status().message().find('\n'), std::string::npos);
  };
  refused("\"hearth_store\": 1", "\"hearth_store\": 2");
  refused("\"path\": \"a.json\"", "\"path\": \"../a.json\"");
  refused("\"path\": \"a.json\"", "\"path\": \"m.gguf\"");
  refused("\"folder\": \"cccc", "\"folder\": \"../cccc");
  refused("\"gguf\": \"m.gguf\"", "\"gguf\": \"/etc/passwd\"");
  refused("\"gguf\": \"m.gguf\"", "\"gguf\": \"other\"");
  refused("\"bytes\": 3", "\"bytes\": -3");
  refused("\"bytes\": 16777217", "\"bytes\": 99999999");  // more blocks than there are
  refused(kDigest, "dd");
  refused(kCommit, "main");
}

TEST(BlockHash, KnowsTheFileInAnyPieces) {
  const std::string text = "what is up, doc?";
  BlockHasher hasher(static_cast<int64_t>(text.size()));
  for (const char c : text) hasher.update(std::as_bytes(std::span(&c, 1)));
  const FileHashes found = hasher.finish();
  EXPECT_EQ(found.git_sha1, "bd9dbf5aae1a3862dd1526723246b20206e5fc37");  // of Git's own manual
  EXPECT_EQ(found.blocks, std::vector<std::string>{found.sha256});
  const std::vector<std::byte> large(static_cast<size_t>(kBlockBytes) + 5, std::byte{7});
  BlockHasher blocks(static_cast<int64_t>(large.size()));
  blocks.update(std::span(large).first(1000));
  blocks.update(std::span(large).subspan(1000));
  EXPECT_EQ(blocks.finish().blocks.size(), 2u);
}

TEST(Headers, WhatADownloadNeeds) {
  HttpHead head;
  double retry = 0;
  const auto read = [&](std::string_view line) { return read_header_line(line, head, retry); };
  EXPECT_TRUE(read("Content-Length: 12\r\n").is_ok());
  EXPECT_TRUE(read("CONTENT-RANGE: bytes 5-9/10\r\n").is_ok());
  EXPECT_TRUE(read("etag: \"abc\"\r\n").is_ok());
  EXPECT_TRUE(read("Retry-After: 7\r\n").is_ok());
  EXPECT_TRUE(read("Content-Encoding: identity\r\n").is_ok());
  EXPECT_EQ(head.length, 12);
  EXPECT_EQ(head.range_begin, 5);
  EXPECT_EQ(head.range_total, 10);
  EXPECT_EQ(head.etag, "\"abc\"");
  EXPECT_EQ(retry, 7);
  EXPECT_TRUE(read("ETag: W/\"weak\"\r\n").is_ok());
  EXPECT_EQ(head.etag, "\"abc\"");
  EXPECT_TRUE(read("Retry-After: 99999999\r\n").is_ok());
  EXPECT_LE(retry, 300);
  EXPECT_TRUE(read("HTTP/1.1 200 OK\r\n").is_ok());
  EXPECT_EQ(head.length, -1);
  for (const char* line :
       {"Content-Encoding: gzip\r\n", "content-encoding: br\r\n", "Content-Length: -1\r\n",
        "Content-Length: 1e9\r\n", "Content-Range: bytes 9-5/10\r\n",
        "Content-Range: bytes 5-10/10\r\n", "Content-Range: 5\r\n", "Content-Range: -/ \r\n"}) {
    EXPECT_EQ(read(line).code(), Code::corrupt) << line;
  }
}

TEST(Ollama, DigestOfTheWeights) {
  const std::string text = fmt::format(
      R"({{"layers":[{{"mediaType":"application/vnd.ollama.image.license","digest":"x"}},
         {{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{}"}}]}})",
      kDigest);
  EXPECT_EQ(*parse_ollama_manifest(text), kDigest);
  for (const std::string digest : {"sha256:../../x", "sha256:", "md5:aa", ""}) {
    EXPECT_FALSE(parse_ollama_manifest(
        fmt::format(R"({{"layers":[{{"mediaType":"application/vnd.ollama.image.model",
                       "digest":"{}"}}]}})",
                    digest)));
  }
  EXPECT_FALSE(parse_ollama_manifest(R"({"layers":[]})"));
}

}  // namespace
}  // namespace hearth::store
