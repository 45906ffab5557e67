// The real binary over gRPC: `hearth serve --grpc-port` on a free port, spoken to by a real client,
// plain and over TLS; SIGTERM lets what runs finish.
#include <grpc/health/v1/health.grpc.pb.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <hearth/v1/hearth.grpc.pb.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using Health = grpc::health::v1::HealthCheckResponse;

// A running server; wait() gives its exit code.
class Server {
 public:
  // `log`: a file for what it says of each request; "": it says nothing of them.
  explicit Server(const std::string& port, std::vector<std::string> arguments = {},
                  const std::string& log = "") {
    arguments.insert(arguments.begin(),
                     {HEARTH_BINARY, "serve", "--model", HEARTH_SOURCE_DIR "/assets/mini", "--port",
                      "0", "--grpc-port", port, "--json"});
    if (log.empty()) arguments.push_back("--no-log-requests");
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    int ends[2];
    if (::pipe(ends) != 0) return;
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      if (!log.empty() && !std::freopen(log.c_str(), "w", stderr)) ::_exit(126);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    std::FILE* out = ::fdopen(ends[0], "r");
    for (int c = std::fgetc(out); c != EOF && c != '\n'; c = std::fgetc(out)) {
      line_ += static_cast<char>(c);
    }
    std::fclose(out);
  }
  ~Server() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    wait();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void terminate() const { ::kill(process_, SIGTERM); }
  int wait() {
    int status = -1;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // What it said when it listened.
  nlohmann::json announced() const { return nlohmann::json::parse(line_, nullptr, false); }
  std::string address(const std::string& host) const {
    return host + ':' + std::to_string(announced().value("grpc_port", 0));
  }

 private:
  pid_t process_ = -1;
  std::string line_;
};

hearth::v1::ChatRequest question() {
  hearth::v1::ChatRequest request;
  auto* message = request.add_messages();
  message->set_role("user");
  message->set_content("12+30=?");
  return request;
}

struct Answer {
  std::string content;
  hearth::v1::FinishReason finish = hearth::v1::FINISH_REASON_UNSPECIFIED;
  grpc::Status status;
};

Answer read_all(grpc::ClientReader<hearth::v1::GenerateResponse>& reader) {
  Answer out;
  for (hearth::v1::GenerateResponse part; reader.Read(&part);) {
    out.content += part.content();
    if (part.finish_reason() != 0) out.finish = part.finish_reason();
  }
  out.status = reader.Finish();
  return out;
}

std::string text_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

TEST(GrpcEndToEnd, AnswersAndDrains) {
  Server server("0");
  ASSERT_TRUE(server.announced().contains("grpc_port"));
  const auto channel =
      grpc::CreateChannel(server.address("127.0.0.1"), grpc::InsecureChannelCredentials());
  const auto stub = hearth::v1::Hearth::NewStub(channel);
  grpc::ClientContext first, second;
  const Answer answer = read_all(*stub->Chat(&first, question()));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_NE(answer.content.find("42"), std::string::npos);

  hearth::v1::ChatRequest endless = question();  // its end is never drawn
  (*endless.mutable_options()->mutable_logit_bias())[1] = -100;
  endless.mutable_options()->set_max_tokens(1500);
  const auto running = stub->Chat(&second, endless);
  hearth::v1::GenerateResponse part;
  ASSERT_TRUE(running->Read(&part));
  server.terminate();
  const auto health = grpc::health::v1::Health::NewStub(channel);
  grpc::ClientContext watching;
  const auto watch = health->Watch(&watching, {});
  Health seen;
  while (watch->Read(&seen) && seen.status() == Health::SERVING) {
  }
  EXPECT_EQ(seen.status(), Health::NOT_SERVING);
  const Answer whole = read_all(*running);
  EXPECT_TRUE(whole.status.ok()) << whole.status.error_message();
  EXPECT_EQ(whole.finish, hearth::v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(server.wait(), 0);
}

// The thought would never end: each effort ends it at the tokens that it stands for.
TEST(GrpcEndToEnd, EffortsAreBudgetsOfThoughts) {
  Server server("0", {"--effort-budgets", "5,20,70"});
  ASSERT_TRUE(server.announced().contains("grpc_port"));
  const auto stub = hearth::v1::Hearth::NewStub(
      grpc::CreateChannel(server.address("127.0.0.1"), grpc::InsecureChannelCredentials()));
  const nlohmann::json tokenizer =
      nlohmann::json::parse(text_of(HEARTH_SOURCE_DIR "/assets/mini/tokenizer.json"));
  hearth::v1::ChatRequest endless = question();
  for (const auto& token : tokenizer["added_tokens"]) {
    if (token["content"] != "</think>") continue;
    (*endless.mutable_options()->mutable_logit_bias())[token["id"].get<int32_t>()] = -100;
  }
  ASSERT_EQ(endless.options().logit_bias_size(), 1);
  (*endless.mutable_options()->mutable_logit_bias())[1] = -100;  // the end of an answer
  endless.mutable_options()->set_temperature(0);
  endless.mutable_options()->set_max_tokens(400);
  const auto tokens_of_thought = [&](const hearth::v1::ChatRequest& request) {
    grpc::ClientContext context;
    const auto reader = stub->Chat(&context, request);
    int64_t tokens = -1;
    for (hearth::v1::GenerateResponse part; reader->Read(&part);) {
      if (part.has_usage()) tokens = part.usage().reasoning_tokens();
    }
    EXPECT_TRUE(reader->Finish().ok());
    return tokens;
  };
  hearth::v1::ChatRequest none = endless;
  none.set_thinking_budget(0);
  const int64_t closing = tokens_of_thought(none);
  EXPECT_GT(closing, 0);
  for (const auto& [effort, budget] : {std::pair("low", 5), {"medium", 20}, {"high", 70}}) {
    hearth::v1::ChatRequest request = endless;
    request.set_reasoning_effort(effort);
    EXPECT_EQ(tokens_of_thought(request), budget + closing) << effort;
  }
  EXPECT_EQ(tokens_of_thought(endless), 400);
}

TEST(GrpcEndToEnd, ServesOverTlsWithTheCertificateOfHttp) {
  const std::string key = testing::TempDir() + "grpc_key.pem";
  const std::string certificate = testing::TempDir() + "grpc_certificate.pem";
  const std::string make =
      "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext "
      "subjectAltName=DNS:localhost -keyout " +
      key + " -out " + certificate + " 2> /dev/null";
  ASSERT_EQ(std::system(make.c_str()), 0);
  Server server("0", {"--tls-cert", certificate, "--tls-key", key});
  ASSERT_TRUE(server.announced().contains("grpc_port"));
  grpc::SslCredentialsOptions trusted;
  trusted.pem_root_certs = text_of(certificate);
  const auto stub = hearth::v1::Hearth::NewStub(
      grpc::CreateChannel(server.address("localhost"), grpc::SslCredentials(trusted)));
  grpc::ClientContext context, plainly;
  const Answer answer = read_all(*stub->Chat(&context, question()));
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_NE(answer.content.find("42"), std::string::npos);
  const auto plain = hearth::v1::Hearth::NewStub(
      grpc::CreateChannel(server.address("localhost"), grpc::InsecureChannelCredentials()));
  EXPECT_EQ(read_all(*plain->Chat(&plainly, question())).status.error_code(),
            grpc::StatusCode::UNAVAILABLE);
  server.terminate();
  EXPECT_EQ(server.wait(), 0);
}

TEST(GrpcEndToEnd, WrongPortsAndKeysAreBadInput) {
  Server first("0");
  Server second(std::to_string(first.announced().value("grpc_port", 0)));
  EXPECT_FALSE(second.announced().is_object());
  EXPECT_EQ(second.wait(), 2);
  EXPECT_EQ(Server("70000").wait(), 2);
  EXPECT_EQ(Server("0", {"--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"}).wait(), 2);
  first.terminate();
  EXPECT_EQ(first.wait(), 0);
}

// One event for each call, whatever its end; the label in the trailing metadata, its words in the
// text.
TEST(GrpcEndToEnd, CallsAreEventsAndAnswersAreLabelled) {
  std::string folder = testing::TempDir() + "audit-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string log = folder + "/audit.log";
  Server server("0", {"--audit-log", log, "--label", "prefix"});
  const auto channel =
      grpc::CreateChannel(server.address("127.0.0.1"), grpc::InsecureChannelCredentials());
  const auto stub = hearth::v1::Hearth::NewStub(channel);
  grpc::ClientContext good, bad;
  const Answer answer = read_all(*stub->Chat(&good, question()));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_TRUE(answer.content.starts_with("[AI-generated content]\n\n")) << answer.content;
  const auto& trailer = good.GetServerTrailingMetadata();
  ASSERT_EQ(trailer.count("x-aigc"), 1u);
  const grpc::string_ref value = trailer.find("x-aigc")->second;
  const auto label = nlohmann::json::parse(std::string(value.data(), value.size()));
  EXPECT_EQ(label["Label"], "1");
  EXPECT_EQ(read_all(*stub->Chat(&bad, {})).status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);

  // Both are told before their status was.
  std::vector<nlohmann::json> events;
  std::ifstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    events.push_back(nlohmann::json::parse(line));
  }
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[1]["protocol"], "grpc");
  EXPECT_EQ(events[1]["route"], "/hearth.v1.Hearth/Chat");
  EXPECT_EQ(events[1]["state"], "complete");
  EXPECT_EQ(events[1]["label"], label["ProduceID"]);
  EXPECT_GT(events[1]["completion_tokens"], 0);
  EXPECT_EQ(events[2]["state"], "refused");
  server.terminate();
  EXPECT_EQ(server.wait(), 0);
  std::filesystem::remove_all(folder);
}

// The model sees tokens, the caller values; nothing that the server keeps holds one. What it says
// is laid down by an expression, since the bundled model does sums.
TEST(GrpcEndToEnd, PersonalDataIsMaskedAndRestored) {
  std::string folder = testing::TempDir() + "masked-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string log = folder + "/audit.log";
  const std::vector<std::string> canaries = {"13800138000", "11010519491231002X",
                                             "jane.doe@example.org", "4111111111111111"};
  Server server("0", {"--pii", "mask", "--audit-log", log, "--audit-text", "on", "--log-json"},
                folder + "/log");
  const auto stub = hearth::v1::Hearth::NewStub(
      grpc::CreateChannel(server.address("127.0.0.1"), grpc::InsecureChannelCredentials()));
  hearth::v1::ChatRequest request;
  auto* message = request.add_messages();
  message->set_role("user");
  message->set_content("电话" + canaries[0] + "，身份证" + canaries[1] + ", mail " + canaries[2] +
                       ", card " + canaries[3] + ", again " + canaries[0]);
  request.set_thinking_budget(0);
  auto& options = *request.mutable_options();
  options.set_guided_regex(
      R"(a [\[]MOBILE_1[\]] b [\[]CN_ID_1[\]] c [\[]EMAIL_1[\]] d [\[]CREDIT_CARD_1[\]] e)");
  options.set_max_tokens(200);
  grpc::ClientContext context;
  const Answer answer = read_all(*stub->Chat(&context, request));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.content, "a " + canaries[0] + " b " + canaries[1] + " c " + canaries[2] + " d " +
                                canaries[3] + " e");
  server.terminate();
  EXPECT_EQ(server.wait(), 0);
  const std::string logged = text_of(log);
  EXPECT_NE(logged.find("\"MOBILE\":2"), std::string::npos) << logged;
  const std::string opened = folder + "/events";  // what the log holds sealed, the prompt among it
  const std::string command = HEARTH_BINARY " audit export --events " + log + " > " + opened;
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_NE(text_of(opened).find("[MOBILE_1]"), std::string::npos);
  const std::string said = text_of(folder + "/log");
  EXPECT_NE(said.find("/hearth.v1.Hearth/Chat"), std::string::npos) << said;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    for (const std::string& canary : canaries) {
      EXPECT_EQ(text_of(file.path()).find(canary), std::string::npos) << file.path();
    }
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
