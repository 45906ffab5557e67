// For tests that run programs: they are skipped, and say why, where there is no sandbox.
#pragma once

#include <gtest/gtest.h>

#include "hearth/eval/code/sandbox.h"

namespace hearth::code {

class SandboxedTest : public testing::Test {
 protected:
  void SetUp() override {
    const Status ready = sandbox_ready();
    if (!ready.is_ok()) GTEST_SKIP() << "no program was run: " << ready.message();
  }
};

}  // namespace hearth::code
