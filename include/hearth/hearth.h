// Hearth as a library: load a DeepSeek-R1-family checkpoint, generate text from a batch of prompts,
// stream it token by token, stop when you like. This is the whole public surface.
//
//   auto model = hearth::LanguageModel::load("assets/mini", {});
//   if (!model) { puts(model.error().c_str()); return 2; }
//   auto replies = model->generate({{.message = "37*48=?"}});
//
// Errors are values: a failed call returns its kind and a one-line text that says where, what was
// expected and what was found. No exception leaves the library; bad input never aborts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace hearth {

enum class ErrorKind {
  invalid,      // a setting or request is wrong
  not_found,    // no such file, or a part of a checkpoint is missing
  corrupt,      // bytes do not follow their format
  unsupported,  // well-formed, but beyond what Hearth does
  no_memory,    // does not fit; the text says what would
  busy,         // the same call later may succeed
  internal,     // a device or a library failed
};

// A value, or why there is none. Reading the value of a failure, or the error of a value, is a bug
// of the caller and undefined.
template <typename T>
class Expected {
 public:
  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  static Expected failure(ErrorKind kind, std::string why) {
    Expected out;
    out.state_.template emplace<1>(Failure{kind, std::move(why)});
    return out;
  }
  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() { return *std::get_if<0>(&state_); }
  T* operator->() { return std::get_if<0>(&state_); }
  const std::string& error() const { return std::get_if<1>(&state_)->why; }  // one line
  ErrorKind kind() const { return std::get_if<1>(&state_)->kind; }

 private:
  struct Failure {
    ErrorKind kind = ErrorKind::internal;
    std::string why;
  };
  Expected() : state_(std::in_place_index<1>) {}
  std::variant<T, Failure> state_;
};

struct LoadSettings {
  // auto (as stored), int8 (= q8_0), or a weight format: f32, f16, bf16, q4_0, q4_k, q6_k, ...
  std::string dtype = "auto";
  // auto (the CPU), cpu, cuda (a library built with it, one NVIDIA GPU), or reference (slow, double
  // precision, the specification).
  std::string device = "auto";
  int threads = 0;         // of the CPU; 0: one for each physical core
  int64_t context = 4096;  // tokens of the longest prompt and answer together
  std::string adapter;     // LoRA: a PEFT directory or GGUF file for this model; "": none
};

struct Turn {
  std::string role;  // system, user, assistant
  std::string content;
};

// One prompt. Give `message` (a single user turn), or `turns`, or `prompt_ids`; the first non-empty
// one of prompt_ids, turns, message counts. Settings without a value are the model's own defaults.
struct GenerateRequest {
  std::string message;
  std::vector<Turn> turns;
  std::vector<int32_t> prompt_ids;
  int64_t max_tokens = 1024;          // of thought and answer together; 0 or less: none
  std::optional<double> temperature;  // 0: the most likely token each time
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<int64_t> top_k;
  uint64_t seed = 0;  // same seed, same text, whatever the batch and the threads
  std::vector<std::string> stop;
  // Called for each token in order, from the thread inside generate(): the id, the text it
  // completes (whole UTF-8 characters; may be empty) and whether that text is thought. False ends
  // the answer.
  std::function<bool(int32_t id, std::string_view text, bool thought)> on_token;
};

struct Reply {
  std::vector<int32_t> prompt_ids;
  std::vector<int32_t> output_ids;
  std::string reasoning;      // what stood inside <think>
  std::string text;           // the answer
  std::string finish_reason;  // stop, length, cancelled
};

// Owner of the weights and the KV cache. Move-only. One call of generate() runs at a time; cancel()
// may be called by any thread and ends all running answers with finish_reason `cancelled`.
class LanguageModel {
 public:
  // `path`: a Hugging Face directory or a GGUF file. Code inside a checkpoint is never run.
  // not_found: no such path, a missing shard or tokenizer. corrupt: a file or its tensors, a config
  // out of range. unsupported: an architecture, format or adapter that Hearth does not know, or
  // `cuda` in a library without it. invalid: dtype or device of no such name, a path that is no
  // model. no_memory: it will not fit, known before a weight is read, or the GPU is full. internal:
  // the GPU's driver failed.
  static Expected<LanguageModel> load(const std::string& path, const LoadSettings& settings);

  LanguageModel(LanguageModel&&) noexcept;
  LanguageModel& operator=(LanguageModel&&) noexcept;
  ~LanguageModel();

  // Runs all requests together; reply i belongs to request i and equals what it would be alone. One
  // request that is wrong fails the call.
  // invalid: an empty prompt, or one longer than the context; an id outside the vocabulary; a
  // sampling parameter out of range; turns that the chat template refuses. unsupported: `message`
  // or `turns` for a model without a chat template. busy: another generate() of this object runs.
  // internal: the device failed.
  Expected<std::vector<Reply>> generate(const std::vector<GenerateRequest>& requests);
  void cancel();  // never fails; without effect when nothing runs

  // These never fail. No special token is recognised in `text`; bytes that are no UTF-8 survive.
  std::vector<int32_t> tokenize(std::string_view text) const;
  // Ids outside the vocabulary give no text.
  std::string detokenize(const std::vector<int32_t>& ids) const;
  std::string architecture() const;
  int64_t vocab_size() const;
  // What load() decided that you may want to know, one line each: groups of experts that a GGUF
  // file does not state, code in the checkpoint that was not run, matrices that keep their format.
  // Often none. Lives as long as this object.
  const std::vector<std::string>& notices() const;

 private:
  struct State;
  explicit LanguageModel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hearth
