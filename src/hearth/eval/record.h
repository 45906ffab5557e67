// What a run leaves behind: a file whose first line says what the run is and whose other lines are
// one reply each, written as they come. A run that was killed goes on from it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/eval/replies.h"
#include "hearth/eval/suite.h"
#include "hearth/files/json.h"

namespace hearth {

struct EvalRecord {
  int64_t item = 0;    // place in the list of items
  int64_t sample = 0;  // which reply to it
  std::string id, group, prompt, answer;
  std::string reply, reasoning, finish_reason;
  int64_t tokens = 0;
  // As MadeReply has them; nullopt: not known (energy without a counter, a file of an older build).
  std::optional<double> seconds, joules;
  std::vector<ChoiceLikelihood> choices;  // where they were scored
  Judgement judgement;
};

EvalRecord record_of(int64_t index, int64_t sample, const EvalItem& item, MadeReply reply);
Json to_json(const EvalRecord& record);

// A file of records as it lies there, to be looked at: the run's description and the whole lines.
struct StoredRecords {
  Json run;
  std::vector<EvalRecord> records;
};

Result<StoredRecords> read_records(const std::string& path);
// The same of a file's bytes; errors begin with `name`.
Result<StoredRecords> parse_records(std::string_view content, const std::string& name);

// Owner of the open file; move-only.
class RecordFile {
 public:
  // Creates `path`, or opens it where it holds records of the same `run` (an object of equal JSON)
  // over the same items, which are then in `earlier`; a last line that was cut off is removed.
  // invalid: records of another run or of other items.  busy: another process writes to it.
  static Result<RecordFile> open(const std::string& path, const Json& run,
                                 const std::vector<EvalItem>& items);

  RecordFile(RecordFile&& other) noexcept;
  RecordFile& operator=(RecordFile&&) = delete;
  ~RecordFile();

  const std::vector<EvalRecord>& earlier() const { return earlier_; }
  // Appends a line in one write: after a kill the file ends in whole lines, or in a part of one.
  Status append(const EvalRecord& record);

 private:
  RecordFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  Status load(const Json& run, const std::vector<EvalItem>& items);
  Status write_line(const Json& line);

  std::string path_;
  int fd_ = -1;
  std::vector<EvalRecord> earlier_;
};

}  // namespace hearth
