// Requests are masked in every place where a text may stand, and answers restored however their
// pieces come; through the reply writer as HTTP sends it.
#include "hearth/serve/personal_data.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "hearth/files/json.h"
#include "hearth/serve/completions.h"
#include "hearth/serve/testing.h"

namespace hearth::serve {
namespace {

constexpr std::string_view kMobile = "13800138000";

GenerationRequest request_with(const std::string& text) {
  GenerationRequest request;
  request.chat.messages = Json::array({Json{{"role", "user"}, {"content", text}}});
  return request;
}

std::string dump(const GenerationRequest& request) {
  std::string out = request.chat.messages.dump() + request.chat.extra.dump();
  for (const RawPrompt& p : request.prompts) out += p.text;
  for (const std::string& s : request.stop) out += s;
  return out;
}

TEST(GuardRequest, MasksEveryText) {
  GenerationRequest request = request_with("打13800138000");
  const Json call = {{"function", {{"name", "dial"}, {"arguments", R"({"to":"13800138000"})"}}}};
  request.chat.messages.push_back({{"role", "assistant"},
                                   {"content", ""},
                                   {"reasoning_content", "13800138000?"},
                                   {"tool_calls", Json::array({call})}});
  request.chat.extra = {{"user_phone", kMobile}};
  request.prompts.push_back({"call 13800138000", {}});
  request.stop = {"13800138000"};
  GuardedRequest guarded;
  const auto error = guard_request(pii::Mode::mask, {}, mini().tokenizer(), request, guarded);
  ASSERT_FALSE(error.has_value());
  EXPECT_EQ(dump(request).find(kMobile), std::string::npos) << dump(request);
  EXPECT_EQ(guarded.summary(), "MOBILE=6");
  EXPECT_EQ(request.stop[0], "[MOBILE_1]");
  EXPECT_EQ(request.chat.messages[0]["role"], "user");
}

TEST(GuardRequest, Modes) {
  for (const auto mode : {pii::Mode::off, pii::Mode::log_only}) {
    GenerationRequest request = request_with("打13800138000");
    const std::string before = dump(request);
    GuardedRequest guarded;
    EXPECT_FALSE(guard_request(mode, {}, mini().tokenizer(), request, guarded).has_value());
    EXPECT_EQ(dump(request), before);
    EXPECT_EQ(guarded.found.empty(), mode == pii::Mode::off);
    EXPECT_EQ(guarded.vault, nullptr);
  }
  GenerationRequest request = request_with("打13800138000");
  GuardedRequest guarded;
  const auto error = guard_request(pii::Mode::block, {}, mini().tokenizer(), request, guarded);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->status, 400);
  EXPECT_EQ(error->message.find(kMobile), std::string::npos);
  GenerationRequest clean = request_with("12+30=?");
  EXPECT_FALSE(guard_request(pii::Mode::block, {}, mini().tokenizer(), clean, guarded).has_value());
}

TEST(GuardRequest, PersonalDataAsTokenIdsIsRefused) {
  GenerationRequest request;
  request.prompts.push_back({"", mini().tokenizer().encode("tel 13800138000", {})});
  GuardedRequest guarded;
  const auto error = guard_request(pii::Mode::mask, {}, mini().tokenizer(), request, guarded);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, "personal_data");
}

// An answer that must be one of these texts would bring them back: no token may stand for them.
TEST(GuardRequest, PersonalDataInTheFormOfTheAnswerIsRefused) {
  for (const auto mode : {pii::Mode::log_only, pii::Mode::mask, pii::Mode::block}) {
    GenerationRequest request = request_with("who?");
    request.format = {OutputFormat::Kind::json_schema, R"({"enum":["13800138000","nobody"]})"};
    request.format_field = "guided_json";
    GuardedRequest guarded;
    const auto error = guard_request(mode, {}, mini().tokenizer(), request, guarded);
    EXPECT_EQ(guarded.summary(), "MOBILE=1");
    EXPECT_EQ(guarded.vault, nullptr);
    EXPECT_EQ(error ? error->code : "", mode == pii::Mode::log_only ? "" : "personal_data");
  }
}

// Only masking keeps values: the other modes go on where no memory can be locked.
TEST(GuardRequest, OnlyMaskingLocksMemory) {
  static_cast<void>(mini());  // read while its files may be
  const auto status_in = [](pii::Mode mode) {
    GenerationRequest request = request_with("打13800138000");
    GuardedRequest guarded;
    const auto error = guard_request(mode, {}, mini().tokenizer(), request, guarded);
    return error ? error->status : 200;
  };
  const auto lock_nothing = [] {
    const rlimit none{0, 0};
    return ::setrlimit(RLIMIT_MEMLOCK, &none) == 0 &&
           (::geteuid() != 0 || ::setuid(65534) == 0);  // root has no such limit
  };
  EXPECT_EXIT(std::exit(lock_nothing() && status_in(pii::Mode::log_only) == 200 &&
                                status_in(pii::Mode::block) == 400
                            ? 0
                            : 1),
              testing::ExitedWithCode(0), "");
}

std::shared_ptr<const pii::Vault> vault() {
  const auto made = std::make_shared<pii::Vault>();
  CHECK(made->put("[MOBILE_1]", pii::Type::mobile, kMobile).is_ok());
  CHECK(made->put("[PASSWORD_1]", pii::Type::password, "a\"b\\c").is_ok());
  return made;
}

// A thought, an answer and a call of choice 0, in pieces of `size` bytes.
std::vector<Piece> pieces_of(size_t size) {
  std::vector<Piece> out;
  const auto add = [&](bool thought, int32_t call, const std::string& text) {
    for (size_t at = 0; at < text.size(); at += size) {
      Piece piece;
      piece.thought = thought;
      piece.call = call;
      piece.text = text.substr(at, size);
      out.push_back(std::move(piece));
    }
  };
  add(true, -1, "is it [MOBILE_1]? [MOBILE");  // a token that never ends
  add(false, -1, "Call 【mobile 1】 or [MOBILE_1]");
  add(false, 0, R"({"to":"[MOBILE_1]","pw":"[PASSWORD_1]"})");
  Piece last;
  last.finish = "tool_calls";
  out.push_back(std::move(last));
  return out;
}

TEST(AnswerRestorer, CutsDoNotMatter) {
  for (size_t size = 1; size < 40; ++size) {
    AnswerRestorer restorer(vault(), mini().tokenizer(), 1);
    std::string thought, answer, call, finish;
    for (Piece& piece : pieces_of(size)) {
      std::vector<Piece> one;
      one.push_back(std::move(piece));
      for (const Piece& p : restorer.restore(std::move(one))) {
        (p.thought ? thought : p.call >= 0 ? call : answer) += p.text;
        finish += p.finish;
      }
    }
    EXPECT_EQ(thought, "is it 13800138000? [MOBILE");
    EXPECT_EQ(answer, "Call 13800138000 or 13800138000");
    const auto arguments = parse_json(call);
    ASSERT_TRUE(arguments.has_value()) << call;
    EXPECT_EQ((*arguments)["to"], kMobile);
    EXPECT_EQ((*arguments)["pw"], "a\"b\\c");
    EXPECT_EQ(finish, "tool_calls");
    EXPECT_TRUE(restorer.rest().empty());
  }
}

// The texts of an answer's tokens, one after the other, are the answer.
TEST(AnswerRestorer, TokensOfLogprobsAreRestored) {
  const Tokenizer& tokenizer = mini().tokenizer();
  AnswerRestorer restorer(vault(), tokenizer, 1);
  std::string text, of_tokens;
  const auto read = [&](std::vector<Piece> pieces) {
    for (const Piece& p : pieces) {
      text += p.text;
      for (const TokenLogprob& l : p.logprobs) {
        of_tokens += l.text ? *l.text : std::string(tokenizer.token_bytes(l.chosen.id));
      }
    }
  };
  EncodeOptions encode;
  encode.add_special_prefix_suffix = false;
  for (int32_t id : tokenizer.encode("[x] call [MOBILE_1] or [2", encode)) {
    Piece piece;
    piece.text = tokenizer.token_bytes(id);
    piece.logprobs.push_back({{id, -0.5}, {}, {}});
    std::vector<Piece> one;
    one.push_back(std::move(piece));
    read(restorer.restore(std::move(one)));
  }
  read(restorer.rest());
  EXPECT_EQ(text, "[x] call 13800138000 or [2");
  EXPECT_EQ(of_tokens, text);
}

// One part of an answer, a character a token, in the pieces that the bits of `cuts` say; its text
// and that of its tokens behind the restorer.
std::pair<std::string, std::string> restored(const Piece& kind, std::string_view text,
                                             uint32_t cuts) {
  const Tokenizer& tokenizer = mini().tokenizer();
  AnswerRestorer restorer(vault(), tokenizer, 1);
  std::pair<std::string, std::string> out;
  const auto read = [&](std::vector<Piece> pieces) {
    for (const Piece& p : pieces) {
      EXPECT_EQ(std::tie(p.thought, p.call, p.call_name),
                std::tie(kind.thought, kind.call, kind.call_name));
      out.first += p.text;
      for (const TokenLogprob& l : p.logprobs) {
        out.second += l.text ? *l.text : std::string(tokenizer.token_bytes(l.chosen.id));
      }
    }
  };
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    while (end < text.size() && (cuts >> (end - 1) & 1) == 0) ++end;
    Piece piece = kind;
    piece.text = text.substr(at, end - at);
    for (; at < end; ++at) {
      piece.logprobs.push_back({{tokenizer.find(text.substr(at, 1)).value(), -0.5}, {}, {}});
    }
    std::vector<Piece> one;
    one.push_back(std::move(piece));
    read(restorer.restore(std::move(one)));
  }
  read(restorer.rest());
  return out;
}

// Each of the 2^(n-1) ways to cut a thought, an answer, the name of a call and its arguments.
TEST(AnswerRestorer, EveryCutOfEveryPart) {
  struct Part {
    bool thought;
    int32_t call;
    bool call_name;
    std::string_view text, whole;
  };
  for (const Part& part : {Part{true, -1, false, "[[MOBILE_1][M", "[13800138000[M"},
                           Part{false, -1, false, "a[MOBILE_1]b", "a13800138000b"},
                           Part{false, 0, true, "x[MOBILE_1]", "x13800138000"},
                           Part{false, 0, false, R"("[PASSWORD_1]")", R"("a\"b\\c")"}}) {
    SCOPED_TRACE(part.text);
    Piece kind;
    kind.thought = part.thought;
    kind.call = part.call;
    kind.call_name = part.call_name;
    for (uint32_t cuts = 0; cuts < 1u << (part.text.size() - 1); ++cuts) {
      const auto [text, of_tokens] = restored(kind, part.text, cuts);
      ASSERT_EQ(text, part.whole) << cuts;
      ASSERT_EQ(of_tokens, part.whole) << cuts;
    }
  }
}

// The event stream of a masked request, pieces put in one by one as an engine does.
TEST(PendingCompletion, StreamsWhatWasMasked) {
  const auto channel = std::make_shared<AnswerChannel>(true, 1 << 20);
  Admitted admitted;
  admitted.channel = channel;
  admitted.guarded.vault = vault();
  const auto pending =
      pending_completion(mini().tokenizer(), ReplyHead{}, true, {}, std::move(admitted));
  std::string bytes;
  for (Piece& piece : pieces_of(3)) {
    channel->put(std::move(piece));
    bytes += pending->poll(true).bytes;
  }
  channel->finish({});
  bytes += pending->poll(true).bytes;
  EXPECT_EQ(bytes.find("MOBILE_1"), std::string::npos) << bytes;
  EXPECT_NE(bytes.find("13800138000"), std::string::npos);
  EXPECT_TRUE(bytes.ends_with(kSseDone));
}

}  // namespace
}  // namespace hearth::serve
