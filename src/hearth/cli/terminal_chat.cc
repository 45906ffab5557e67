// See terminal_chat.h.
#include "hearth/cli/terminal_chat.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "hearth/cli/chat_file.h"
#include "hearth/cli/chat_view.h"
#include "hearth/cli/interrupt.h"
#include "hearth/files/atomic_file.h"

namespace hearth::cli {
namespace {

bool is_from(const Json& message, std::string_view role) {
  return message.at("role") == role;
}

// Texts by known roles, which is all that a terminal can show.
Status check_messages(const Json& messages) {
  for (const Json& message : messages) {
    const Json* role = json_find(message, "role");
    const Json* content = json_find(message, "content");
    const bool known = role && (*role == "system" || *role == "user" || *role == "assistant");
    if (!known || !content || !content->is_string()) {
      return error(Code::invalid, "expected messages of system, user and assistant with texts");
    }
  }
  return Status::ok();
}

}  // namespace

TerminalChat::TerminalChat(ChatSetup setup, const Session& session, OpenedText opened,
                           std::shared_ptr<const Adapter> adapter)
    : setup_(std::move(setup)),
      session_(session),
      opened_(std::move(opened)),
      adapter_(std::move(adapter)),
      engine_(new_engine()) {
  start_over();
}

std::unique_ptr<Engine> TerminalChat::new_engine() const {
  const Model& model = opened_.model->model();
  return std::make_unique<Engine>(model, *opened_.backend, engine_options_of(setup_.model, opened_),
                                  opened_.model->banned());
}

void TerminalChat::start_over() {
  messages_ = Json::array();
  set_system(setup_.system);
}

void TerminalChat::set_system(std::string text) {
  setup_.system = std::move(text);
  if (!messages_.empty() && is_from(messages_[0], "system")) messages_.erase(messages_.begin());
  if (setup_.system.empty()) return;
  Json message = {{"role", "system"}, {"content", setup_.system}};
  messages_.insert(messages_.begin(), std::move(message));
}

Status TerminalChat::answer(const std::string& text) {
  messages_.push_back({{"role", "user"}, {"content", text}});
  retries_ = 0;
  return reply();
}

Status TerminalChat::retry() {
  Json before = messages_;
  if (!messages_.empty() && is_from(messages_.back(), "assistant")) {
    messages_.erase(messages_.end() - 1);
  }
  if (messages_.empty() || !is_from(messages_.back(), "user")) {
    messages_ = std::move(before);
    return error(Code::invalid, "expected a question before /retry, found none");
  }
  ++retries_;
  Status status = reply();
  // Without another answer the one before stands.
  if (!status.is_ok() && status.code() != Code::cancelled) {
    messages_ = std::move(before);
    --retries_;
  }
  return status;
}

Result<TextRequest> TerminalChat::next_request() const {
  ChatRequest chat;
  chat.messages = messages_;
  TextRequest request;
  TRY_ASSIGN(request.prompt, opened_.model->chat(chat));
  request.sampling = setup_.sampling.over(opened_.model->defaults());
  request.sampling.seed += retries_;
  request.max_tokens =
      setup_.sampling.max_tokens > 0 ? setup_.sampling.max_tokens : setup_.model.context;
  request.stop = setup_.sampling.stop;
  request.thought = setup_.sampling.thought;
  request.adapter = adapter_;
  TRY_ASSIGN(request.mark, mark_of(setup_.watermark, request.sampling, setup_.adapter));
  return request;
}

// Answers the last message.
Status TerminalChat::reply() {
  const auto answered = [&]() -> Result<TextReply> {
    TRY_ASSIGN(TextRequest request, next_request());
    const auto prompt_tokens = static_cast<int64_t>(request.prompt.ids.size());
    ChatView view(session_, {thoughts_shown_, prompt_tokens, setup_.model.context});
    request.on_prompt = [&](int64_t computed) { view.show_prompt(computed); };
    request.on_token = [&](int32_t, std::string_view part, bool thought) {
      view.show(part, thought);
      return true;
    };
    Timings timings;
    std::vector<TextRequest> requests;
    requests.push_back(std::move(request));
    const InterruptGuard interrupt;
    auto replies = generate(*opened_.model, *engine_, std::move(requests), &timings,
                            [&] { return !interrupt.pressed(); });
    if (!replies) {
      view.fail();
      return replies.status();
    }
    view.finish((*replies)[0], timings);
    return std::move((*replies)[0]);
  }();
  if (!answered) {
    messages_.erase(messages_.end() - 1);
    return answered.status();
  }
  messages_.push_back({{"role", "assistant"}, {"content", answered->text}});
  const bool stopped = answered->finish_reason == FinishReason::cancelled;
  return stopped ? error(Code::cancelled, "interrupted") : Status::ok();
}

Status TerminalChat::save(const std::string& path) const {
  return write_whole(path, Json{{"messages", messages_}}.dump(1) + "\n");
}

Status TerminalChat::load(const std::string& path) {
  TRY_ASSIGN(ChatRequest chat, read_chat_file(path));
  TRY(check_messages(chat.messages).at(path));
  messages_ = std::move(chat.messages);
  const bool has_system = !messages_.empty() && is_from(messages_[0], "system");
  setup_.system = has_system ? messages_[0].at("content").get<std::string>() : "";
  return Status::ok();
}

Status TerminalChat::use_model(const std::string& path) {
  ModelOptions options = setup_.model;
  options.model = path;
  TRY_ASSIGN(OpenedText opened, open_text_model(options, session_));
  engine_.reset();
  adapter_.reset();
  opened_.model.reset();  // before the backend that they live on
  opened_.draft_model.reset();
  opened_ = std::move(opened);
  setup_.model = std::move(options);
  setup_.adapter.clear();
  engine_ = new_engine();
  return Status::ok();
}

Status TerminalChat::use_adapter(const std::string& path) {
  TRY_ASSIGN(adapter_, open_adapter(path, opened_));
  setup_.adapter = path;
  return Status::ok();
}

}  // namespace hearth::cli
