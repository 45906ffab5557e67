// See csv.h.
#include "hearth/eval/csv.h"

#include <algorithm>

namespace hearth {
namespace {

class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : text_(text) {}

  Result<std::vector<CsvRow>> rows() {
    std::vector<CsvRow> out;
    while (at_ < text_.size()) {
      TRY_ASSIGN(CsvRow made, row());
      if (made.size() > 1 || !made[0].empty()) out.push_back(std::move(made));
    }
    return out;
  }

 private:
  Result<CsvRow> row() {
    CsvRow out;
    while (true) {
      std::string field;
      if (at_ < text_.size() && text_[at_] == '"') {
        TRY(quoted(field));
      } else {
        const size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
        field = text_.substr(at_, end - at_);
        at_ = end;
      }
      out.push_back(std::move(field));
      if (at_ < text_.size() && text_[at_] == ',') {
        ++at_;
        continue;
      }
      end_line();
      return out;
    }
  }

  // Two quotes stand for one.
  Status quoted(std::string& field) {
    const int64_t first_line = line_;
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      line_ += c == '\n' ? 1 : 0;
      if (c != '"') {
        field += c;
        continue;
      }
      if (at_ < text_.size() && text_[at_] == '"') {
        field += text_[at_++];
        continue;
      }
      if (at_ == text_.size() ||
          std::string_view(",\r\n").find(text_[at_]) != std::string_view::npos) {
        return Status::ok();
      }
      return error(Code::corrupt, "line {}: expected a comma behind a quoted field", line_);
    }
    return error(Code::corrupt, "line {}: a quoted field has no end", first_line);
  }

  void end_line() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    ++line_;
  }

  const std::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

}  // namespace

Result<std::vector<CsvRow>> parse_csv(std::string_view text) {
  return CsvReader(text).rows();
}

}  // namespace hearth
