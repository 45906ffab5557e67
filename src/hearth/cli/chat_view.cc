// See chat_view.h.
#include "hearth/cli/chat_view.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace hearth::cli {
namespace {

constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";

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

ChatView::ChatView(const Session& session) : session_(session), colour_(colour_allowed()) {}

void ChatView::close_thought() {
  if (part_ != Part::thought) return;
  fmt::print("{}\n", colour_ ? kPlain : std::string_view("\n</think>"));
}

void ChatView::enter(bool thought) {
  const Part next = thought ? Part::thought : Part::answer;
  if (part_ == next) return;
  if (part_ == Part::thought) {
    close_thought();
    fmt::print("\n");
  }
  if (thought) fmt::print("{}", colour_ ? kDim : std::string_view("<think>\n"));
  part_ = next;
}

void ChatView::show(std::string_view text, bool thought) {
  if (session_.json || text.empty()) return;
  enter(thought);
  fmt::print("{}", text);
  std::fflush(stdout);
}

void ChatView::finish(const TextReply& reply, const Timings& timings, int64_t prompt_tokens) {
  if (session_.json) {
    const Json out = to_json(reply, timings, prompt_tokens);
    fmt::print("{}\n", out.dump(-1, ' ', false, Json::error_handler_t::replace));
    return;
  }
  // A thought that the length cut off is closed, so that nothing after it looks like thinking.
  if (part_ == Part::thought) {
    close_thought();
  } else {
    fmt::print("\n");
  }
  std::fflush(stdout);
  const std::string_view cut = reply.finish_reason == FinishReason::length
                                   ? session_.say(" (cut: length)", "（已达长度上限）")
                                   : std::string_view();
  fmt::print(stderr, "{}{:.1f} {}, {} + {} {}{}{}\n", colour_ ? kDim : std::string_view(),
             timings.decode_tokens_per_second(), session_.say("tokens/s", "词元/秒"), prompt_tokens,
             reply.output_ids.size(), session_.say("tokens", "词元"), cut,
             colour_ ? kPlain : std::string_view());
}

}  // namespace hearth::cli
