// Ledger: what each API key has spent in this calendar month (UTC), in tokens and in money. Every
// request adds a line to a file, so that a server that is killed forgets nothing:
//
//   2026-11 NAME TOKENS COST
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "hearth/base/status.h"

namespace hearth::serve {

struct Spending {
  int64_t tokens = 0;
  double cost = 0;
};

// Threads: one at a time.
class Ledger {
 public:
  using Clock = std::function<int64_t()>;  // seconds since 1970

  // "": nothing is kept beyond this process. Lines of earlier months are dropped from the file; a
  // last line that was cut off by a crash, too.  corrupt: any other line that is none.
  static Result<Ledger> open(const std::string& path, Clock clock);
  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(Ledger&&) = delete;
  ~Ledger();

  Spending spent(const std::string& name);
  // internal: the file can't be written; it counts nevertheless.
  Status add(const std::string& name, int64_t tokens, double cost);
  // Seconds until everything begins anew.
  int64_t seconds_left() const;
  std::string month() const;  // "2026-11"

 private:
  Ledger(std::string path, Clock clock) : path_(std::move(path)), clock_(std::move(clock)) {}
  void turn_the_page();
  Status start_file();

  std::string path_;
  Clock clock_;
  int fd_ = -1;
  std::string current_;  // month of what is in spent_
  std::map<std::string, Spending> spent_;
};

// The sums of one month in the text of a ledger.
Result<std::map<std::string, Spending>> read_ledger(std::string_view text, std::string_view month);

}  // namespace hearth::serve
