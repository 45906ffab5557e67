// What the tests of configurations and of loading share.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "hearth/base/status.h"

namespace hearth {

// One line that has `part` in it.
inline void expect_line(const Status& status, const std::string& part) {
  EXPECT_NE(status.message().find(part), std::string::npos)
      << "expected a message with " << part << ", found: " << status.message();
  EXPECT_EQ(status.message().find('\n'), std::string::npos);
}

}  // namespace hearth
