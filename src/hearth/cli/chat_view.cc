// See chat_view.h.
#include "hearth/cli/chat_view.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace hearth::cli {
namespace {

constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::string_view kRestOfLine = "\x1b[K";  // is cleared
constexpr int64_t kLongPrompt = 512;
constexpr int64_t kBarWidth = 30;

Json to_json(const TextReply& reply, const Timings& t, int64_t prompt_tokens) {
  const auto output = static_cast<int64_t>(reply.output_ids.size());
  return {{"text", reply.text},
          {"reasoning", reply.reasoning},
          {"finish_reason", std::string(finish_reason_name(reply.finish_reason))},
          {"usage",
           {{"prompt_tokens", prompt_tokens},
            {"completion_tokens", output},
            {"total_tokens", prompt_tokens + output}}},
          {"timings",
           {{"prefill_tokens", t.prefill_tokens},
            {"prefill_ms", t.prefill_ms},
            {"decode_tokens", t.decode_tokens},
            {"decode_ms", t.decode_ms},
            {"tok_s", t.decode_tokens_per_second()}}}};
}

}  // namespace

ChatView::ChatView(const Session& session, const ChatViewOptions& options)
    : session_(session), options_(options), colour_(colour_allowed()) {}

void ChatView::show_prompt(int64_t computed) {
  if (session_.json || !stderr_is_terminal() || options_.prompt_tokens < kLongPrompt) return;
  const int64_t filled = kBarWidth * computed / options_.prompt_tokens;
  fmt::print(stderr, "\r{} [{:=<{}}{:>{}}] {} / {}{}", session_.say("reading", "读取中"), "",
             filled, "", kBarWidth - filled, computed, options_.prompt_tokens, kRestOfLine);
  prompt_shown_ = true;
}

void ChatView::clear_prompt() {
  if (std::exchange(prompt_shown_, false)) fmt::print(stderr, "\r{}", kRestOfLine);
}

void ChatView::close_thought() {
  if (part_ != Part::thought) return;
  if (!options_.thoughts) {
    fmt::print("{}[{} {}]{}\n", colour_ ? kDim : std::string_view(), thought_tokens_,
               session_.say("tokens of thought", "个词元的思考"),
               colour_ ? kPlain : std::string_view());
    return;
  }
  fmt::print("{}\n", colour_ ? kPlain : std::string_view("\n</think>"));
}

void ChatView::enter(bool thought) {
  const Part next = thought ? Part::thought : Part::answer;
  if (part_ == next) return;
  if (part_ == Part::thought) {
    close_thought();
    fmt::print("\n");
  }
  if (thought && options_.thoughts)
    fmt::print("{}", colour_ ? kDim : std::string_view("<think>\n"));
  part_ = next;
}

void ChatView::show(std::string_view text, bool thought) {
  clear_prompt();
  thought_tokens_ += thought ? 1 : 0;
  if (session_.json || text.empty()) return;
  enter(thought);
  if (!thought || options_.thoughts) fmt::print("{}", text);
  std::fflush(stdout);
}

// A thought that the length cut off is closed, so that nothing after it looks like thinking.
void ChatView::end_text() {
  if (part_ == Part::thought) {
    close_thought();
  } else {
    fmt::print("\n");
  }
  std::fflush(stdout);
}

void ChatView::fail() {
  clear_prompt();
  if (!session_.json && part_ != Part::none) end_text();
}

void ChatView::finish(const TextReply& reply, const Timings& timings) {
  clear_prompt();
  if (session_.json) {
    const Json out = to_json(reply, timings, options_.prompt_tokens);
    fmt::print("{}\n", out.dump(-1, ' ', false, Json::error_handler_t::replace));
    return;
  }
  end_text();
  const int64_t used = options_.prompt_tokens + std::ssize(reply.output_ids);
  const std::string_view cut = reply.finish_reason == FinishReason::length
                                   ? session_.say(" (cut: length)", "（已达长度上限）")
                                   : std::string_view();
  fmt::print(stderr, "{}{:.1f} {}, {} + {} {} {} ({} %){}{}\n", colour_ ? kDim : std::string_view(),
             timings.decode_tokens_per_second(), session_.say("tokens/s", "词元/秒"),
             options_.prompt_tokens, reply.output_ids.size(), session_.say("tokens of", "词元，共"),
             options_.context, 100 * used / std::max<int64_t>(options_.context, 1), cut,
             colour_ ? kPlain : std::string_view());
}

}  // namespace hearth::cli
