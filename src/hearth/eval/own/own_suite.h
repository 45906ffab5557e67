// The suite that a YAML file describes (suite_file.h).
#pragma once

#include "hearth/eval/suite.h"

namespace hearth::own {

// `path` is the YAML file. Its items are data_files, or what --data names.
Result<Suite> open_suite(const std::string& path);

}  // namespace hearth::own
