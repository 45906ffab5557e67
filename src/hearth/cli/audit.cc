// hearth audit: looks after the audit log that `hearth serve --audit-log` writes: is it whole, what
// does it record, forget one person, make the key that signs it.
#include <sys/stat.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "hearth/cli/verb.h"
#include "hearth/files/atomic_file.h"
#include "hearth/files/json.h"
#include "hearth/guard/audit/processing_record.h"
#include "hearth/guard/audit/signing_key.h"
#include "hearth/guard/audit/subject_keys.h"
#include "hearth/guard/audit/verify.h"

namespace hearth::cli {
namespace {

using namespace audit;

constexpr size_t kKnownBytesMax = 128;

struct Options {
  std::string log, subjects;
  std::string public_key, known;
  std::string statement, from, to, subject;
  std::string key_file;
  bool events = false;
};

std::string subjects_path(const Options& options) {
  return options.subjects.empty() ? options.log + ".keys" : options.subjects;
}

void print_json(const Json& json) {
  fmt::print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// "SEQ:HASH", as an earlier `verify` printed its head.
Result<Head> read_known(const std::string& text) {
  const size_t colon = text.find(':');
  Head head;
  int64_t seq = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seq);
  const bool good = text.size() <= kKnownBytesMax && failure == std::errc() && seq >= 0 &&
                    colon != text.npos && end == text.data() + colon &&
                    text.size() - colon - 1 == kHashDigits;
  if (!good) return error(Code::invalid, "--known: expected SEQ:HASH, found `{}`", text);
  return Head{seq + 1, text.substr(colon + 1)};
}

Json verification_json(const Verification& v) {
  Json out = {{"ok", v.ok()},
              {"events", v.events},
              {"first_bad", nullptr},
              {"first_seq", v.first_seq},
              {"torn_bytes", v.torn},
              {"signed_heads", v.signed_heads},
              {"signed_events", v.signed_events},
              {"public_key", v.public_key}};
  if (v.events > 0) out["head"] = fmt::format("{}:{}", v.head.seq - 1, v.head.hash);
  if (v.first_bad) {
    out["first_bad"] = {{"file", v.first_bad->file},
                        {"line", v.first_bad->line},
                        {"seq", v.first_bad->seq},
                        {"why", v.first_bad->why}};
  }
  return out;
}

void print_verification(const Verification& v, const Session& session) {
  if (v.first_bad) {
    fmt::print("{}:{}: {}\n", v.first_bad->file, v.first_bad->line, v.first_bad->why);
    return;
  }
  fmt::print("{}: {} {}, {} {}\n", session.say("whole", "完整"), v.events,
             session.say("events", "条记录"), v.signed_events,
             session.say("of them under a signed head", "条在已签名的链头之下"));
  if (v.first_seq > 0) {
    fmt::print("{} {}\n",
               session.say("older events are not kept; the first is", "更早的记录未保留；第一条是"),
               v.first_seq);
  }
  if (v.events > 0)
    fmt::print("{} {}:{}\n", session.say("head", "链头"), v.head.seq - 1, v.head.hash);
}

// Exit code 1 where the log is not what was written.
Status verify(const Options& options, const Session& session) {
  VerifyOptions how;
  how.public_key = options.public_key;
  if (!options.known.empty()) {
    TRY_ASSIGN(how.known, read_known(options.known));
  }
  TRY_ASSIGN(const Verification found, verify_log(options.log, how));
  if (session.json) print_json(verification_json(found));
  if (!session.json) print_verification(found, session);
  if (found.ok()) return Status::ok();
  return error(Code::internal, "{}: the log is not as it was written", options.log);
}

// The sealed part of an event where the key of its subject still stands, else "erased".
Json opened(Json event, const SubjectKeys& keys) {
  const Json* const box = json_find(event, "sealed");
  const Json* const id = json_find(event, "subject");
  if (!box || !id || !box->is_string() || !id->is_string()) return event;
  const auto text = keys.unseal({id->get<std::string>(), box->get<std::string>()});
  auto inside = text ? parse_json(*text) : Result<Json>(text.status());
  event["sealed"] = inside ? *std::move(inside) : Json("erased");
  return event;
}

bool in_period(const Json& event, const Options& options) {
  const Json* const time = json_find(event, "time");
  const std::string at = time && time->is_string() ? time->get<std::string>() : "";
  return (options.from.empty() || at >= options.from) && (options.to.empty() || at < options.to);
}

// What is exported is what verifies: a log that doesn't gives its good part and exit code 1.
Status export_log(const Options& options, const Session&) {
  Json statement = Json::object();
  if (!options.statement.empty()) {
    TRY_ASSIGN(statement, read_json_file(options.statement));
    if (!statement.is_object()) {
      return error(Code::corrupt, "{}: expected a JSON object", options.statement);
    }
  }
  const bool lists = options.events || !options.subject.empty();
  std::unique_ptr<SubjectKeys> keys;
  std::string id;
  if (lists) {
    TRY_ASSIGN(keys, SubjectKeys::open(subjects_path(options), SubjectKeys::Use::reader));
  }
  if (!options.subject.empty()) {
    TRY_ASSIGN(id, keys->id_of(options.subject));
  }
  ProcessingRecord record;
  VerifyOptions how;
  how.on_event = [&](const Json& event) {
    if (!in_period(event, options)) return;
    record.add(event);
    const Json* const of = json_find(event, "subject");
    const bool wanted = id.empty() || (of && of->is_string() && of->get<std::string>() == id);
    if (lists && wanted) print_json(opened(event, *keys));
  };
  TRY_ASSIGN(const Verification found, verify_log(options.log, how));
  if (!lists) print_json(record.json(statement, found));
  if (found.ok()) return Status::ok();
  return error(Code::internal, "{}: line {}: {}", found.first_bad->file, found.first_bad->line,
               found.first_bad->why);
}

Status erase(const Options& options, const Session& session) {
  TRY_ASSIGN(const auto keys, SubjectKeys::open(subjects_path(options), SubjectKeys::Use::reader));
  auto id = keys->erase(options.subject);
  if (!id) return std::move(id).status().at(fmt::format("`{}`", options.subject));
  if (session.json) {
    print_json({{"erased", *id}});
  } else {
    fmt::print("{} {}\n", session.say("erased the key of subject", "已销毁主体的密钥"), *id);
  }
  return Status::ok();
}

Status make_key(const Options& options, const Session& session) {
  TRY_ASSIGN(const SigningKey key, SigningKey::make());
  struct stat found {};
  if (::lstat(options.key_file.c_str(), &found) == 0) {
    return error(Code::invalid, "{}: there is a file already", options.key_file);
  }
  TRY(write_whole(options.key_file, key.pem(), S_IRUSR | S_IWUSR));
  if (session.json) {
    print_json({{"key", options.key_file}, {"public_key", key.public_key()}});
  } else {
    fmt::print("{} {}\n", session.say("public key", "公钥"), key.public_key());
  }
  return Status::ok();
}

void add_verify(CLI::App& audit, Session& session, const std::shared_ptr<Options>& options) {
  CLI::App* verb =
      add_verb(audit, session, "verify",
               std::string(session.say("Is the log whole? Exit code 1: somebody changed it",
                                       "日志是否完整？退出码 1 表示被改动过")),
               "hearth audit verify audit.log --json",
               [options, &session] { return verify(*options, session); });
  verb->add_option("log", options->log, "the log, as --audit-log named it")->required();
  verb->add_option("--public-key", options->public_key,
                   "that must have signed the heads, 64 digits; else the one that the log names");
  verb->add_option("--known", options->known,
                   "SEQ:HASH, the head of an earlier look: the log must still hold it");
}

void add_export(CLI::App& audit, Session& session, const std::shared_ptr<Options>& options) {
  CLI::App* verb = add_verb(
      audit, session, "export",
      std::string(session.say("The record of processing activities, or the events themselves",
                              "导出处理活动记录，或事件本身")),
      "hearth audit export audit.log --statement controller.json",
      [options, &session] { return export_log(*options, session); });
  verb->add_option("log", options->log, "the log, as --audit-log named it")->required();
  verb->add_option("--statement", options->statement,
                   "JSON object of what no log knows: controller, purposes, ...");
  verb->add_option("--from", options->from, "events from this time on, as 2026-11-27T08:00");
  verb->add_option("--to", options->to, "events before this time");
  verb->add_flag("--events", options->events, "the events, one JSON object a line, opened");
  verb->add_option("--subject", options->subject, "the events of this subject alone, opened");
  verb->add_option("--subjects", options->subjects, "the file of keys; else LOG.keys");
}

void add_erase(CLI::App& audit, Session& session, const std::shared_ptr<Options>& options) {
  CLI::App* verb = add_verb(
      audit, session, "erase",
      std::string(session.say("Forget a person: destroys the key that sealed what names them",
                              "遗忘某人：销毁封存其身份信息的密钥")),
      "hearth audit erase audit.log --subject clinic/patient-17",
      [options, &session] { return erase(*options, session); });
  verb->add_option("log", options->log, "the log, as --audit-log named it")->required();
  verb->add_option("--subject", options->subject, "KEY, or KEY/USER as requests named them")
      ->required();
  verb->add_option("--subjects", options->subjects, "the file of keys; else LOG.keys");
}

}  // namespace

void add_audit(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* audit = app.add_subcommand(
      "audit",
      std::string(session.say("Look after the audit log of a server", "管理服务器的审计日志")));
  audit->require_subcommand(1);
  audit->footer("Example:\n  hearth audit verify audit.log");
  add_verify(*audit, session, options);
  add_export(*audit, session, options);
  add_erase(*audit, session, options);
  CLI::App* key =
      add_verb(*audit, session, "new-key",
               std::string(session.say("Make a key that signs the log", "生成用于签名日志的密钥")),
               "hearth audit new-key audit.pem",
               [options, &session] { return make_key(*options, session); });
  key->add_option("file", options->key_file, "PEM file to write, readable by you alone")
      ->required();
}

}  // namespace hearth::cli
