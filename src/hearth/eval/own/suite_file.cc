// See suite_file.h. The one file that calls yaml-cpp, whose exceptions end here. A suite is one
// flat map of scalars: collections in it are refused. The parser's own recursion ends at 500
// levels.
#include "hearth/eval/own/suite_file.h"

#include <yaml-cpp/yaml.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"

namespace hearth::own {
namespace {

constexpr size_t kBytesMax = 64 << 10;
constexpr std::array<std::string_view, 6> kScorers = {"exact",   "contains",    "regex",
                                                      "numeric", "json-schema", "code"};

Result<Scorer> scorer_of(const std::string& name) {
  for (size_t i = 0; i < kScorers.size(); ++i) {
    if (kScorers[i] == name) return static_cast<Scorer>(i);
  }
  return error(Code::corrupt, "`scorer`: expected one of {}, found `{}`", fmt::join(kScorers, ", "),
               excerpt(name));
}

Result<double> number_of(std::string_view key, const std::string& text, double lo, double hi) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure == std::errc() && stop == end && lo <= value && value <= hi) return value;
  return error(Code::corrupt, "`{}`: expected a number from {} to {}, found `{}`", key, lo, hi,
               excerpt(text));
}

Status set_number(SuiteFile& suite, const std::string& key, const std::string& value) {
  if (key == "max_tokens") {
    TRY_ASSIGN(const double tokens, number_of(key, value, 1, 1 << 20));
    suite.max_tokens = static_cast<int64_t>(tokens);
  } else if (key == "temperature") {
    TRY_ASSIGN(suite.temperature, number_of(key, value, 0, 100));
  } else if (key == "top_p") {
    TRY_ASSIGN(suite.top_p, number_of(key, value, 0, 1));
  } else {
    return error(Code::corrupt,
                 "expected name, data, prompt, answer, id, group, scorer, ignore_case, max_tokens, "
                 "temperature or top_p, found `{}`",
                 excerpt(key));
  }
  return Status::ok();
}

Status set(SuiteFile& suite, const std::string& key, const std::string& value) {
  const std::array<std::pair<std::string_view, std::string*>, 6> texts = {
      {{"name", &suite.name},
       {"data", &suite.data},
       {"prompt", &suite.prompt},
       {"answer", &suite.answer},
       {"id", &suite.id},
       {"group", &suite.group}}};
  for (const auto& [name, text] : texts) {
    if (key != name) continue;
    *text = value;
    return Status::ok();
  }
  if (key == "scorer") {
    TRY_ASSIGN(suite.scorer, scorer_of(value));
    return Status::ok();
  }
  if (key == "ignore_case") {
    if (value != "true" && value != "false") {
      return error(Code::corrupt, "`ignore_case`: expected true or false, found `{}`",
                   excerpt(value));
    }
    suite.ignore_case = value == "true";
    return Status::ok();
  }
  return set_number(suite, key, value);
}

Result<SuiteFile> suite_of(const YAML::Node& root) {
  if (!root.IsMap()) return error(Code::corrupt, "expected a map of keys and values");
  SuiteFile suite;
  std::string seen = "\n";
  for (const auto& pair : root) {
    const std::string place = fmt::format("line {}", pair.first.Mark().line + 1);
    if (!pair.first.IsScalar() || !pair.second.IsScalar()) {
      return error(Code::corrupt, "{}: expected `key: value`", place);
    }
    const std::string key = pair.first.Scalar();
    if (seen.find("\n" + key + "\n") != seen.npos) {
      return error(Code::corrupt, "{}: `{}` stands there twice", place, excerpt(key));
    }
    seen += key + "\n";
    Status status = set(suite, key, pair.second.Scalar());
    if (!status.is_ok()) return std::move(status).at(place);
  }
  if (suite.prompt.empty()) return error(Code::corrupt, "expected a `prompt`, found none");
  return suite;
}

}  // namespace

std::string scorer_text(const SuiteFile& suite) {
  const std::string_view name = kScorers[static_cast<size_t>(suite.scorer)];
  return fmt::format("{}{}", name, suite.ignore_case ? ", ignore_case" : "");
}

Result<SuiteFile> parse_suite(std::string_view yaml) {
  if (yaml.size() > kBytesMax) {
    return error(Code::corrupt, "expected {} bytes at most, found {}", kBytesMax, yaml.size());
  }
  try {
    return suite_of(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& e) {
    return error(Code::corrupt, "line {}: {}", e.mark.line + 1, e.msg);
  }
}

Result<std::string> filled(std::string_view pattern, const Json& item) {
  std::string out;
  for (size_t at = 0; at < pattern.size();) {
    const size_t open = pattern.find("{{", at);
    out += pattern.substr(at, open - at);
    if (open == pattern.npos) break;
    const size_t close = pattern.find("}}", open);
    if (close == pattern.npos) return error(Code::corrupt, "a {{{{ has no }}}}");
    std::string_view name = pattern.substr(open + 2, close - open - 2);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    const Json* value = json_find(item, name);
    if (value == nullptr) return error(Code::corrupt, "`{}`: expected a value, found none", name);
    out += value->is_string() ? value->get<std::string>() : value->dump();
    at = close + 2;
  }
  return out;
}

}  // namespace hearth::own
