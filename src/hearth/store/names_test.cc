// What models and files may be called, and what of a repository is fetched.
#include <gtest/gtest.h>

#include "hearth/store/catalogue.h"
#include "hearth/store/http_client.h"
#include "hearth/store/model_ref.h"
#include "hearth/store/safe_name.h"
#include "hearth/store/selection.h"

namespace hearth::store {
namespace {

TEST(SafeName, PathsBelowAFolder) {
  for (const std::string& good : {std::string("a"), std::string("UD-IQ1_S/x-00001-of-00003.gguf"),
                                  std::string("模型.json"), std::string(200, 'x')}) {
    EXPECT_TRUE(check_relative_path(good).is_ok()) << good;
  }
  const std::vector<std::string> bad = {"",
                                        "/etc/passwd",
                                        "..",
                                        "../a",
                                        "a/../b",
                                        "a/..",
                                        "a//b",
                                        "a/",
                                        ".",
                                        "./a",
                                        ".hidden",
                                        "a/.git/b",
                                        "a\\b",
                                        "C:\\a",
                                        "a\nb",
                                        "a\x7F",
                                        "\xFF\xFE",
                                        "..\\..\\a",
                                        "a/./b",
                                        std::string("a\0b", 3),
                                        std::string(201, 'x'),
                                        std::string(1025, 'x')};
  for (const std::string& path : bad) {
    EXPECT_EQ(check_relative_path(path).code(), Code::corrupt) << path;
  }
}

TEST(SafeName, AddressesAreEncoded) {
  EXPECT_EQ(percent_encoded("a b/c?d#e%2F模", true), "a%20b/c%3Fd%23e%252F%E6%A8%A1");
  EXPECT_EQ(percent_encoded("a/b&c=d", false), "a%2Fb%26c%3Dd");
}

TEST(ModelRef, FormsOfOneReference) {
  for (const std::string text :
       {"hf://deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", "deepseek-r1:1.5b",
        "hf.co/deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
        "https://huggingface.co/deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"}) {
    const auto ref = parse_model_ref(text);
    ASSERT_TRUE(ref.has_value()) << text;
    EXPECT_EQ(ref->text(), "hf://deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B");
    EXPECT_EQ(ref->name(), "deepseek-r1:1.5b");
    EXPECT_EQ(ref->folder(), "hf--deepseek-ai--DeepSeek-R1-Distill-Qwen-1.5B");
  }
  const auto other = parse_model_ref("deepseek-r1:1.5b", HubKind::modelscope);
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(other->text(), "modelscope://deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B");
}

TEST(ModelRef, RevisionsAndSelections) {
  const auto label = parse_model_ref("hf://unsloth/DeepSeek-R1-GGUF@v1:UD-IQ1_S");
  ASSERT_TRUE(label.has_value());
  EXPECT_EQ(label->revision, "v1");
  EXPECT_EQ(label->selection, "UD-IQ1_S");
  EXPECT_EQ(label->name(), "hf://unsloth/DeepSeek-R1-GGUF@v1:UD-IQ1_S");
  const auto path = parse_model_ref("ms://a/b:c/d.gguf");
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(path->text(), "modelscope://a/b:c/d.gguf");
  EXPECT_EQ(path->folder().find('/'), std::string::npos);
  EXPECT_TRUE(check_relative_path(path->folder()).is_ok());
}

TEST(ModelRef, RefusesTheRest) {
  for (const std::string text : {"",
                                 "deepseek",
                                 "deepseek-r1:2b",
                                 "hf://",
                                 "hf://a",
                                 "hf://a/",
                                 "hf:///b",
                                 "hf://../b",
                                 "hf://a/..",
                                 "hf://a/b/c",
                                 "hf://a/b@",
                                 "hf://a/b@x/y",
                                 "hf://a/b:",
                                 "hf://a/b:c/d",
                                 "hf://a/b:../x.gguf",
                                 "hf://a/b:/x.gguf",
                                 "hf://a b/c",
                                 "hf://a/b--c",
                                 "hf://-a/b",
                                 "ftp://a/b",
                                 "hf://a/b?x=1"}) {
    const auto ref = parse_model_ref(text);
    ASSERT_FALSE(ref.has_value()) << text;
    EXPECT_EQ(ref.status().message().find('\n'), std::string::npos);
  }
}

TEST(Catalogue, EachNameIsOneRepository) {
  for (const CatalogueEntry& entry : catalogue()) {
    const auto ref = parse_model_ref(entry.name);
    ASSERT_TRUE(ref.has_value()) << entry.name;
    EXPECT_EQ(ref->repo(), entry.repo);
    EXPECT_EQ(ref->name(), entry.name);  // neither name nor repository stands there twice
  }
}

TEST(Address, HowNearItIs) {
  for (const char* text : {"8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "192.169.0.1"}) {
    EXPECT_EQ(nearness(text), 0) << text;
  }
  for (const char* text : {"10.0.0.1", "172.16.0.1", "172.31.9.9", "192.168.1.1", "100.64.0.1",
                           "fd00::1", "::ffff:10.0.0.1"}) {
    EXPECT_EQ(nearness(text), 1) << text;
  }
  for (const char* text : {"169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254"}) {
    EXPECT_EQ(nearness(text), 2) << text;
  }
  for (const char* text :
       {"127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "nonsense", ""}) {
    EXPECT_EQ(nearness(text), 3) << text;
  }
}

TEST(Address, WhereATokenMayGo) {
  for (const char* text : {"https://huggingface.co", "http://127.0.0.1:80", "http://localhost:9",
                           "http://[::1]:8080"}) {
    EXPECT_TRUE(is_private_channel(text)) << text;
  }
  for (const char* text : {"http://huggingface.co", "http://10.0.0.1", "http://127.0.0.1.evil.com",
                           "ftp://127.0.0.1", "http://user@127.0.0.1", "http://dead.beef"}) {
    EXPECT_FALSE(is_private_channel(text)) << text;
  }
  EXPECT_EQ(origin_of("HTTPS://Hub.Example/a?b"), "https://hub.example:443");
  EXPECT_EQ(origin_of("https://me:pw@hub.example/"), "");
  EXPECT_EQ(origin_of("file:///etc/passwd"), "");
}

// --- Which files ---

RepoFile file(const std::string& path, int64_t bytes = 10) {
  return {path, bytes, std::string(64, 'a'), ""};
}

RepoListing listing(std::initializer_list<std::string> paths) {
  RepoListing out;
  for (const std::string& path : paths) out.files.push_back(file(path));
  std::sort(out.files.begin(), out.files.end(),
            [](const RepoFile& a, const RepoFile& b) { return a.path < b.path; });
  return out;
}

std::vector<std::string> selected(const RepoListing& files, const std::string& ref) {
  auto found = select_files(files, *parse_model_ref(ref));
  if (!found) return {found.status().message()};
  std::vector<std::string> out;
  for (const RepoFile& f : found->files) out.push_back(f.path);
  return out;
}

TEST(Selection, ADirectoryWithoutItsCode) {
  const RepoListing repo = listing(
      {"LICENSE", "README.md", "config.json", "configuration_deepseek.py", "figures/benchmark.jpg",
       "generation_config.json", "model-00001-of-00002.safetensors",
       "model-00002-of-00002.safetensors", "model.safetensors.index.json", "modeling_deepseek.py",
       "original/consolidated.safetensors", "pytorch_model.bin", "tokenizer.json",
       "tokenizer_config.json", "consolidated.safetensors", "onnx/model.json"});
  EXPECT_EQ(selected(repo, "hf://a/b"),
            (std::vector<std::string>{
                "LICENSE", "README.md", "config.json", "generation_config.json",
                "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json"}));
  const auto whole = select_files(repo, *parse_model_ref("hf://a/b"));
  EXPECT_EQ(whole->code, (std::vector<std::string>{"configuration_deepseek.py",
                                                   "modeling_deepseek.py", "pytorch_model.bin"}));
  EXPECT_EQ(whole->gguf, "");
}

TEST(Selection, GgufByLabelFolderAndPath) {
  const RepoListing repo =
      listing({"R1-Q4_K_M/R1-Q4_K_M-00001-of-00002.gguf", "R1-Q4_K_M/R1-Q4_K_M-00002-of-00002.gguf",
               "R1-UD-IQ1_S.gguf", "R1-IQ1_S.gguf", "mmproj-R1-f16.gguf", "imatrix.gguf",
               "README.md", "config.json"});
  const std::vector<std::string> parts = {"R1-Q4_K_M/R1-Q4_K_M-00001-of-00002.gguf",
                                          "R1-Q4_K_M/R1-Q4_K_M-00002-of-00002.gguf", "README.md"};
  for (const char* ref : {"hf://a/b:Q4_K_M", "hf://a/b:q4_k_m", "hf://a/b:R1-Q4_K_M",
                          "hf://a/b:R1-Q4_K_M/R1-Q4_K_M-00001-of-00002.gguf"}) {
    std::vector<std::string> found = selected(repo, ref);
    std::sort(found.begin(), found.end());
    std::vector<std::string> wanted = parts;
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(found, wanted) << ref;
  }
  EXPECT_EQ(select_files(repo, *parse_model_ref("hf://a/b:Q4_K_M"))->gguf, parts[0]);
  EXPECT_EQ(select_files(repo, *parse_model_ref("hf://a/b:IQ1_S"))->gguf, "R1-IQ1_S.gguf");
  EXPECT_EQ(select_files(repo, *parse_model_ref("hf://a/b:UD-IQ1_S"))->gguf, "R1-UD-IQ1_S.gguf");
  const std::string several = selected(repo, "hf://a/b")[0];
  EXPECT_NE(several.find("Q4_K_M ("), std::string::npos) << several;
  const std::string none = selected(repo, "hf://a/b:Q9")[0];
  EXPECT_NE(none.find("expected a GGUF file for `Q9`"), std::string::npos) << none;
}

TEST(Selection, WhatIsNoModelIsRefused) {
  EXPECT_NE(selected(listing({"a.py", "pytorch_model.bin"}), "hf://a/b")[0].find("pickles"),
            std::string::npos);
  EXPECT_NE(
      selected(listing({"x-00001-of-00003.gguf", "x-00003-of-00003.gguf"}), "hf://a/b")[0].find(
          "expected 3 parts, found 2"),
      std::string::npos);
  RepoListing bare = listing({"model.safetensors"});
  bare.files[0].sha256.clear();
  EXPECT_NE(selected(bare, "hf://a/b")[0].find("no checksum"), std::string::npos);
  bare.files[0].git_sha1 = std::string(40, 'a');  // enough for text, not for weights
  EXPECT_NE(selected(bare, "hf://a/b")[0].find("SHA-256"), std::string::npos);
}

}  // namespace
}  // namespace hearth::store
