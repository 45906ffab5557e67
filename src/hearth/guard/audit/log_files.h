// The files of one log: PATH is being written, PATH.000001, PATH.000002, ... are full, the oldest
// first. Together they are one chain; the oldest may have been removed.
#pragma once

#include <string>
#include <vector>

#include "hearth/base/status.h"

namespace hearth::audit {

struct LogFiles {
  std::vector<std::string> full;  // in order
  int last = 0;                   // number of the last of them, ever; 0: none
  bool current = false;           // PATH itself is there

  std::vector<std::string> all(const std::string& path) const;
};

// not_found: there is no such folder.
Result<LogFiles> find_log_files(const std::string& path);
std::string full_file_name(const std::string& path, int number);

// As UTC says it: "2026-11-27T14:52:15.123Z".
std::string time_text(int64_t milliseconds_since_1970);
int64_t milliseconds_now();

}  // namespace hearth::audit
