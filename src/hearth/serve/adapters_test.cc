// Adapters over HTTP: who may load them and from where, what requests with and without one get, and
// that loading and unloading harms nobody's stream.
#include "hearth/serve/adapters.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <fstream>
#include <map>
#include <thread>

#include "hearth/serve/test_server.h"

namespace hearth::serve {
namespace {

constexpr const char* kPath = "/v1/adapters";

std::string load_body(const std::string& name, const std::string& path) {
  return Json({{"name", name}, {"path", path}}).dump();
}

std::string write_adapter(const TestServer& server, const std::string& name, double b_sigma,
                          uint32_t seed) {
  const test::RandomAdapter options{
      {"q_proj", "q_a_proj", "q_b_proj", "o_proj", "kv_b_proj", "gate_proj", "down_proj"},
      4,
      b_sigma,
      seed};
  test::write_random_adapter(server.folder / name, mini().model(), options);
  return name;
}

// The greedy answer of a model by its name in requests.
Json answer(TestServer& server, const std::string& model, int64_t tokens = 24) {
  HttpReply made = server.post(
      "/v1/completions",
      Json({{"prompt", "12+30"}, {"model", model}, {"max_tokens", tokens}, {"temperature", 0}})
          .dump());
  EXPECT_TRUE(made.pending) << made.body;
  return made.pending ? parsed(wait_for(*made.pending)) : Json();
}

std::string text_of(const Json& reply) {
  return reply["choices"][0]["text"].get<std::string>();
}

TEST(AdaptersHttp, AreLoadedNamedListedAndUnloaded) {
  TestServer server;
  const std::string bare = text_of(answer(server, "mini"));
  const HttpReply loaded =
      server.post(kPath, load_body("law", write_adapter(server, "law-v1", 0.7, 1)));
  EXPECT_EQ(loaded.status, 200) << loaded.body;
  const Json entry = parsed(loaded.body);
  EXPECT_EQ(entry["id"], "law");
  EXPECT_EQ(entry["model"], "mini:law");
  EXPECT_EQ(entry["rank"], 4);
  EXPECT_GT(entry["bytes"], 0);
  EXPECT_EQ(parsed(server.ask("GET", kPath).body)["data"], Json::array({entry}));
  EXPECT_EQ(server.metric("hearth_adapters_loaded"), 1);
  EXPECT_EQ(server.metric("hearth_adapter_memory_bytes"), entry["bytes"]);

  const Json reply = answer(server, "mini:law");
  EXPECT_EQ(reply["model"], "mini:law");
  EXPECT_NE(text_of(reply), bare);
  EXPECT_EQ(text_of(answer(server, "mini")), bare);
  const Json models = parsed(server.ask("GET", "/v1/models").body);
  ASSERT_EQ(models["data"].size(), 2u);
  EXPECT_EQ(models["data"][1]["id"], "mini:law");
  EXPECT_EQ(server.ask("GET", "/v1/models/mini:law").status, 200);

  EXPECT_EQ(server.ask("DELETE", "/v1/adapters/law").status, 200);
  EXPECT_EQ(server.ask("DELETE", "/v1/adapters/law").status, 404);
  EXPECT_EQ(server.ask("GET", "/v1/models/mini:law").status, 404);
  const HttpReply gone = server.post("/v1/completions", R"({"prompt":"1","model":"mini:law"})");
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(parsed(gone.body)["error"]["code"], "model_not_found");
  EXPECT_EQ(server.metric("hearth_adapters_loaded"), 0);
  EXPECT_EQ(text_of(answer(server, "mini")), bare);
}

// What is wrong costs one clear answer. Whether a file exists outside of the directory can't be
// learned: the answers are the same.
TEST(AdaptersHttp, EachWrongRequestIsOneClearAnswer) {
  TestServer server;
  const test::AdapterFolder outside;
  test::write_random_adapter(outside / "a", mini().model(), {{"o_proj"}, 4, 0.5, 1});
  std::filesystem::create_symlink(outside / "a", server.folder / "link");
  write_adapter(server, "good", 0.1, 1);
  std::filesystem::create_directories(server.folder / "empty");
  // One file of an adapter that is a link: out of the directory, nowhere, or to a neighbour.
  const auto with_link = [&](const std::string& name, const char* file, const std::string& to) {
    const std::filesystem::path link =
        server.folder / write_adapter(server, name, 0.1, 1) + "/" + file;
    std::filesystem::remove(link);
    std::filesystem::create_symlink(to, link);
  };
  with_link("config-out", "adapter_config.json", outside / "a/adapter_config.json");
  with_link("config-lost", "adapter_config.json", outside / "none");
  with_link("weights-out", "adapter_model.safetensors", outside / "a/adapter_model.safetensors");
  with_link("weights-in", "adapter_model.safetensors", "../good/adapter_model.safetensors");
  const std::string up = "../" + outside.path().filename().string() + "/a";
  struct Case {
    std::string body;
    int status;
    std::string code;
  };
  for (const Case& c : {
           Case{"{", 400, "invalid_json"},
           Case{"{}", 400, "missing"},
           Case{R"({"name":"a"})", 400, "missing"},
           Case{R"({"name":7,"path":"good"})", 400, "invalid_type"},
           Case{load_body("a/b", "good"), 400, "invalid_value"},
           Case{load_body("a:b", "good"), 400, "invalid_value"},
           Case{load_body(std::string(65, 'a'), "good"), 400, "invalid_value"},
           Case{load_body("a", "none"), 404, "adapter_not_found"},
           Case{load_body("a", outside / "a"), 404, "adapter_not_found"},
           Case{load_body("a", "/nowhere/at/all"), 404, "adapter_not_found"},
           Case{load_body("a", up), 404, "adapter_not_found"},
           Case{load_body("a", "../none"), 404, "adapter_not_found"},
           Case{load_body("a", "link"), 404, "adapter_not_found"},
           Case{load_body("a", "config-out"), 404, "adapter_not_found"},
           Case{load_body("a", "config-lost"), 404, "adapter_not_found"},
           Case{load_body("a", "weights-out"), 404, "adapter_not_found"},
           Case{load_body("a", "."), 404, "adapter_not_found"},
           Case{load_body("a", std::string("good\0x", 6)), 404, "adapter_not_found"},
           Case{load_body("a", "empty"), 400, "invalid"},
       }) {
    const HttpReply reply = server.post(kPath, c.body);
    EXPECT_EQ(reply.status, c.status) << c.body << reply.body;
    EXPECT_EQ(parsed(reply.body)["error"]["code"], c.code) << c.body << reply.body;
    EXPECT_EQ(reply.body.find(server.folder.path().string()), std::string::npos) << reply.body;
  }
  EXPECT_EQ(server.post(kPath, load_body("in", "weights-in")).status, 200);
  EXPECT_EQ(server.post(kPath, load_body("a", "good")).status, 200);
  EXPECT_EQ(server.post(kPath, load_body("a", "good")).status, 409);
  EXPECT_EQ(server.ask("PUT", kPath).status, 405);
  EXPECT_EQ(server.ask("PUT", kPath).headers[0].second, "GET, POST");
  EXPECT_EQ(server.ask("GET", "/v1/adapters/a").status, 405);
}

TEST(AdaptersHttp, WithoutADirectoryNothingIsLoaded) {
  TestServer server;
  Adapters closed(mini().loaded(), mini_backend(), *server.loop, server.metrics, "");
  write_adapter(server, "good", 0.1, 1);
  LoadedAdapter loaded;
  const auto refused = closed.load("a", "good", loaded);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 403);
}

TEST(AdaptersHttp, NeedTheAdminScope) {
  const test::AdapterFolder folder;
  const auto user = make_api_key("user");
  const auto admin = make_api_key("admin");
  std::ofstream(folder / "keys") << user->line << "\n" << admin->line << " scopes=generate,admin\n";
  GateOptions access;
  access.keys_path = folder / "keys";
  TestServer server({.access = access});
  const std::string body = load_body("a", write_adapter(server, "good", 0.1, 1));
  for (const char* method : {"GET", "POST"}) {
    EXPECT_EQ(server.ask(method, kPath, body).status, 401);
    EXPECT_EQ(server.ask(method, kPath, body, user->key).status, 403);
    EXPECT_EQ(server.ask(method, kPath, body, admin->key).status, 200);
  }
  EXPECT_EQ(server.ask("DELETE", "/v1/adapters/a", "", user->key).status, 403);
  EXPECT_EQ(server.ask("DELETE", "/v1/adapters/a", "", admin->key).status, 200);
}

// Answers with and without adapters go on, each the one it would be alone, while adapters come and
// go; one that was begun ends with the adapter it began with.
TEST(AdaptersHttp, ComeAndGoUnderLoad) {
  TestServer server;
  write_adapter(server, "kept", 0.7, 1);
  write_adapter(server, "passing", 0.7, 2);
  ASSERT_EQ(server.post(kPath, load_body("kept", "kept")).status, 200);
  ASSERT_EQ(server.post(kPath, load_body("passing", "passing")).status, 200);
  std::map<std::string, std::string> alone;
  constexpr std::array kModels = {"mini", "mini:kept", "mini:passing"};
  for (const char* model : kModels) {
    alone[model] = text_of(answer(server, model, 60));
  }
  std::atomic<bool> over{false};
  std::thread owner([&] {
    while (!over) {
      EXPECT_EQ(server.ask("DELETE", "/v1/adapters/passing").status, 200);
      EXPECT_EQ(server.post(kPath, load_body("passing", "passing")).status, 200);
    }
  });
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      const std::string model = kModels[static_cast<size_t>(c % 3)];
      for (int i = 0; i < 6; ++i) {
        const std::string body =
            Json({{"prompt", "12+30"}, {"model", model}, {"max_tokens", 60}, {"temperature", 0}})
                .dump();
        HttpReply made = server.post("/v1/completions", body);
        if (!made.pending) {
          EXPECT_EQ(model, "mini:passing") << made.body;  // just then it was away
          continue;
        }
        EXPECT_EQ(text_of(parsed(wait_for(*made.pending))), alone[model]) << model;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  over = true;
  owner.join();
  EXPECT_EQ(server.metric("hearth_requests_failed_total"), 0);
}

// Who asks a server that ends is told so.
TEST(AdaptersHttp, AnEndingServerLoadsNothing) {
  TestServer server;
  write_adapter(server, "good", 0.1, 1);
  server.loop->stop();
  EXPECT_EQ(server.post(kPath, load_body("a", "good")).status, 503);
}

}  // namespace
}  // namespace hearth::serve
