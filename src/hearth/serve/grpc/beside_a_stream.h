// A fixture: what a test does to the server, it does beside a stream that never stops; behind it
// the server answers as before, and has counted every request once.
#pragma once

#include <memory>
#include <string>

#include "hearth/serve/grpc/testing.h"

namespace hearth::serve {

class BesideAStream : public testing::Test {
 protected:
  void SetUp() override {
    expected_ = ask(*server_.stub, question("7*8=?")).content;
    neighbour_ = std::make_unique<RpcNeighbour>(server_);
  }
  void TearDown() override {
    neighbour_.reset();
    const Answer again = ask(*server_.stub, question("7*8=?"));
    EXPECT_EQ(again.content, expected_) << again.status.error_message();
    EXPECT_TRUE(server_.wait_for_metric("hearth_grpc_calls_open", 0));
    EXPECT_TRUE(server_.wait_for_all());
    EXPECT_EQ(server_.loop->live(), 0);
  }

  RpcTestServer server_;
  std::string expected_;
  std::unique_ptr<RpcNeighbour> neighbour_;
};

}  // namespace hearth::serve
