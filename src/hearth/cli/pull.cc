// hearth pull: a model into the store. Shows what it is and its licence, asks once, and goes on
// where an earlier pull stopped.
#include "hearth/store/pull.h"

#include <unistd.h>

#include <iostream>

#include "hearth/cli/interrupt.h"
#include "hearth/cli/store_options.h"
#include "hearth/cli/store_verbs.h"
#include "hearth/files/json.h"

namespace hearth::cli {
namespace {

struct Options {
  std::string reference;
  std::string from;
  bool accept_licence = false;
  TransferFlags transfer;
};

std::string gigabytes(int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  return bytes < 100'000'000 ? fmt::format("{:.1f} MB", value / 1e6)
                             : fmt::format("{:.2f} GB", value / 1e9);
}

void introduce(const store::Pull& pull, const store::Hub& hub, const Session& session) {
  const store::SelectedFiles& selected = pull.selected();
  const std::string& licence = pull.listing().licence;
  fmt::print(stderr, "{} {}, {} {}\n", pull.ref().text(), session.say("at", "来自"), hub.endpoint,
             pull.listing().commit.substr(0, 12));
  fmt::print(stderr, "{}: {}\n", session.say("licence", "许可证"),
             licence.empty() ? session.say("the hub names none", "仓库未注明") : licence);
  fmt::print(stderr, "{}: {} ({} {}", session.say("size", "大小"), gigabytes(selected.bytes),
             selected.files.size(), session.say("files", "个文件"));
  if (pull.bytes_present() > 0) {
    fmt::print(stderr, fmt::runtime(session.say(", {} of it here already", "，其中 {} 已在本地")),
               gigabytes(pull.bytes_present()));
  }
  fmt::print(stderr, ")\n");
  if (!selected.code.empty()) {
    const std::string_view text = session.say(
        "left out: {} programs or pickles such as {}; code of a repository is never fetched and "
        "never run\n",
        "不下载：{} 个程序或 pickle 文件（如 {}）；仓库中的代码从不下载，也从不运行\n");
    fmt::print(stderr, fmt::runtime(text), selected.code.size(), selected.code[0]);
  }
}

Status ask_for_licence(store::Pull& pull, const Options& options, const Session& session) {
  if (pull.licence_accepted() && !options.accept_licence) return Status::ok();
  if (options.accept_licence) return pull.accept_licence();
  if (::isatty(STDIN_FILENO) != 1) {
    return error(
        Code::invalid, "{}: expected --accept-licence (licence: {}), or a terminal to ask on",
        pull.ref().name(), pull.listing().licence.empty() ? "not named" : pull.listing().licence);
  }
  fmt::print(stderr, "{} [y/N] ",
             session.say("Accept the licence and download?", "接受许可证并下载？"));
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes" || answer == "是") {
    return pull.accept_licence();
  }
  return error(Code::cancelled, "{}: not downloaded: the licence was not accepted",
               pull.ref().name());
}

Result<store::ModelRef> reference_of(const Options& options) {
  TRY_ASSIGN(store::HubKind hub, default_hub());
  if (options.from == "hf") hub = store::HubKind::hugging_face;
  if (options.from == "modelscope") hub = store::HubKind::modelscope;
  TRY_ASSIGN(store::ModelRef ref, store::parse_model_ref(options.reference, hub));
  if (!options.from.empty() && ref.hub != store::HubKind::s3) ref.hub = hub;
  return ref;
}

Status pull_model(const Options& options, const Session& session) {
  TRY_ASSIGN(const store::ModelRef ref, reference_of(options));
  const store::Places places = store_places();
  if (places.home.empty()) {
    return error(Code::invalid, "expected HEARTH_HOME or HOME to say where the store is");
  }
  const InterruptGuard interrupt;
  const store::Hub hub = hub_of(ref.hub, options.transfer.s3_endpoint);
  store::HttpClient client(http_options(options.transfer, interrupt));
  TransferProgress progress(session.say("downloading", "下载中"), 0, 0);
  const store::TransferOptions transfer = transfer_options(options.transfer);
  TRY_ASSIGN(store::Pull pull,
             store::Pull::prepare(places, client, hub, ref, transfer, progress.events()));
  introduce(pull, hub, session);
  const int64_t present = pull.bytes_present();
  const bool complete = pull.complete();
  if (!complete) {
    Status accepted = ask_for_licence(pull, options, session);
    if (!accepted.is_ok()) {
      pull.abandon();
      return accepted;
    }
  }
  progress.expect(0, pull.selected().bytes);
  auto model = pull.run(client, transfer, progress.events());
  progress.clear();
  if (!model) {
    Status status = std::move(model).status();
    if (status.code() != Code::cancelled) return status;
    return error(Code::cancelled, "{}",
                 session.say("stopped; pull again and it goes on", "已停止；再次 pull 即可继续"));
  }
  const store::StoredModel stored = store::described(*model);
  if (session.json) {
    Json out = json_of(stored);
    out["commit"] = model->manifest.commit;
    out["fetched"] = pull.selected().bytes - present;
    print_json(out);
  } else {
    fmt::print(
        "{}: {}\n", stored.name,
        complete ? session.say("is here already", "已在本地") : session.say("verified", "已校验"));
    fmt::print("{}\n", stored.path);
  }
  return Status::ok();
}

}  // namespace

void add_pull(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = add_verb(
      app, session, "pull",
      std::string(session.say("Download a model, verified, or go on with one",
                              "下载并校验模型，可断点续传")),
      "hearth pull deepseek-r1:1.5b\n  hearth pull hf://unsloth/DeepSeek-R1-GGUF:UD-IQ1_S\n"
      "  hearth pull s3://models/r1-7b --s3-endpoint https://ceph.example:8443",
      [options, &session] { return pull_model(*options, session); });
  verb->add_option("REF", options->reference,
                   "a name (hearth ls --catalogue), hf://ORG/REPO[@REVISION][:GGUF], "
                   "modelscope://ORG/REPO, or s3://BUCKET/PREFIX")
      ->required();
  verb->add_option("--from", options->from,
                   "the hub: hf or modelscope; else as the reference or HEARTH_HUB says, or hf")
      ->check(CLI::IsMember({"hf", "modelscope"}));
  verb->add_flag("--accept-licence,--accept-license", options->accept_licence,
                 "the licence is accepted; nothing is asked");
  declare_transfer(*verb, options->transfer);
  declare_connections(*verb, options->transfer);
}

}  // namespace hearth::cli
