// llama.cpp's grammar sampler on what bench/grammar_masks wrote (--cases): before each token of
// each document all tokens of the vocabulary pass through it, as Hearth's mask is laid over all of
// them. Built by bench/peers/grammar_masks.py against a tree of llama.cpp; no part of Hearth. One
// line of JSON a case: its name and microseconds a token (mean, median, largest), the first
// document of a new sampler and one after another has been written by a sampler of the same
// grammar. Usage: llama_grammar VOCABULARY.gguf < CASES
#include <llama.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include "json-schema-to-grammar.h"
#include "json.h"

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& text) {
  std::fprintf(stderr, "llama_grammar: %s\n", text.c_str());
  std::exit(1);
}

double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

// Times of the sampler before each token and before the end.
std::vector<double> written(const llama_vocab* vocab, const std::string& grammar,
                            const std::vector<llama_token>& ids) {
  llama_sampler* sampler = llama_sampler_init_grammar(vocab, grammar.c_str(), "root");
  if (!sampler) fail("a grammar is refused: " + grammar);
  std::vector<llama_token_data> row(static_cast<size_t>(llama_vocab_n_tokens(vocab)));
  std::vector<double> times;
  for (size_t i = 0; i <= ids.size(); ++i) {
    for (size_t id = 0; id < row.size(); ++id) row[id] = {static_cast<llama_token>(id), 0, 0};
    llama_token_data_array all = {row.data(), row.size(), -1, false};
    const Clock::time_point start = Clock::now();
    llama_sampler_apply(sampler, &all);
    times.push_back(us_since(start));
    const llama_token next = i < ids.size() ? ids[i] : llama_vocab_eos(vocab);
    if (std::isinf(row[static_cast<size_t>(next)].logit))
      fail("token " + std::to_string(i) + " of the document is refused");
    llama_sampler_accept(sampler, next);
  }
  llama_sampler_free(sampler);
  return times;
}

std::string shown(std::vector<double> times) {
  const double sum = std::accumulate(times.begin(), times.end(), 0.0);
  std::sort(times.begin(), times.end());
  char text[96];
  std::snprintf(text, sizeof text, "[%.2f, %.2f, %.2f]", sum / static_cast<double>(times.size()),
                times[times.size() / 2], times.back());
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("expected a vocabulary's file");
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  llama_model* model = llama_model_load_from_file(argv[1], params);
  if (!model) fail("the vocabulary can't be read");
  const llama_vocab* vocab = llama_model_get_vocab(model);
  std::string name, schema;  // a line each, then the ids of the document
  for (std::string ids_line; std::getline(std::cin, name) && std::getline(std::cin, schema) &&
                             std::getline(std::cin, ids_line);) {
    std::vector<llama_token> ids;
    char* at = ids_line.data();
    for (char* end = at;; at = end) {
      const long id = std::strtol(at, &end, 10);
      if (end == at) break;
      ids.push_back(static_cast<llama_token>(id));
    }
    const std::string grammar = json_schema_to_grammar(common_json::parse(schema), true);
    const std::string first = shown(written(vocab, grammar, ids));
    const std::string second = shown(written(vocab, grammar, ids));
    std::printf("{\"name\": \"%s\", \"new\": %s, \"warm\": %s}\n", name.c_str(), first.c_str(),
                second.c_str());
  }
  llama_model_free(model);
}
