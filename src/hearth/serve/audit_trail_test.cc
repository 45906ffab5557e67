// What of an ended request comes into the audit log.
#include "hearth/serve/audit_trail.h"

#include <nlohmann/json.hpp>

#include "hearth/guard/audit/testing.h"

namespace hearth::serve {
namespace {

// A method may be any word that the client likes, and the route is known all the same.
TEST(AuditTrail, AClientsOwnMethodIsNowhereInTheClear) {
  audit::test::Folder folder;
  audit::LogOptions options;
  options.path = folder / "audit.log";
  std::vector<Json> events;
  {
    const auto log = audit::test::open_log(options);
    Metrics metrics("mini");
    RequestLog request_log(false, false);
    AuditTrail trail(*log, {}, metrics, request_log);
    for (const char* method : {"GET", "CANARY", "gRPC"}) {
      RequestRecord record;
      record.method = method;
      record.route = "/v1/models";
      EXPECT_FALSE(trail.record(record)) << method;
    }
  }
  audit::VerifyOptions look;
  look.on_event = [&](const Json& event) { events.push_back(event); };
  EXPECT_TRUE(audit::test::verified(options.path, look).ok());
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[1]["method"], "GET");
  EXPECT_FALSE(events[2].contains("method"));
  EXPECT_EQ(events[3]["protocol"], "grpc");
  EXPECT_FALSE(events[3].contains("method"));
  EXPECT_EQ(audit::test::bytes_of(options.path).find("CANARY"), std::string::npos);
}

}  // namespace
}  // namespace hearth::serve
