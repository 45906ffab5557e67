// The clock's side of HTTP over real sockets: heads and bodies that come a byte at a time, chunks
// and bodies that never come, clients that leave at each byte of their answer.
#include "hearth/serve/http/http_server.h"

#include <thread>

#include "hearth/serve/held_backend.h"
#include "hearth/serve/http/testing.h"

namespace hearth::serve {
namespace {

using std::chrono::milliseconds;

HttpOptions impatient() {
  HttpOptions options;
  options.header_seconds = 0.3;
  options.body_seconds = 0.3;
  return options;
}

const std::string kPost = "POST /tokenize HTTP/1.1\r\nHost: localhost\r\n";

TEST(HttpServer, HeadsAndBodiesThatComeByteByByteAreCut) {
  HttpTestServer server(impatient());
  const Neighbour neighbour(server);
  const std::string head = "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Filler: ";
  for (const std::string& begin : {std::string(), head, kPost + "Content-Length: 1000\r\n\r\n",
                                   kPost + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n"}) {
    const Client client(server.http->port());
    client.send(begin);
    const auto start = std::chrono::steady_clock::now();
    std::thread drip([&] {
      while (client.send("a")) {
        std::this_thread::sleep_for(milliseconds(20));
        if (std::chrono::steady_clock::now() - start > std::chrono::seconds(10)) break;
      }
    });
    EXPECT_EQ(server.status_of(client.read()), "408") << begin;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8));
    drip.join();
  }
  server.expect_alive();
}

TEST(HttpServer, BodiesThatNeverComeAreCut) {
  HttpTestServer server(impatient());
  const Neighbour neighbour(server);
  for (const std::string& begin :
       {kPost + "Content-Length: 10\r\n\r\n", kPost + "Transfer-Encoding: chunked\r\n\r\n",
        kPost + "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        kPost + "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"}) {
    const Client client(server.http->port());
    client.send(begin);
    EXPECT_EQ(server.status_of(client.read()), "408") << begin;
  }
  server.expect_alive();
}

TEST(HttpServer, TellsAClientThatAsksToContinue) {
  const std::string head = kPost + "Content-Length: 14\r\nExpect: 100-continue\r\n\r\n";
  {
    HttpTestServer server;
    const Client follows(server.http->port());
    follows.send(head);
    const std::string told = "HTTP/1.1 100 Continue\r\n\r\n";
    EXPECT_EQ(follows.read(told.size()), told);
    follows.send(R"({"prompt":"a"})");
    EXPECT_EQ(server.status_of(follows.read(12)), "200");
  }
  HttpTestServer server(impatient());
  const Neighbour neighbour(server);
  const Client never(server.http->port());
  never.send(head);
  const std::string answer = never.read();
  EXPECT_NE(answer.find("HTTP/1.1 408 "), answer.npos) << answer;
}

// Told so in full, although most of what they send is never read as a request.
TEST(HttpServer, ConnectionsTooManyAreToldSo) {
  HttpOptions options;
  options.connections_max = 2;
  HttpTestServer server(options);
  {
    const Client first(server.http->port()), second(server.http->port());
    for (const Client* client : {&first, &second}) {
      client->send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
      ASSERT_EQ(server.status_of(client->read(12)), "200");
    }
    for (int i = 0; i < 20; ++i) {
      const Client one_more(server.http->port());
      one_more.send(http_request("POST", "/v1/chat/completions", std::string(40'000, ' ')));
      const std::string answer = one_more.read();
      EXPECT_EQ(server.status_of(answer), "503");
      EXPECT_NE(answer.find("Retry-After: 1\r\n"), answer.npos) << answer;
      EXPECT_NE(answer.find(R"("code":"overloaded")"), answer.npos) << answer;
    }
    // At once more than are refused at once: the others wait for their turn.
    std::vector<std::unique_ptr<Client>> crowd;
    for (int i = 0; i < 200; ++i) crowd.push_back(std::make_unique<Client>(server.http->port()));
    for (const auto& one : crowd) EXPECT_EQ(server.status_of(one->read(12)), "503");
    EXPECT_EQ(server.metric("hearth_requests_rejected_total"), 220);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::string status;
  while (status != "200" && std::chrono::steady_clock::now() < end) {
    const Client next(server.http->port());
    next.send("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    status = server.status_of(next.read());
  }
  EXPECT_EQ(status, "200");
}

// Slow and steady: the same text, in however few events.
TEST(HttpServer, ASlowReaderGetsTheWholeText) {
  HttpTestServer server;
  const std::string body = chat_body(
      "7*8=?",
      R"(,"stream":true,"seed":3,"temperature":1,"logit_bias":{"1":-100},"max_tokens":400)");
  const auto read_by = [&](size_t bytes, int pause_ms) {
    const Client client(server.http->port());
    client.send(http_request("POST", "/v1/chat/completions", body));
    std::string all;
    for (std::string piece = client.read(bytes); !piece.empty(); piece = client.read(bytes)) {
      all += piece;
      std::this_thread::sleep_for(milliseconds(pause_ms));
    }
    return stream_text(all);
  };
  const std::string expected = read_by(1 << 20, 0);
  ASSERT_GT(expected.size(), 100u);
  EXPECT_EQ(read_by(100, 1), expected);
  EXPECT_EQ(read_by(4096, 20), expected);
}

// Whatever was taken of an answer: its request ends, is counted once, and others go on.
TEST(HttpServer, ClientsThatLeaveAtEachByte) {
  HttpTestServer server;
  auto neighbour = std::make_unique<Neighbour>(server);
  const std::string body = chat_body("7*8=?", R"(,"stream":true,"temperature":0,"max_tokens":2)");
  const std::string request = http_request("POST", "/v1/chat/completions", body);
  std::string whole;
  {
    const Client client(server.http->port());
    client.send(request);
    whole = client.read();
    ASSERT_EQ(server.status_of(whole), "200");
  }
  for (size_t taken = 0; taken < whole.size(); ++taken) {
    const Client client(server.http->port());
    client.send(request);
    client.read(taken);
    if (taken % 2 == 0) client.reset();
  }
  neighbour.reset();
  EXPECT_TRUE(server.wait_for_all());
  EXPECT_EQ(server.loop->live(), 0);
  server.expect_alive();
}

// A stream says how far its thought is while there is nothing else to say: the engine stands
// between two steps until that was read.
TEST(HttpServer, ASilentStreamTellsHowFarItsThoughtIs) {
  HeldBackend backend;
  HttpOptions options;
  options.ping_seconds = 0.005;
  LoopOptions loop;
  loop.probe_seconds = 3600;  // no step but the request's
  HttpTestServer server(options, {.loop = loop, .backend = &backend});
  const Client client(server.http->port());
  const std::string never =  // the thought's end, and the answer's
      fmt::format(R"("logit_bias":{{"{}":-100,"1":-100}},)", *mini().tokenizer().find("</think>"));
  std::string seen;
  const auto read_until = [&](const std::string& text) {
    while (seen.find(text, seen.size() - std::min(seen.size(), text.size())) == seen.npos) {
      if (seen.size() > 200'000) return false;  // signs of life alone, by thousands
      const std::string byte = client.read(1);
      if (byte.empty()) return false;
      seen += byte;
    }
    return true;
  };
  {
    const Held held(backend);
    const int64_t before = backend.steps;
    client.send(http_request(
        "POST", "/v1/chat/completions",
        chat_body("12+30=?", R"(,"stream":true,"temperature":0,)" + never + R"("max_tokens":30)")));
    ASSERT_TRUE(read_until("\n: keep-alive\n\n")) << seen;
    for (int64_t step = 1; step <= 12; ++step) {
      ASSERT_TRUE(held.step_until([&] { return backend.steps >= before + step; }));
      ASSERT_TRUE(read_until(fmt::format("\n: thinking {}\n\n", step))) << seen;
    }
  }
  ASSERT_TRUE(read_until("data: [DONE]\n\n")) << seen;
  EXPECT_NE(seen.find(R"("finish_reason":"length")"), seen.npos);
}

}  // namespace
}  // namespace hearth::serve
