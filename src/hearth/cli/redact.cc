// hearth redact: personal data of standard input replaced by tokens, and put back.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/cli/core_files.h"
#include "hearth/cli/model_reader.h"
#include "hearth/cli/verb.h"
#include "hearth/files/atomic_file.h"
#include "hearth/files/json.h"
#include "hearth/guard/pii/known_names.h"
#include "hearth/guard/pii/map_file.h"
#include "hearth/guard/pii/masker.h"
#include "hearth/guard/pii/policy.h"
#include "hearth/guard/pii/unmasker.h"

namespace hearth::cli {
namespace {

constexpr int64_t kTextBytesMax = int64_t{1} << 30;
constexpr int64_t kMapBytesMax = int64_t{1} << 30;
constexpr size_t kPiece = 1 << 16;

struct Options {
  std::string map, restore, policy, reader;
};

Result<std::string> read_input() {
  std::string text;
  std::string piece(kPiece, '\0');
  for (ssize_t n; (n = ::read(STDIN_FILENO, piece.data(), piece.size())) != 0;) {
    if (n < 0) return error(Code::internal, "standard input: {}", std::strerror(errno));
    if (static_cast<int64_t>(text.size()) + n > kTextBytesMax) {
      return error(Code::invalid, "standard input: expected at most {} bytes", kTextBytesMax);
    }
    text.append(piece, 0, static_cast<size_t>(n));
  }
  return text;
}

// What a full disk or a closed pipe does not take is no success.
Status print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return error(Code::internal, "standard output: {}", std::strerror(errno));
  }
  return Status::ok();
}

Status print_json(const Json& json) {
  return print(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

// Where a byte stands in characters, asked in growing order.
class Characters {
 public:
  explicit Characters(std::string_view text) : text_(text) {}
  size_t before(size_t byte) {
    for (; at_ < byte; ++at_) count_ += (static_cast<uint8_t>(text_[at_]) & 0xc0) != 0x80 ? 1 : 0;
    return count_;
  }

 private:
  std::string_view text_;
  size_t at_ = 0, count_ = 0;
};

Json masked_json(std::string_view text, const pii::MaskedText& masked) {
  Json entities = Json::array();
  Characters characters(text);
  for (const pii::MaskedEntity& m : masked.entities) {
    const size_t start = characters.before(m.entity.start);
    entities.push_back({{"type", pii::type_name(m.entity.type)},
                        {"start", start},
                        {"end", characters.before(m.entity.end)},
                        {"score", m.entity.score},
                        {"recogniser", m.entity.recogniser},
                        {"token", m.token}});
  }
  return {{"text", masked.text}, {"entities", std::move(entities)}};
}

// The map holds what was masked: its owner alone may read it.
Status write_map_file(const std::string& path, const pii::Vault& vault) {
  return write_whole(path, pii::write_map(vault), S_IRUSR | S_IWUSR);
}

// Who asks for a reader wants names; a policy may still say which.
Result<pii::DetectOptions> detect_options(const Options& options) {
  pii::DetectOptions detect;
  if (options.policy.empty()) {
    if (!options.reader.empty()) detect.types = pii::TypeSet::all();
    return detect;
  }
  TRY_ASSIGN(detect, pii::read_policy(options.policy));
  if (!options.reader.empty() && !detect.types.has(pii::Type::person) &&
      !detect.types.has(pii::Type::address)) {
    return error(Code::invalid,
                 "{}: for --model-reader expected a policy with \"names\": true, found one without",
                 options.policy);
  }
  return detect;
}

Json reader_json(const pii::NamesRead& read) {
  return {{"passages", read.passages},
          {"cut", read.cut},
          {"names", read.names.size()},
          {"unfounded", read.unfounded}};
}

Status redact(const Options& options, const Session& session) {
  TRY_ASSIGN(const pii::DetectOptions detect, detect_options(options));
  TRY_ASSIGN(const std::string text, read_input());
  pii::NamesRead read;
  if (!options.reader.empty()) {
    TRY_ASSIGN(read, read_names_by_model(options.reader, text, session));
  }
  const std::string_view texts[] = {text};
  TRY_ASSIGN(const pii::Masked masked, pii::mask(texts, detect, read.names));
  if (!options.map.empty()) TRY(write_map_file(options.map, *masked.vault));
  if (!session.json) return print(masked.texts[0].text);
  Json out = masked_json(text, masked.texts[0]);
  if (!options.reader.empty()) out["reader"] = reader_json(read);
  return print_json(out);
}

// As it comes, so that it may stand behind a model in a pipe.
Status restore(const Options& options, const Session& session) {
  TRY_ASSIGN(const std::string json, read_file(options.restore, kMapBytesMax));
  auto vault = pii::parse_map(json);
  if (!vault) return std::move(vault).status().at(options.restore);
  pii::Unmasker unmasker(*vault);
  if (session.json) {
    TRY_ASSIGN(const std::string text, read_input());
    std::string whole = unmasker.push(text);
    whole += unmasker.finish();
    return print_json(
        {{"text", whole}, {"restored", unmasker.restored()}, {"unknown", unmasker.unknown()}});
  }
  std::string piece(kPiece, '\0');
  for (ssize_t n; (n = ::read(STDIN_FILENO, piece.data(), piece.size())) != 0;) {
    if (n < 0) return error(Code::internal, "standard input: {}", std::strerror(errno));
    TRY(print(unmasker.push(std::string_view(piece).substr(0, static_cast<size_t>(n)))));
  }
  return print(unmasker.finish());
}

}  // namespace

void add_redact(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = add_verb(
      app, session, "redact",
      std::string(session.say("Mask personal data of standard input, or restore it",
                              "遮盖标准输入中的个人信息，或将其还原")),
      "hearth redact --map secret.json <letter.txt | tee masked.txt", [options, &session] {
        forbid_core_files();
        return options->restore.empty() ? redact(*options, session) : restore(*options, session);
      });
  auto* restoring = verb->add_option("--restore", options->restore,
                                     "map of an earlier call: put the values back");
  verb->add_option("--map", options->map,
                   "write here which token stands for which value (readable by you alone)")
      ->excludes(restoring);
  verb->add_option("--policy", options->policy, "JSON file: which types, from which score on")
      ->excludes(restoring);
  verb->add_option("--model-reader", options->reader,
                   "a model that reads names and addresses, too, beside the rules: as --model")
      ->excludes(restoring);
}

}  // namespace hearth::cli
