// See grpc_server.h: listening, health, the end. A call's life is in call.cc.
#include "hearth/serve/grpc/grpc_server.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "hearth/base/mapped_file.h"
#include "hearth/serve/grpc/call.h"

namespace hearth::serve {
namespace {

namespace net = boost::asio;
using std::chrono::milliseconds;

constexpr milliseconds kTick{50};
constexpr milliseconds kLastWords{2000};  // for the statuses of calls that are cut
constexpr int64_t kPemBytesMax = 1 << 20;
constexpr const char* kHealthName = "hearth.v1.Hearth";

Result<std::shared_ptr<grpc::ServerCredentials>> credentials(const GrpcOptions& options) {
  if (options.tls_certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions tls;
  TRY_ASSIGN(std::string certificate, read_file(options.tls_certificate, kPemBytesMax));
  TRY_ASSIGN(std::string key, read_file(options.tls_key, kPemBytesMax));
  tls.pem_key_cert_pairs.push_back({std::move(key), std::move(certificate)});
  return grpc::SslServerCredentials(tls);
}

// Dead peers are noticed, idle connections closed. A compressed message may be small and long at
// once: none is taken, as over HTTP.
void set_limits(grpc::ServerBuilder& builder, const GrpcOptions& options) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes_max));
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(options.calls_max) + 1);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 300'000);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
}

// grpc++ only says that it could not: what a socket says to the same address.
std::string why_not(const GrpcOptions& options) {
  boost::system::error_code failure;
  const auto address = net::ip::make_address(options.host, failure);
  if (failure) return "expected an address";
  net::io_context io;
  net::ip::tcp::acceptor acceptor(io);
  const net::ip::tcp::endpoint endpoint(address, options.port);
  acceptor.open(endpoint.protocol(), failure);
  if (!failure) acceptor.bind(endpoint, failure);
  if (failure) return "cannot bind: " + failure.message();
  return options.tls_certificate.empty() ? "cannot listen" : "--tls-cert and --tls-key do not fit";
}

}  // namespace

class GrpcServer::Impl : public grpc::CallbackGenericService {
 public:
  Impl(RpcService& service, EngineLoop& loop, Metrics& metrics, RequestLog& log,
       GrpcOptions options)
      : loop_(loop),
        shared_{.service = service, .metrics = metrics, .log = log, .options = std::move(options)},
        guard_(net::make_work_guard(shared_.io)),
        timer_(shared_.io) {}
  ~Impl() override { stop(); }

  Status open();
  void stop();
  uint16_t port() const { return static_cast<uint16_t>(port_); }

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return Call::start(shared_, *context);
  }
  void tick();
  void tell_health();

  EngineLoop& loop_;
  GrpcShared shared_;
  net::executor_work_guard<net::io_context::executor_type> guard_;
  net::steady_timer timer_;
  std::unique_ptr<grpc::Server> server_;
  std::thread carrier_;
  bool over_ = false;  // of the carrying thread: no more ticks
  int port_ = 0;
  std::optional<bool> told_;  // of health
};

Status GrpcServer::Impl::open() {
  const GrpcOptions& options = shared_.options;
  grpc::EnableDefaultHealthCheckService(true);
  // Clients are told what is wrong with their bytes; the log has a line for each call.
  google::protobuf::SetLogHandler(nullptr);
  gpr_set_log_function([](gpr_log_func_args*) {});
  grpc::ServerBuilder builder;
  TRY_ASSIGN(const auto secured, credentials(options));
  const bool six = options.host.find(':') != std::string::npos;
  const std::string host = six ? "[" + options.host + "]" : options.host;
  builder.AddListeningPort(fmt::format("{}:{}", host, options.port), secured, &port_);
  set_limits(builder, options);
  builder.RegisterCallbackGenericService(this);
  server_ = builder.BuildAndStart();
  if (!server_ || port_ == 0) {
    return error(Code::invalid, "--grpc-port: {}:{}: {}", host, options.port, why_not(options));
  }
  tell_health();
  carrier_ = std::thread([this] {
    tick();
    shared_.io.run();
  });
  return Status::ok();
}

void GrpcServer::Impl::tell_health() {
  const bool ready = loop_.ready();
  if (told_ == ready) return;  // each telling is a message to every watcher, changed or not
  told_ = ready;
  server_->GetHealthCheckService()->SetServingStatus("", ready);
  server_->GetHealthCheckService()->SetServingStatus(kHealthName, ready);
}

void GrpcServer::Impl::tick() {
  tell_health();
  const auto now = Call::Clock::now();
  for (Call* call : std::vector<Call*>(shared_.calls.begin(), shared_.calls.end())) {
    call->tick(now);  // may take itself out of the set
  }
  timer_.expires_after(kTick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !over_) tick();  // it may have been on its way when the timer was cancelled
  });
}

void GrpcServer::Impl::stop() {
  if (!carrier_.joinable()) return;
  net::post(shared_.io, [this] {
    shared_.stopping = true;
    for (Call* call : std::vector<Call*>(shared_.calls.begin(), shared_.calls.end())) {
      call->cut();
    }
  });
  server_->Shutdown(std::chrono::system_clock::now() + kLastWords);
  shared_.workers.join();
  shared_.auditors.join();
  net::post(shared_.io, [this] {
    over_ = true;
    timer_.cancel();
  });
  guard_.reset();  // the thread ends when the last call is gone
  carrier_.join();
}

GrpcServer::GrpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GrpcServer::~GrpcServer() = default;

Result<std::unique_ptr<GrpcServer>> GrpcServer::open(RpcService& service, EngineLoop& loop,
                                                     Metrics& metrics, RequestLog& log,
                                                     GrpcOptions options) {
  if (options.host == "localhost") options.host = "127.0.0.1";  // as HTTP
  auto impl = std::make_unique<Impl>(service, loop, metrics, log, std::move(options));
  TRY(impl->open());
  return std::unique_ptr<GrpcServer>(new GrpcServer(std::move(impl)));
}

uint16_t GrpcServer::port() const {
  return impl_->port();
}

void GrpcServer::stop() {
  impl_->stop();
}

}  // namespace hearth::serve
