// hearth ls, show, verify and rm: what is in the store, and in those of other tools.
#include "hearth/cli/store_verbs.h"

#include <algorithm>
#include <cstdlib>

#include "hearth/cli/store_options.h"
#include "hearth/store/catalogue.h"
#include "hearth/store/verify.h"

namespace hearth::cli {

void declare_transfer(CLI::App& verb, TransferFlags& flags) {
  verb.add_option("--retries", flags.retries,
                  "how often in a row a connection that fails is tried again")
      ->check(CLI::Range(0, 20))
      ->capture_default_str();
  verb.add_option("--stall", flags.stall_seconds,
                  "seconds below 1 KiB/s after which a connection is given up")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  verb.add_option(
      "--s3-endpoint", flags.s3_endpoint,
      "the address of the S3 store, {bucket} in it where buckets are names of hosts; else "
      "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or Amazon's");
}

void declare_connections(CLI::App& verb, TransferFlags& flags) {
  verb.add_option("--connections", flags.connections,
                  "how many ranges of a file an S3 store is asked for at once")
      ->check(CLI::Range(1, 32))
      ->capture_default_str();
}

store::HttpOptions http_options(const TransferFlags& flags, const InterruptGuard& interrupt) {
  store::HttpOptions out;
  out.stall_seconds = flags.stall_seconds;
  if (const char* certificates = std::getenv("SSL_CERT_FILE")) out.certificates = certificates;
  out.stopped = [&interrupt] { return interrupt.pressed(); };
  return out;
}

store::TransferOptions transfer_options(const TransferFlags& flags) {
  store::TransferOptions out;
  out.retries = flags.retries;
  out.connections = flags.connections;
  return out;
}

Json json_of(const store::StoredModel& model) {
  return {{"name", model.name},     {"path", model.path},       {"bytes", model.bytes},
          {"sha256", model.sha256}, {"licence", model.licence}, {"source", model.source}};
}

void print_json(const Json& object) {
  fmt::print("{}\n", object.dump(-1, ' ', false, Json::error_handler_t::replace));
}

namespace {

struct ModelName {
  std::string model;
  bool repair = false;
  TransferFlags transfer;
};

std::string gigabytes(int64_t bytes) {
  return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

// --- ls ---

Status list_catalogue(const Session& session) {
  for (const store::CatalogueEntry& entry : store::catalogue()) {
    if (session.json) {
      print_json({{"name", entry.name}, {"repo", entry.repo}});
    } else {
      fmt::print("{:<24} {}\n", entry.name, entry.repo);
    }
  }
  return Status::ok();
}

Status list(bool names, const Session& session) {
  if (names) return list_catalogue(session);
  const store::Store models(store_places());
  std::vector<std::string> broken;
  const std::vector<store::StoredModel> found = models.list(broken);
  for (const std::string& line : broken) fmt::print(stderr, "note: {}\n", line);
  for (const store::StoredModel& model : found) {
    if (session.json) {
      print_json(json_of(model));
    } else {
      fmt::print("{:<40} {:>10}  {:<12} {}\n", model.name, gigabytes(model.bytes),
                 model.licence.empty() ? "-" : model.licence,
                 model.own ? model.source : model.source + ": " + model.path);
    }
  }
  if (found.empty() && !session.json) {
    fmt::print(stderr, "{}\n",
               session.say("no models yet; `hearth pull deepseek-r1:1.5b` fetches one",
                           "还没有模型；`hearth pull deepseek-r1:1.5b` 可下载一个"));
  }
  return Status::ok();
}

// --- show ---

// Our own by any of its references, whole or not.
Result<std::optional<store::OwnModel>> find_own(const store::Store& models,
                                                const std::string& name) {
  for (const store::ModelRef& ref : store::references_of(name)) {
    auto model = models.read(ref);
    if (model) return std::optional(*std::move(model));
    if (model.status().code() != Code::not_found) return std::move(model).status();
  }
  return std::optional<store::OwnModel>();
}

Status not_here(const std::string& name) {
  const bool can_be_pulled = !store::references_of(name).empty();
  return error(Code::not_found, "{}: not in any store; {}", name,
               can_be_pulled ? fmt::format("`hearth pull {}` fetches it", name)
                             : "`hearth ls` shows what is here");
}

Json describe(const store::OwnModel& model) {
  Json out = json_of(store::described(model));
  const store::Manifest& manifest = model.manifest;
  out["commit"] = manifest.commit;
  out["endpoint"] = manifest.endpoint;
  out["pulled"] = manifest.pulled;
  out["licence_accepted"] = manifest.licence_accepted;
  out["files"] = Json::array();
  for (const store::FileRecord& file : manifest.files) {
    out["files"].push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  return out;
}

Status show(const std::string& name, const Session& session) {
  const store::Store models(store_places());
  TRY_ASSIGN(const std::optional<store::OwnModel> own, find_own(models, name));
  Json out;
  if (own) {
    out = describe(*own);
  } else {
    TRY_ASSIGN(const std::optional<store::StoredModel> other, models.find(name));
    if (!other) return not_here(name);
    out = json_of(*other);
  }
  if (session.json) {
    print_json(out);
    return Status::ok();
  }
  for (const auto& [key, value] : out.items()) {
    if (key == "files") continue;
    fmt::print("{:<18} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  for (const Json& file : out.value("files", Json::array())) {
    fmt::print("  {}  {:>14}  {}\n", file["sha256"].get<std::string>(),
               file["bytes"].get<int64_t>(), file["path"].get<std::string>());
  }
  return Status::ok();
}

// --- verify ---

Json to_json(const store::Damage& damage) {
  Json ranges = Json::array();
  for (const auto& [begin, end] : damage.ranges) ranges.push_back({begin, end});
  return {{"path", damage.path},
          {"fault", store::fault_name(damage.fault)},
          {"ranges", std::move(ranges)}};
}

void print_damage(const store::Damage& damage, const Session& session) {
  std::string where;
  for (const auto& [begin, end] : damage.ranges) where += fmt::format(" {}-{}", begin, end);
  const bool missing = damage.fault == store::Fault::missing;
  const bool content = damage.fault == store::Fault::content;
  const std::string_view what =
      missing   ? session.say("missing, or of another size", "缺失或大小不符")
      : content ? session.say("other bytes in", "字节不符：")
                : session.say("the manifest contradicts itself", "清单自相矛盾");
  fmt::print(stderr, "{}: {}{}\n", damage.path, what, content ? where : "");
}

class Verification {
 public:
  Verification(const ModelName& options, const Session& session)
      : options_(options), session_(session), models_(store_places()) {}

  Status run() {
    TRY_ASSIGN(own_, find_own(models_, options_.model));
    if (own_) return run_own();
    TRY_ASSIGN(const std::optional<store::StoredModel> other, models_.find(options_.model));
    if (!other) return not_here(options_.model);
    if (options_.repair) {
      return error(Code::unsupported, "{} belongs to {}, which Hearth doesn't change", other->name,
                   other->source);
    }
    TransferProgress progress(session_.say("verifying", "校验中"), 0, other->bytes);
    TRY_ASSIGN(const store::VerifyReport report, store::verify_foreign(*other, progress.events()));
    progress.clear();
    return tell(*other, report, false);
  }

 private:
  Result<store::VerifyReport> check() {
    TransferProgress progress(session_.say("verifying", "校验中"), 0, own_->manifest.bytes());
    return store::verify_own(models_.places(), *own_, progress.events());
  }

  Status run_own() {
    TRY_ASSIGN(store::VerifyReport report, check());
    const bool mend = options_.repair && !report.damages.empty();
    if (mend) {
      for (const store::Damage& damage : report.damages) print_damage(damage, session_);
      TRY(repair(report));
      TRY_ASSIGN(report, check());
    }
    return tell(store::described(*own_), report, mend);
  }

  Status repair(const store::VerifyReport& report) {
    TRY_ASSIGN(const store::ModelRef ref, store::parse_model_ref(own_->manifest.source));
    int64_t bytes = 0;
    for (const store::Damage& damage : report.damages) {
      for (const auto& [begin, end] : damage.ranges) bytes += end - begin;
    }
    const InterruptGuard interrupt;
    store::HttpClient client(http_options(options_.transfer, interrupt));
    TransferProgress progress(session_.say("repairing", "修复中"), 0, bytes);
    return store::repair(models_.places(), client, hub_of(ref.hub, options_.transfer.s3_endpoint),
                         ref, *own_, report.damages, transfer_options(options_.transfer),
                         progress.events());
  }

  Status tell(const store::StoredModel& model, const store::VerifyReport& report, bool repaired) {
    const bool ok = report.damages.empty();
    if (session_.json) {
      Json out = json_of(model);
      out["ok"] = ok;
      out["repaired"] = repaired && ok;
      out["files"] = report.files;
      out["unchecked"] = report.unchecked;
      out["damages"] = Json::array();
      for (const store::Damage& damage : report.damages) out["damages"].push_back(to_json(damage));
      print_json(out);
    } else {
      for (const store::Damage& damage : report.damages) print_damage(damage, session_);
      if (ok) {
        fmt::print("{}: {} {}, {} {}{}\n", model.name, report.files,
                   session_.say("files verified", "个文件已校验"), report.unchecked,
                   session_.say("without a checksum", "个没有校验和"),
                   repaired ? session_.say("; repaired", "；已修复") : "");
      }
    }
    if (ok) return Status::ok();
    return error(Code::corrupt, "{}: {} of {} files are damaged{}", model.name,
                 report.damages.size(), report.files,
                 model.own ? "; --repair fetches what is broken" : "");
  }

  const ModelName& options_;
  const Session& session_;
  const store::Store models_;
  std::optional<store::OwnModel> own_;
};

// --- rm ---

Status remove(const std::string& name, const Session& session) {
  const store::Store models(store_places());
  for (const store::ModelRef& ref : store::references_of(name)) {
    const auto model = models.read(ref);
    const Status status = models.remove(ref);
    if (status.code() == Code::not_found) continue;
    TRY(Status(status));
    const int64_t bytes = model ? model->manifest.bytes() : 0;
    if (session.json) {
      print_json({{"name", ref.name()}, {"bytes", bytes}});
    } else {
      fmt::print("{}: {} ({})\n", ref.name(), session.say("removed", "已删除"), gigabytes(bytes));
    }
    return Status::ok();
  }
  TRY_ASSIGN(const std::optional<store::StoredModel> other, models.find(name));
  if (!other) return not_here(name);
  return error(Code::unsupported, "{} belongs to {}: remove it there ({})", other->name,
               other->source, other->path);
}

CLI::App* add_model_verb(CLI::App& app, Session& session, const std::string& name,
                         std::string_view description, const std::string& example,
                         ModelName& options, std::function<Status()> work) {
  CLI::App* verb = add_verb(app, session, name, std::string(description), example, std::move(work));
  verb->add_option("MODEL", options.model, "a name that hearth ls shows, or a reference")
      ->required();
  return verb;
}

}  // namespace

void add_ls(CLI::App& app, Session& session) {
  auto names = std::make_shared<bool>(false);
  CLI::App* verb = add_verb(app, session, "ls",
                            std::string(session.say("Models on this machine, of other tools, too",
                                                    "本机上的模型，包括其他工具的")),
                            "hearth ls\n  hearth ls --catalogue",
                            [names, &session] { return list(*names, session); });
  verb->add_flag("--catalogue", *names, "the names that hearth pull knows");
}

void add_show(CLI::App& app, Session& session) {
  auto options = std::make_shared<ModelName>();
  add_model_verb(
      app, session, "show",
      session.say("Where a model came from, its licence, its files", "模型的来源、许可证和文件"),
      "hearth show deepseek-r1:1.5b", *options,
      [options, &session] { return show(options->model, session); });
}

void add_verify(CLI::App& app, Session& session) {
  auto options = std::make_shared<ModelName>();
  CLI::App* verb =
      add_model_verb(app, session, "verify",
                     session.say("Every byte of a model against its checksums", "逐字节校验模型"),
                     "hearth verify deepseek-r1:1.5b --repair", *options,
                     [options, &session] { return Verification(*options, session).run(); });
  verb->add_flag("--repair", options->repair, "fetch what is broken again, and only that");
  declare_transfer(*verb, options->transfer);
  declare_connections(*verb, options->transfer);
}

void add_rm(CLI::App& app, Session& session) {
  auto options = std::make_shared<ModelName>();
  add_model_verb(app, session, "rm",
                 session.say("Remove a model from Hearth's store", "从 Hearth 的仓库删除模型"),
                 "hearth rm deepseek-r1:1.5b", *options,
                 [options, &session] { return remove(options->model, session); });
}

}  // namespace hearth::cli
