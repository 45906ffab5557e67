// See record.h.
#include "hearth/eval/record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "hearth/base/mapped_file.h"
#include "hearth/base/sha256.h"
#include "hearth/eval/jsonl.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

constexpr int64_t kSamplesMax = 1 << 16;

constexpr int64_t kItemsMax = int64_t{1} << 32;

// A time or an energy; nullopt: null, or not there.
Result<std::optional<double>> amount_or_null(const Json& line, const char* name) {
  const Json* found = json_find(line, name);
  if (found == nullptr || found->is_null()) return std::optional<double>();
  TRY_ASSIGN(const double amount,
             json_number_or(line, name, 0, 0, std::numeric_limits<double>::max()));
  return std::optional<double>(amount);
}

Json or_null(const std::optional<double>& amount) {
  return amount ? Json(*amount) : Json(nullptr);
}

Result<std::vector<ChoiceLikelihood>> choices_from(const Json& line) {
  constexpr size_t kChoicesMax = 26;
  std::vector<ChoiceLikelihood> out;
  if (json_find(line, "choices") == nullptr) return out;
  TRY_ASSIGN(const Json* choices, json_array(line, "choices"));
  if (choices->size() > kChoicesMax) {
    return error(Code::corrupt, "`choices`: expected at most {}, found {}", kChoicesMax,
                 choices->size());
  }
  constexpr int64_t kLengthMax = std::numeric_limits<int64_t>::max();
  for (const Json& choice : *choices) {
    ChoiceLikelihood& of = out.emplace_back();
    TRY_ASSIGN(of.log_likelihood,
               json_number(choice, "log_likelihood", std::numeric_limits<double>::lowest(), 0));
    TRY_ASSIGN(of.tokens, json_int(choice, "tokens", 1, kLengthMax));
    TRY_ASSIGN(of.bytes, json_int(choice, "bytes", 1, kLengthMax));
  }
  return out;
}

Result<EvalRecord> record_from(const Json& line) {
  EvalRecord record;
  TRY_ASSIGN(record.item, json_int(line, "item", 0, kItemsMax));
  TRY_ASSIGN(record.sample, json_int(line, "sample", 0, kSamplesMax));
  TRY_ASSIGN(record.id, json_string(line, "id"));
  TRY_ASSIGN(record.group, json_string_or(line, "group", ""));
  TRY_ASSIGN(record.prompt, json_string(line, "prompt"));
  TRY_ASSIGN(record.answer, json_string(line, "answer"));
  TRY_ASSIGN(record.reply, json_string(line, "reply"));
  TRY_ASSIGN(record.reasoning, json_string(line, "reasoning"));
  TRY_ASSIGN(record.finish_reason, json_string(line, "finish_reason"));
  TRY_ASSIGN(record.tokens, json_int(line, "tokens", 0, std::numeric_limits<int64_t>::max()));
  TRY_ASSIGN(record.seconds, amount_or_null(line, "seconds"));
  TRY_ASSIGN(record.joules, amount_or_null(line, "joules"));
  TRY_ASSIGN(record.choices, choices_from(line));
  TRY_ASSIGN(const bool right, json_bool(line, "right"));
  TRY_ASSIGN(record.judgement.value, json_number_or(line, "value", right ? 1 : 0, 0, 1));
  TRY_ASSIGN(record.judgement.note, json_string_or(line, "note", ""));
  return record;
}

Status check_item(const EvalRecord& record, const std::vector<EvalItem>& items) {
  const auto item = static_cast<size_t>(record.item);
  if (item >= items.size()) {
    return error(Code::invalid, "expected an item below {}, found {}", items.size(), item);
  }
  if (record.id == items[item].id) return Status::ok();
  return error(Code::invalid, "expected item `{}`, found `{}`", excerpt(items[item].id),
               excerpt(record.id));
}

// Each sample of an item once, and no more samples than the run has.
class SeenReplies {
 public:
  static Result<SeenReplies> of(const Json& run) {
    SeenReplies seen;
    TRY_ASSIGN(seen.samples_, json_int_or(run, "samples", kSamplesMax, 1, kSamplesMax));
    return seen;
  }

  Status add(const EvalRecord& record) {
    if (record.sample >= samples_) {
      return error(Code::corrupt, "expected a sample below {}, found {}", samples_, record.sample);
    }
    if (seen_.emplace(record.item, record.sample).second) return Status::ok();
    return error(Code::corrupt, "expected each reply once, found sample {} of item {} again",
                 record.sample, record.item);
  }

 private:
  int64_t samples_ = kSamplesMax;
  std::set<std::pair<int64_t, int64_t>> seen_;
};

// The whole lines of a file of records, each with its place, "path:line".
Status each_line(const std::string& path, std::string_view whole,
                 const std::function<Status(int64_t number, const Json& line)>& take) {
  int64_t number = 0;
  for (size_t begin = 0; begin < whole.size();) {
    const size_t end = whole.find('\n', begin);
    const std::string place = fmt::format("{}:{}", path, ++number);
    auto line = parse_json(whole.substr(begin, end - begin));
    if (!line) return std::move(line).status().at(place);
    begin = end + 1;
    Status taken = take(number, *line);
    if (!taken.is_ok()) return std::move(taken).at(place);
  }
  return Status::ok();
}

std::string_view whole_lines(std::string_view content) {
  const size_t last = content.rfind('\n');
  return content.substr(0, last == content.npos ? 0 : last + 1);
}

// Of what is asked and what is right; lengths keep texts apart that lie one behind the other.
std::string digest_of(const std::vector<EvalItem>& items) {
  Sha256 hash;
  for (const EvalItem& item : items) {
    for (const std::string* text : {&item.id, &item.prompt, &item.answer}) {
      hash.update(fmt::format("{}:{}", text->size(), *text));
    }
    for (const std::string& choice : item.continuations) {
      hash.update(fmt::format("{}:{}", choice.size(), choice));
    }
  }
  return hash.hex();
}

Status failed(const std::string& path) {
  return error(Code::invalid, "{}: {}", path, std::strerror(errno));
}

}  // namespace

EvalRecord record_of(int64_t index, int64_t sample, const EvalItem& item, MadeReply reply) {
  EvalRecord record;
  record.item = index;
  record.sample = sample;
  record.id = item.id;
  record.group = item.group;
  record.prompt = item.prompt;
  record.answer = item.answer;
  record.tokens = reply.tokens;
  record.seconds = reply.seconds;
  record.joules = reply.joules;
  record.choices = std::move(reply.choices);
  record.reply = std::move(reply.text);
  record.reasoning = std::move(reply.reasoning);
  record.finish_reason = std::move(reply.finish_reason);
  return record;
}

Json to_json(const EvalRecord& r) {
  Json out = {{"id", r.id},
              {"item", r.item},
              {"sample", r.sample},
              {"group", r.group},
              {"prompt", r.prompt},
              {"answer", r.answer},
              {"reply", r.reply},
              {"reasoning", r.reasoning},
              {"tokens", r.tokens},
              {"seconds", or_null(r.seconds)},
              {"joules", or_null(r.joules)},
              {"finish_reason", r.finish_reason},
              {"right", r.judgement.right()},
              {"value", r.judgement.value},
              {"note", r.judgement.note}};
  for (const ChoiceLikelihood& choice : r.choices) {
    out["choices"].push_back({{"log_likelihood", choice.log_likelihood},
                              {"tokens", choice.tokens},
                              {"bytes", choice.bytes}});
  }
  return out;
}

Result<StoredRecords> read_records(const std::string& path) {
  TRY_ASSIGN(const std::string content, read_file(path, kDatasetBytesMax));
  return parse_records(content, path);
}

Result<StoredRecords> parse_records(std::string_view content, const std::string& name) {
  StoredRecords stored;
  SeenReplies seen;
  TRY(each_line(name, whole_lines(content), [&](int64_t number, const Json& line) -> Status {
    if (number == 1) {
      TRY_ASSIGN(const Json* run, json_object(line, "run"));
      stored.run = *run;
      TRY_ASSIGN(seen, SeenReplies::of(*run));
      return Status::ok();
    }
    TRY_ASSIGN(EvalRecord record, record_from(line));
    TRY(seen.add(record));
    stored.records.push_back(std::move(record));
    return Status::ok();
  }));
  if (stored.records.empty()) return error(Code::corrupt, "{}: expected records, found none", name);
  return stored;
}

RecordFile::RecordFile(RecordFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      earlier_(std::move(other.earlier_)) {}

RecordFile::~RecordFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<RecordFile> RecordFile::open(const std::string& path, const Json& run,
                                    const std::vector<EvalItem>& items) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return failed(path);
  RecordFile file(path, fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return error(Code::busy, "{}: another run writes to it", path);
  }
  Json own = run;
  own["items_sha256"] = digest_of(items);
  // As it will lie in the file: bytes of names that aren't UTF-8 are replaced there.
  TRY_ASSIGN(const Json written,
             parse_json(own.dump(-1, ' ', false, Json::error_handler_t::replace)));
  TRY(file.load(written, items));
  return file;
}

Status RecordFile::load(const Json& run, const std::vector<EvalItem>& items) {
  TRY_ASSIGN(const std::string content, read_file(path_, kDatasetBytesMax));
  const std::string_view whole = whole_lines(content);
  TRY_ASSIGN(SeenReplies seen, SeenReplies::of(run));
  TRY(each_line(path_, whole, [&](int64_t number, const Json& line) -> Status {
    if (number == 1) {
      const Json* found = json_find(line, "run");
      if (found != nullptr && *found == run) return Status::ok();
      return error(Code::invalid, "expected records of this run ({}), found {}", run.dump(),
                   json_excerpt(line));
    }
    TRY_ASSIGN(EvalRecord record, record_from(line));
    TRY(check_item(record, items));
    TRY(seen.add(record));
    earlier_.push_back(std::move(record));
    return Status::ok();
  }));
  const Json header = {{"run", run}};
  if (whole.empty() && !header.dump().starts_with(content)) {
    return error(Code::invalid, "{}: expected records of a run, found another file", path_);
  }
  if (::ftruncate(fd_, static_cast<off_t>(whole.size())) != 0) return failed(path_);
  return whole.empty() ? write_line(header) : Status::ok();
}

Status RecordFile::append(const EvalRecord& record) {
  return write_line(to_json(record));
}

Status RecordFile::write_line(const Json& line) {
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  for (size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(fd_, text.data() + at, text.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(path_);
    at += static_cast<size_t>(n);
  }
  return Status::ok();
}

}  // namespace hearth
