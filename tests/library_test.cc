// The public library as its header promises it, through libhearth.so alone: batches, callbacks,
// cancelling, settings of a request, adapters, and each kind of error. `internal` is missing: no
// device fails on request.
#include "hearth/hearth.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <type_traits>

namespace hearth {
namespace {

namespace fs = std::filesystem;

const std::string kSource = HEARTH_SOURCE_DIR;
const std::string kMini = kSource + "/assets/mini";
const std::string kGolden = kSource + "/tests/golden";

static_assert(!std::is_copy_constructible_v<LanguageModel>);
static_assert(std::is_nothrow_move_constructible_v<LanguageModel>);

LanguageModel mini(int threads = 1) {
  LoadSettings settings;
  settings.threads = threads;
  settings.context = 512;
  auto model = LanguageModel::load(kMini, settings);
  if (!model) throw std::runtime_error(model.error());
  return std::move(*model);
}

// One model for all tests that only ask.
LanguageModel& shared() {
  static LanguageModel model = mini();
  return model;
}

void expect_same(const Reply& a, const Reply& b) {
  EXPECT_EQ(a.prompt_ids, b.prompt_ids);
  EXPECT_EQ(a.output_ids, b.output_ids);
  EXPECT_EQ(a.reasoning, b.reasoning);
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.finish_reason, b.finish_reason);
}

GenerateRequest ask(const std::string& message) {
  GenerateRequest request;
  request.message = message;
  request.temperature = 0;
  request.max_tokens = 300;
  return request;
}

Reply answer(LanguageModel& model, const GenerateRequest& request) {
  auto replies = model.generate({request});
  EXPECT_TRUE(bool(replies)) << replies.error();
  return replies && replies->size() == 1 ? replies->front() : Reply();
}

TEST(Library, EachReplyOfABatchIsTheOneItWouldBeAlone) {
  std::vector<GenerateRequest> requests = {ask("48291+7734=?"), ask("37*48=?"), ask("Hello"),
                                           ask("9-4=?")};
  requests[1].max_tokens = 7;  // ends while the others go on
  requests[2].temperature = 1;
  requests[2].seed = 5;
  requests[3].prompt_ids = {0, 5, 9};
  auto together = shared().generate(requests);
  ASSERT_TRUE(bool(together)) << together.error();
  ASSERT_EQ(together->size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same((*together)[i], answer(shared(), requests[i]));
  }
  EXPECT_EQ((*together)[0].text.substr((*together)[0].text.size() - 5), "56025");
  EXPECT_EQ((*together)[0].finish_reason, "stop");
  EXPECT_FALSE((*together)[0].reasoning.empty());
  EXPECT_EQ((*together)[1].output_ids.size(), 7u);
  EXPECT_EQ((*together)[1].finish_reason, "length");
  EXPECT_EQ((*together)[3].prompt_ids, requests[3].prompt_ids);
  auto none = shared().generate({});
  ASSERT_TRUE(bool(none));
  EXPECT_TRUE(none->empty());
}

TEST(Library, ABatchMayBeLargerThanAnyQueue) {
  GenerateRequest one;
  one.prompt_ids = {5};
  one.max_tokens = 1;
  one.temperature = 0;
  auto replies = shared().generate(std::vector<GenerateRequest>(5000, one));
  ASSERT_TRUE(bool(replies)) << replies.error();
  ASSERT_EQ(replies->size(), 5000u);
  for (const Reply& reply : *replies) ASSERT_EQ(reply.output_ids, replies->front().output_ids);
}

TEST(Library, TokensComeInOrderAndMakeTheReply) {
  GenerateRequest request = ask("12+30=?");
  std::vector<int32_t> ids;
  std::string thought, text;
  const auto caller = std::this_thread::get_id();
  bool same_thread = true;
  request.on_token = [&](int32_t id, std::string_view piece, bool in_thought) {
    if (id >= 0) ids.push_back(id);
    (in_thought ? thought : text) += piece;
    same_thread = same_thread && std::this_thread::get_id() == caller;
    return true;
  };
  const Reply reply = answer(shared(), request);
  EXPECT_EQ(ids, reply.output_ids);
  EXPECT_EQ(thought, reply.reasoning);
  EXPECT_EQ(text, reply.text);
  EXPECT_TRUE(same_thread);
}

TEST(Library, AListenerThatHasEnoughEndsItsAnswerAlone) {
  const Reply whole = answer(shared(), ask("12+30=?"));
  std::vector<GenerateRequest> requests = {ask("12+30=?"), ask("12+30=?")};
  int calls = 0;
  requests[0].on_token = [&](int32_t, std::string_view, bool) { return ++calls < 3; };
  auto replies = shared().generate(requests);
  ASSERT_TRUE(bool(replies)) << replies.error();
  const Reply& cut = replies->front();
  EXPECT_EQ(cut.finish_reason, "stop");
  ASSERT_EQ(cut.output_ids.size(), 3u);
  EXPECT_TRUE(std::equal(cut.output_ids.begin(), cut.output_ids.end(), whole.output_ids.begin()));
  expect_same(replies->back(), whole);
}

TEST(Library, AnyThreadMayCancel) {
  std::promise<void> running;
  std::promise<void> cancelled;
  std::thread other([&] {
    running.get_future().wait();
    shared().cancel();
    cancelled.set_value();
  });
  int calls = 0;
  std::vector<GenerateRequest> requests = {ask("12+30=?"), ask("37*48=?")};
  requests[0].on_token = [&](int32_t, std::string_view, bool) {
    if (++calls == 2) {
      running.set_value();
      cancelled.get_future().wait();
    }
    return true;
  };
  auto replies = shared().generate(requests);
  other.join();
  ASSERT_TRUE(bool(replies)) << replies.error();
  for (const Reply& reply : *replies) {
    EXPECT_EQ(reply.finish_reason, "cancelled");
    EXPECT_LE(reply.output_ids.size(), 4u);
    EXPECT_GE(reply.output_ids.size(), 1u);
  }
  shared().cancel();  // nothing runs: without effect
  EXPECT_EQ(answer(shared(), ask("12+30=?")).finish_reason, "stop");
}

TEST(Library, OneCallAtATime) {
  GenerateRequest request = ask("1+1=?");
  std::optional<ErrorKind> inner;
  request.on_token = [&](int32_t, std::string_view, bool) {
    auto second = shared().generate({ask("2+2=?")});
    if (!second) inner = second.kind();
    return false;
  };
  EXPECT_EQ(answer(shared(), request).finish_reason, "stop");
  EXPECT_EQ(inner, ErrorKind::busy);
  EXPECT_EQ(answer(shared(), ask("1+1=?")).finish_reason, "stop");
}

TEST(Library, TurnsMessagesAndIdsAreOneConversation) {
  const Reply message = answer(shared(), ask("3+4=?"));
  GenerateRequest turns = ask("not looked at");
  turns.turns = {{"user", "3+4=?"}};
  expect_same(answer(shared(), turns), message);
  GenerateRequest ids = turns;
  ids.prompt_ids = message.prompt_ids;
  ids.turns = {{"user", "not looked at either"}};
  const Reply by_ids = answer(shared(), ids);
  EXPECT_EQ(by_ids.prompt_ids, message.prompt_ids);
  EXPECT_EQ(by_ids.output_ids, message.output_ids);
  turns.turns = {{"system", "s"}, {"user", "1+1=?"}, {"assistant", "=2"}, {"user", "3+4=?"}};
  const std::string text = shared().detokenize(answer(shared(), turns).prompt_ids);
  size_t at = 0;
  for (const char* part : {"s", "1+1=?", "=2", "3+4=?"}) {
    at = text.find(part, at);
    ASSERT_NE(at, text.npos) << part << " in " << text;
  }
}

TEST(Library, AStopEndsTheAnswerBeforeIt) {
  const Reply whole = answer(shared(), ask("48291+7734=?"));
  const size_t place = whole.text.find("602");
  ASSERT_NE(place, whole.text.npos);
  GenerateRequest request = ask("48291+7734=?");
  request.stop = {"nowhere", "602"};
  const Reply cut = answer(shared(), request);
  EXPECT_EQ(cut.text, whole.text.substr(0, place));
  EXPECT_EQ(cut.reasoning, whole.reasoning);
  EXPECT_EQ(cut.finish_reason, "stop");
}

TEST(Library, ASeedGivesTheSameTextWhateverTheThreads) {
  LanguageModel two_threads = mini(2);
  std::set<std::vector<int32_t>> texts;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    GenerateRequest request = ask("Tell me something");
    request.temperature = 2;
    request.top_p = 0.99;
    request.top_k = 100;
    request.min_p = 0.001;
    request.seed = seed;
    request.max_tokens = 40;
    const Reply reply = answer(shared(), request);
    expect_same(answer(shared(), request), reply);
    expect_same(answer(two_threads, request), reply);
    texts.insert(reply.output_ids);
  }
  EXPECT_GT(texts.size(), 1u);
}

TEST(Library, TextsComeBackFromTheirTokens) {
  for (const std::string text : {"", "12+30=?", "你好，世界", "a\xFF\xC3z", "<think></think>"}) {
    const std::vector<int32_t> ids = shared().tokenize(text);
    EXPECT_EQ(shared().detokenize(ids), text);
    for (const int32_t id : ids) EXPECT_TRUE(id >= 0 && id < shared().vocab_size());
  }
  // What a user writes is no control token, though it looks like one.
  EXPECT_GT(shared().tokenize("<think>").size(), 1u);
  EXPECT_EQ(shared().detokenize({-1, 1 << 30, INT32_MIN, INT32_MAX}), "");
  EXPECT_EQ(shared().architecture(), "deepseek_v3");
  EXPECT_EQ(shared().vocab_size(), 512);
}

// Folders of our own
// -------------------------------------------------------------------------------

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = fs::path(testing::TempDir()) /
            ("hearth_library_" + std::to_string(::getpid()) + "_" + info->name());
    fs::create_directories(path_);
  }
  void TearDown() override { fs::remove_all(path_); }

  void write(const std::string& name, const std::string& content) {
    fs::remove(path_ / name);
    std::ofstream(path_ / name, std::ios::binary) << content;
  }

  // Links to the files of the bundled model; each can be replaced by another.
  void link_mini() {
    for (const auto& entry : fs::directory_iterator(kMini)) {
      fs::create_symlink(entry.path(), path_ / entry.path().filename());
    }
  }

  nlohmann::json json_of(const std::string& file) {
    return nlohmann::json::parse(std::ifstream(file));
  }

  // The golden llama with a vocabulary of 80 letters, and its config changed by `keys`.
  void write_llama(const nlohmann::json& keys = nlohmann::json::object()) {
    fs::copy_file(kGolden + "/llama/model.safetensors", path_ / "model.safetensors");
    nlohmann::json config = json_of(kGolden + "/llama/config.json");
    config.update(keys);
    write("config.json", config.dump());
    write("generation_config.json", R"({"eos_token_id": 79})");
    nlohmann::json vocab;
    for (int i = 0; i < 80; ++i) vocab[std::string(1, static_cast<char>('!' + i))] = i;
    write("tokenizer.json",
          nlohmann::json(
              {{"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", nlohmann::json::array()}}},
               {"pre_tokenizer", {{"type", "ByteLevel"}, {"use_regex", false}}},
               {"decoder", {{"type", "ByteLevel"}}}})
              .dump());
  }

  void expect_refused(ErrorKind kind, const std::string& says, const LoadSettings& settings = {}) {
    auto model = LanguageModel::load(path_, settings);
    ASSERT_FALSE(bool(model));
    EXPECT_EQ(model.kind(), kind) << model.error();
    EXPECT_NE(model.error().find(says), std::string::npos) << model.error();
    EXPECT_EQ(model.error().find('\n'), std::string::npos);
  }

  fs::path path_;
};

// The integers of a golden file, whose tensors of ids are I64.
std::vector<int32_t> golden_ids(const std::string& file, const std::string& name) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  const auto place = nlohmann::json::parse(bytes.substr(8, header))[name]["data_offsets"];
  std::vector<int32_t> ids;
  for (size_t at = place[0]; at < place[1].get<size_t>(); at += 8) {
    int64_t id = 0;
    std::memcpy(&id, bytes.data() + 8 + header + at, 8);
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

TEST_F(Folder, AnAdapterChangesTheModel) {
  write_llama();
  const std::string golden = kGolden + "/adapters/llama/attention/golden.safetensors";
  GenerateRequest request;
  request.prompt_ids = golden_ids(golden, "input_ids");
  request.prompt_ids.resize(12);  // prompt_length
  request.temperature = 0;
  request.max_tokens = 8;
  LoadSettings settings;
  settings.dtype = "f32";
  settings.device = "reference";
  settings.context = 64;
  const auto generated = [&] {
    auto model = LanguageModel::load(path_, settings);
    EXPECT_TRUE(bool(model)) << model.error();
    return model ? answer(*model, request).output_ids : std::vector<int32_t>();
  };
  const std::vector<int32_t> bare = generated();
  settings.adapter = kGolden + "/adapters/llama/attention";
  EXPECT_EQ(generated(), golden_ids(golden, "generated_ids"));  // as PEFT gave
  settings.adapter = kGolden + "/adapters/llama/attention.gguf";
  EXPECT_EQ(generated(), golden_ids(golden, "generated_ids"));
  EXPECT_NE(bare, golden_ids(golden, "generated_ids"));
  settings.adapter = kGolden + "/adapters/deepseek_v3/projections";
  expect_refused(ErrorKind::invalid, "no such weight", settings);
  settings.adapter = path_ / "nowhere";
  expect_refused(ErrorKind::not_found, "nowhere", settings);
}

TEST_F(Folder, NoticesAreHandedOn) {
  EXPECT_TRUE(shared().notices().empty());
  link_mini();
  nlohmann::json config = json_of(kMini + "/config.json");
  config["auto_map"] = {{"AutoModelForCausalLM", "modeling.Evil"}};
  write("config.json", config.dump());
  auto model = LanguageModel::load(path_, {});
  ASSERT_TRUE(bool(model)) << model.error();
  ASSERT_EQ(model->notices().size(), 1u);
  EXPECT_NE(model->notices()[0].find("never run"), std::string::npos) << model->notices()[0];
}

TEST_F(Folder, WrongSettingsAreInvalid) {
  link_mini();
  LoadSettings settings;
  settings.dtype = "int3";
  expect_refused(ErrorKind::invalid, "int3", settings);
  settings = {};
  settings.device = "tpu";
  expect_refused(ErrorKind::invalid, "tpu", settings);
  fs::remove(path_ / "config.json");
  expect_refused(ErrorKind::invalid, "config.json");
}

TEST_F(Folder, WhatIsMissingIsNotFound) {
  link_mini();
  fs::remove(path_ / "tokenizer.json");
  expect_refused(ErrorKind::not_found, "tokenizer.json");
  fs::remove(path_ / "model.safetensors");
  expect_refused(ErrorKind::not_found, "model.safetensors");
  path_ /= "nowhere";
  expect_refused(ErrorKind::not_found, "nowhere");
  path_ = path_.parent_path();
}

TEST_F(Folder, BrokenFilesAreCorrupt) {
  link_mini();
  write("tokenizer.json", "{\"model\":");
  expect_refused(ErrorKind::corrupt, "tokenizer.json");
  nlohmann::json config = json_of(kMini + "/config.json");
  config["num_hidden_layers"] = -4;
  write("config.json", config.dump());
  expect_refused(ErrorKind::corrupt, "num_hidden_layers");
  write("model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  expect_refused(ErrorKind::corrupt, "Git LFS");
}

TEST_F(Folder, OtherNetworksAreUnsupported) {
  link_mini();
  nlohmann::json config = json_of(kMini + "/config.json");
  config["model_type"] = "mamba";
  write("config.json", config.dump());
  expect_refused(ErrorKind::unsupported, "mamba");
}

TEST_F(Folder, AContextThatDoesNotFitIsNoMemory) {
  write_llama({{"max_position_embeddings", 1 << 30}});
  LoadSettings settings;
  settings.dtype = "f32";
  settings.context = 1 << 30;  // 2 layers of 2 * 2 heads of 12 floats: 384 GiB
  const int64_t memory = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  if (memory > int64_t{380} << 30) GTEST_SKIP() << "the machine has memory for 384 GiB";
  expect_refused(ErrorKind::no_memory, "GB", settings);
}

TEST_F(Folder, AModelWithoutATemplateTakesIds) {
  write_llama();
  auto model = LanguageModel::load(path_, {});
  ASSERT_TRUE(bool(model)) << model.error();
  auto chat = model->generate({ask("hello")});
  ASSERT_FALSE(bool(chat));
  EXPECT_EQ(chat.kind(), ErrorKind::unsupported) << chat.error();
  GenerateRequest ids = ask("");
  ids.prompt_ids = model->tokenize("hello");
  ids.max_tokens = 3;
  EXPECT_FALSE(answer(*model, ids).output_ids.empty());
}

TEST(Library, OneWrongRequestFailsTheCall) {
  const auto refused = [](const GenerateRequest& request) {
    auto replies = shared().generate({ask("1+1=?"), request});
    ASSERT_FALSE(bool(replies));
    EXPECT_EQ(replies.kind(), ErrorKind::invalid) << replies.error();
    EXPECT_FALSE(replies.error().empty());
    EXPECT_EQ(replies.error().find('\n'), std::string::npos);
  };
  std::vector<GenerateRequest> wrong(7, ask("1+1=?"));
  wrong[0].prompt_ids = {5, 512};
  wrong[1].prompt_ids = {-1};
  wrong[2].prompt_ids.assign(513, 5);  // longer than the context
  wrong[3].temperature = -1;
  wrong[4].top_p = 1.5;
  wrong[5].top_k = -3;
  wrong[6].min_p = 2;
  for (size_t i = 0; i < wrong.size(); ++i) {
    SCOPED_TRACE(i);
    refused(wrong[i]);
  }
  EXPECT_EQ(answer(shared(), ask("1+1=?")).finish_reason, "stop");
}

TEST(Library, NoTokensAreAnAnswerWithout) {
  for (const int64_t none : {int64_t{0}, int64_t{-1}, INT64_MIN}) {
    GenerateRequest request = ask("1+1=?");
    request.max_tokens = none;
    const Reply reply = answer(shared(), request);
    EXPECT_TRUE(reply.output_ids.empty());
    EXPECT_EQ(reply.text, "");
    EXPECT_EQ(reply.finish_reason, "length");
  }
}

TEST(Library, BytesThatAreNoUtf8HarmNobody) {
  GenerateRequest request = ask("a\xFF\xC3");
  request.max_tokens = 3;
  request.stop = {"\xFF"};
  auto replies = shared().generate({request});
  if (!replies) {
    EXPECT_EQ(replies.kind(), ErrorKind::invalid) << replies.error();
  }
}

}  // namespace
}  // namespace hearth
