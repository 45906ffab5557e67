// A service over the bundled model, without sockets, and how its answers are read.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "hearth/files/json.h"
#include "hearth/models/adapters/testing.h"
#include "hearth/serve/service.h"
#include "hearth/serve/testing.h"

namespace hearth::serve {

inline constexpr int64_t kContext = 512;

struct TestSettings {
  LoopOptions loop = {};
  GateOptions access = {};
  int64_t stream_buffer = 256 << 10;
  pii::Mode personal_data = pii::Mode::off;
  watermark::Policy watermark = {};
  ResumePolicy resume = {};
  Backend* backend = nullptr;  // the engine's; null: the shared one
};

struct TestServer {
  explicit TestServer(TestSettings settings = {}) {
    auto opened = Gate::open(settings.access);
    CHECK(opened.has_value());
    gate = *std::move(opened);
    engine = mini_engine(kContext, 4, settings.backend ? *settings.backend : mini_backend());
    loop = std::make_unique<EngineLoop>(mini(), *engine, metrics, settings.loop);
    adapters = std::make_unique<Adapters>(mini().loaded(), mini_backend(), *loop, metrics,
                                          folder.path().string());
    AdmissionOptions options;
    options.model_names = {"mini"};
    options.context = kContext;
    options.stream_buffer = settings.stream_buffer;
    options.personal_data.mode = settings.personal_data;
    options.watermark = std::move(settings.watermark);
    options.resume = std::move(settings.resume);
    admission =
        std::make_unique<Admission>(mini(), *loop, *adapters, *gate, metrics, std::move(options));
    service =
        std::make_unique<Service>(*admission, *loop, *adapters, *gate, metrics, ServiceOptions());
    CHECK(loop->start().is_ok());
  }
  ~TestServer() { loop->stop(); }

  HttpReply post(const std::string& path, const std::string& body, const std::string& key = "") {
    return ask("POST", path, body, key);
  }
  HttpReply ask(const std::string& method, const std::string& path, const std::string& body = "",
                const std::string& key = "") {
    RequestHead head;
    head.method = method;
    head.target = path;
    head.host = "localhost";
    head.x_api_key = key;
    RequestContext context;
    auto refused = service->refuse(head, context);
    return refused ? *std::move(refused) : service->handle(head, context, body);
  }
  // A counter or gauge, summed over its labels.
  double metric(const std::string& name) const {
    double sum = 0;
    std::istringstream lines(metrics.text());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(name + "{")) sum += std::stod(line.substr(line.rfind(' ')));
    }
    return sum;
  }
  double ended() const {
    return metric("hearth_requests_completed_total") + metric("hearth_requests_failed_total") +
           metric("hearth_requests_cancelled_total");
  }
  bool wait_for_metric(const std::string& name, double value) const {
    return wait([&] { return metric(name) == value; });
  }
  // Every request that was admitted has ended.
  bool wait_for_all() const {
    return wait([&] { return metric("hearth_requests_admitted_total") == ended(); });
  }
  static bool wait(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() >= end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  test::AdapterFolder folder;  // where adapters may be loaded from
  Metrics metrics{"mini"};
  std::unique_ptr<Gate> gate;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<EngineLoop> loop;
  std::unique_ptr<Adapters> adapters;
  std::unique_ptr<Admission> admission;
  std::unique_ptr<Service> service;
};

inline std::string chat_body(const std::string& question, const std::string& members = "") {
  return R"({"messages":[{"role":"user","content":")" + question + "\"}]" + members + "}";
}

// Everything that a pending answer says: an event stream, or the body of the whole reply.
inline std::string wait_for(PendingAnswer& pending, int* status = nullptr) {
  std::string bytes;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (std::chrono::steady_clock::now() < end) {
    PendingAnswer::Progress p = pending.poll(!bytes.empty());
    bytes += p.bytes;
    if (p.whole) {
      if (status) *status = p.whole->status;
      return p.whole->body;
    }
    if (p.ended) return bytes;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ADD_FAILURE() << "no end";
  return bytes;
}

inline Json parsed(const std::string& text) {
  auto json = parse_json(text);
  EXPECT_TRUE(json.has_value()) << text;
  return json ? *std::move(json) : Json();
}

}  // namespace hearth::serve
