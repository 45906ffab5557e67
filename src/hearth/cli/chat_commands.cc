// See chat_commands.h.
#include "hearth/cli/chat_commands.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "hearth/files/outside_bytes.h"

namespace hearth::cli {
namespace {

// A number that /set changes; nullopt: the model's own default.
struct Setting {
  std::string_view name;
  double low, high;
  bool whole;
  void (*set)(SamplingOptions&, std::optional<double>);
  std::optional<double> (*get)(const SamplingOptions&);
};

template <auto Member>
void set_member(SamplingOptions& options, std::optional<double> value) {
  auto& member = options.*Member;
  using Number = typename std::remove_reference_t<decltype(member)>::value_type;
  member.reset();
  if (value) member = static_cast<Number>(*value);
}
template <auto Member>
std::optional<double> get_member(const SamplingOptions& options) {
  const auto& member = options.*Member;
  return member ? std::optional<double>(static_cast<double>(*member)) : std::nullopt;
}
template <auto Member>
constexpr Setting setting(std::string_view name, double low, double high, bool whole) {
  return {name, low, high, whole, set_member<Member>, get_member<Member>};
}

constexpr double kTokensMax = 1 << 24;
const std::array<Setting, 7>& settings() {
  static constexpr std::array<Setting, 7> all = {{
      setting<&SamplingOptions::temperature>("temperature", 0, 100, false),
      setting<&SamplingOptions::top_p>("top_p", 0, 1, false),
      setting<&SamplingOptions::top_k>("top_k", 0, kTokensMax, true),
      setting<&SamplingOptions::min_p>("min_p", 0, 1, false),
      setting<&SamplingOptions::seed>("seed", 0, 9e15, true),
      {"max_tokens", 1, kTokensMax, true,
       [](SamplingOptions& o, std::optional<double> value) {
         o.max_tokens = static_cast<int64_t>(value.value_or(0));
       },
       [](const SamplingOptions& o) {
         return o.max_tokens > 0 ? std::optional<double>(static_cast<double>(o.max_tokens))
                                 : std::nullopt;
       }},
      {"thinking_budget", 0, kTokensMax, true,
       [](SamplingOptions& o, std::optional<double> value) {
         o.thought.tokens_max.reset();
         if (value) o.thought.tokens_max = static_cast<int64_t>(*value);
       },
       [](const SamplingOptions& o) {
         return o.thought.tokens_max
                    ? std::optional<double>(static_cast<double>(*o.thought.tokens_max))
                    : std::nullopt;
       }},
  }};
  return all;
}

struct Line {
  std::string_view name, rest;
};

// "/set top_p 0.9" is {"/set", "top_p 0.9"}.
Line split(std::string_view line) {
  constexpr std::string_view kSpaces = " \t";
  const size_t end = std::min(line.find_first_of(kSpaces), line.size());
  std::string_view rest = line.substr(end);
  rest.remove_prefix(std::min(rest.find_first_not_of(kSpaces), rest.size()));
  rest = rest.substr(0, rest.find_last_not_of(kSpaces) + 1);
  return {line.substr(0, end), rest};
}

void tell(std::string_view text) {
  fmt::print(stderr, "{}\n", text);
}

Status set(TerminalChat& chat, const Session& session, std::string_view rest) {
  const auto [name, text] = split(rest);
  const auto found = std::ranges::find(settings(), name, &Setting::name);
  if (found == settings().end()) {
    for (const Setting& s : settings()) {
      const std::optional<double> value = s.get(chat.sampling());
      tell(value ? fmt::format("{} {}", s.name, *value)
                 : fmt::format("{} {}", s.name, session.say("default", "默认")));
    }
    if (name.empty()) return Status::ok();
    return error(Code::invalid, "/set: expected one of these, found `{}`", excerpt(name));
  }
  if (text == "default") {
    found->set(chat.sampling(), std::nullopt);
    return Status::ok();
  }
  double value = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool number = failure == std::errc() && stop == text.data() + text.size();
  const bool good = number && value >= found->low && value <= found->high &&
                    (!found->whole || value == std::floor(value));
  if (!good) {
    return error(Code::invalid, "/set {}: expected `default` or {} from {} to {}, found `{}`", name,
                 found->whole ? "a whole number" : "a number", found->low, found->high,
                 excerpt(text));
  }
  found->set(chat.sampling(), value);
  return Status::ok();
}

Status think(TerminalChat& chat, const Session&, std::string_view rest) {
  if (rest != "show" && rest != "hide") {
    return error(Code::invalid, "/think: expected show or hide, found `{}`", excerpt(rest));
  }
  chat.show_thoughts(rest == "show");
  return Status::ok();
}

Status need_file(std::string_view command, std::string_view rest) {
  if (!rest.empty()) return Status::ok();
  return error(Code::invalid, "{}: expected a file, found none", command);
}

Status help(TerminalChat&, const Session& session, std::string_view);

struct Command {
  std::string_view name, takes, english, chinese;
  Status (*run)(TerminalChat&, const Session&, std::string_view rest);
};

constexpr std::array<Command, 10> kCommands = {{
    {"/help", "", "this list", "显示此列表", help},
    {"/new", "", "start over (also /clear)", "重新开始（也可用 /clear）",
     [](TerminalChat& chat, const Session&, std::string_view) {
       chat.start_over();
       return Status::ok();
     }},
    {"/retry", "", "another answer to the last question", "重新回答上一个问题",
     [](TerminalChat& chat, const Session&, std::string_view) { return chat.retry(); }},
    {"/think", "show|hide", "whether thoughts are shown", "是否显示思考", think},
    {"/system", "[TEXT]", "what is said before the conversation", "对话之前的系统提示",
     [](TerminalChat& chat, const Session&, std::string_view rest) {
       chat.set_system(std::string(rest));
       return Status::ok();
     }},
    {"/set", "[NAME VALUE]", "sampling and lengths; alone: what they are",
     "采样与长度；单独使用则显示", set},
    {"/save", "FILE", "keep the conversation as JSON", "把对话存为 JSON",
     [](TerminalChat& chat, const Session&, std::string_view rest) {
       TRY(need_file("/save", rest));
       return chat.save(std::string(rest));
     }},
    {"/load", "FILE", "go on with a conversation that was kept", "继续保存过的对话",
     [](TerminalChat& chat, const Session&, std::string_view rest) {
       TRY(need_file("/load", rest));
       return chat.load(std::string(rest));
     }},
    {"/model", "[PATH]", "another model; alone: which it is", "更换模型；单独使用则显示",
     [](TerminalChat& chat, const Session&, std::string_view rest) {
       if (!rest.empty()) return chat.use_model(std::string(rest));
       tell(chat.model());
       return Status::ok();
     }},
    {"/adapter", "[PATH]", "a LoRA adapter on the model; alone: none",
     "使用 LoRA 适配器；单独使用则去掉",
     [](TerminalChat& chat, const Session&, std::string_view rest) {
       return chat.use_adapter(std::string(rest));
     }},
}};

Status help(TerminalChat&, const Session& session, std::string_view) {
  for (const Command& c : kCommands) {
    tell(fmt::format("{:<8} {:<13} {}", c.name, c.takes, session.say(c.english, c.chinese)));
  }
  tell(session.say("/bye                   leave (also Ctrl-D)",
                   "/bye                   退出（也可用 Ctrl-D）"));
  tell(session.say("\"\"\"                    begins and ends a text of several lines",
                   "\"\"\"                    多行文本的开始与结束"));
  return Status::ok();
}

}  // namespace

bool is_command(std::string_view line) {
  return line.starts_with('/');
}

bool run_command(std::string_view line, TerminalChat& chat, const Session& session) {
  auto [name, rest] = split(line);
  if (name == "/bye" || name == "/exit") return false;
  if (name == "/clear") name = "/new";
  const auto found = std::ranges::find(kCommands, name, &Command::name);
  const Status status =
      found == kCommands.end()
          ? error(Code::invalid, "expected a command of /help, found `{}`", excerpt(name))
          : found->run(chat, session, rest);
  if (!status.is_ok() && status.code() != Code::cancelled) tell(status.message());
  return true;
}

}  // namespace hearth::cli
