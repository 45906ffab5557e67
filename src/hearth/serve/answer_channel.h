// AnswerChannel: the pieces of one request's answers on their way from the engine's thread to the
// connection. Pieces of one kind melt together while nobody takes them, so that a slow reader gets
// the same text in fewer pieces; beyond a bound the request is given up, never the memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hearth/serve/api_error.h"

namespace hearth::serve {

struct TokenChance {
  int32_t id = 0;
  double logprob = 0;
};
// A generated token with the most likely ones in its place, best first.
struct TokenLogprob {
  TokenChance chosen;
  std::vector<TokenChance> top;
  // Shown instead of the token's own bytes: personal data was put back here.
  std::optional<std::string> text;
};

struct Piece {
  int32_t choice = 0;
  bool thought = false;
  int32_t call = -1;  // of a tool, counted in its choice; the text is then its name or arguments
  bool call_name = false;  // the name: whole, and before the arguments
  std::string text;
  std::vector<TokenLogprob> logprobs;
  std::vector<float> embedding;  // of a choice that is one; the rest is then empty but `finish`
  std::string finish;  // "stop", "length" or "tool_calls" in a choice's last piece; else ""
};

// A request's share of the steps that it took part in, by its tokens in each.
struct Spent {
  double joules = 0;
  double cost = 0;  // electricity and the machine's own price
  std::string currency;
  std::string energy_source;  // "rapl": counters of the CPUs; "configured": watts times seconds
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t reasoning_tokens = 0;               // of completion_tokens
  int64_t cached_tokens = 0;                  // of prompt_tokens: found in the cache
  std::optional<Spent> spent = std::nullopt;  // where the server knows its prices
};

// Why a request was given up by its connection.
enum class Abandon : uint8_t { none, disconnected, too_slow, stopped };
std::string_view abandon_name(Abandon reason);

// Thread-safe: the engine's thread puts, the connection's takes.
class AnswerChannel {
 public:
  // `wake_for_each`: the listener hears of every piece, else of the end only.
  AnswerChannel(bool wake_for_each, int64_t bytes_max)
      : wake_for_each_(wake_for_each), bytes_max_(bytes_max) {}

  // ---- The engine's side.
  void put(Piece piece);
  // The pieces of one token: they are taken together. `id`: the token, where the listener keeps
  // account of what the pieces stand for.
  void put(std::vector<Piece> pieces, std::optional<int32_t> id = std::nullopt);
  // Words of the answer that people read went out before this channel was made.
  void set_words_out() { words_out_ = true; }
  // How much of the prompts is computed, in tokens.
  void set_prompt_progress(int64_t done, int64_t of) {
    prompt_done_.store(done, std::memory_order_relaxed);
    prompt_tokens_.store(of, std::memory_order_relaxed);
  }
  // A prompt has begun: its tokens, and those of them that were found in the cache.
  void count_prompt(int64_t tokens, int64_t cached) {
    counted_prompt_.fetch_add(tokens, std::memory_order_relaxed);
    counted_cached_.fetch_add(cached, std::memory_order_relaxed);
  }
  // Tokens of the thought that is being written; 0: none is.
  void set_thinking(int64_t tokens) { thinking_.store(tokens, std::memory_order_relaxed); }
  void count_token() { counted_tokens_.fetch_add(1, std::memory_order_relaxed); }
  // What was counted so far; the rest of a usage is known at the end only.
  Usage counted() const;
  // Exactly one of these ends the channel.
  void finish(const Usage& usage);
  void fail(ApiError error, const Usage& usage = {});
  Abandon abandoned() const { return abandoned_.load(std::memory_order_relaxed); }

  // ---- The connection's side.
  struct Taken {
    std::vector<Piece> pieces;
    std::vector<int32_t> ids;  // of tokens; all their pieces are here, or were taken before
    bool words_out = false;
    bool ended = false;
    std::optional<ApiError> error;  // how it ended
    Usage usage;
  };
  Taken take();
  Usage usage() const;  // before the end: what was counted so far
  int64_t prompt_done() const { return prompt_done_.load(std::memory_order_relaxed); }
  int64_t thinking() const { return thinking_.load(std::memory_order_relaxed); }
  int64_t prompt_tokens() const { return prompt_tokens_.load(std::memory_order_relaxed); }
  // Called from either thread; must not call back. {}: no more.
  void set_listener(std::function<void()> listener);
  // The engine stops within one step. The first reason counts.
  void abandon(Abandon reason);

 private:
  void add(Piece piece);
  void notify();

  const bool wake_for_each_;
  const int64_t bytes_max_;
  std::atomic<Abandon> abandoned_{Abandon::none};
  std::atomic<bool> words_out_{false};
  std::atomic<int64_t> prompt_done_{0}, prompt_tokens_{0}, thinking_{0};
  std::atomic<int64_t> counted_prompt_{0}, counted_cached_{0}, counted_tokens_{0};
  mutable std::mutex mutex_;
  std::vector<Piece> pieces_;
  std::vector<int32_t> ids_;
  int64_t bytes_ = 0;
  bool told_ = false;  // the listener knows that there is something to take
  bool ended_ = false;
  std::optional<ApiError> error_;
  Usage usage_;
  std::mutex listener_mutex_;
  std::function<void()> listener_;
};

}  // namespace hearth::serve
