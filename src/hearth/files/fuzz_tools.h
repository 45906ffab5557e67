// What the structure-aware mutators share: a seeded generator, the numbers that break size
// arithmetic, edits of JSON text. For fuzz targets only.
#pragma once

#include <stdlib.h>  // mkdtemp

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/check.h"
#include "hearth/base/status.h"
#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace hearth {

class FuzzRandom {
 public:
  explicit FuzzRandom(unsigned seed) : engine_(seed) {}
  uint64_t below(uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(engine_); }
  bool once_in(uint64_t n) { return below(n) == 0; }

  template <typename T, size_t N>
  const T& of(const std::array<T, N>& items) {
    return items[below(N)];
  }

  // A number at the edge of something: of a word, of a product, or of `near`.
  uint64_t hostile(uint64_t near) {
    switch (below(5)) {
      case 0:
        return near + below(5) - 2;
      case 1:
        return (uint64_t{1} << below(64)) + below(3) - 1;
      case 2:
        return below(4);
      case 3:
        return ~uint64_t{0} - below(64);
      default:
        return near * (below(8) + 1);
    }
  }

 private:
  std::mt19937_64 engine_;
};

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// An error is one line that can be shown, whatever the bytes were.
inline void check_message(const Status& status) {
  CHECK(!status.message().empty());
  CHECK(is_utf8(status.message()));
  CHECK(status.message().find('\n') == std::string::npos);
}

// Hands `bytes` to libFuzzer, cut to what it takes.
inline size_t give(const std::string& bytes, uint8_t* data, size_t max_size) {
  const size_t size = std::min(bytes.size(), max_size);
  if (size > 0) std::memcpy(data, bytes.data(), size);
  return size;
}

inline std::string mutate_bytes(std::string bytes, size_t room) {
  const size_t size = bytes.size();
  bytes.resize(size + room + 1);
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes.data()), size, bytes.size()));
  return bytes;
}

// Replaces a number of a text by a hostile one, repeats or drops a piece of it, or puts in one of
// `tokens`.
template <size_t N>
std::string mutate_text(std::string text, FuzzRandom& random,
                        const std::array<std::string_view, N>& tokens) {
  if (text.empty()) return std::string(random.of(tokens));
  const size_t at = random.below(text.size());
  const size_t count = 1 + random.below(std::min<size_t>(text.size() - at, 40));
  switch (random.below(6)) {
    case 0: {
      const size_t digit = text.find_first_of("0123456789", at);
      if (digit == text.npos) return text;
      const size_t end = std::min(text.find_first_not_of("0123456789", digit), text.size());
      return text.replace(digit, end - digit, std::to_string(random.hostile(random.below(64))));
    }
    case 1:
      return text.insert(at, text.substr(at, count));
    case 2:
      return text.erase(at, count);
    case 3:
    case 4:
      return text.insert(at, random.of(tokens));
    default:
      return mutate_bytes(std::move(text), 16);
  }
}

// A custom mutator of plain texts: a few edits, each one of `pieces` put in or bytes changed.
template <size_t N>
size_t mutate_pieces_input(uint8_t* data, size_t size, size_t max_size, unsigned seed,
                           const std::array<std::string_view, N>& pieces) {
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  for (uint64_t edits = 1 + random.below(3); edits > 0; --edits) {
    if (random.once_in(2)) {
      text.insert(random.below(text.size() + 1), random.of(pieces));
    } else {
      text = mutate_bytes(std::move(text), 16);
    }
  }
  return give(text, data, max_size);
}

// One of the values inside a JSON value, or itself: each step goes down with odds of three to one.
inline Json& random_value_in(Json& json, FuzzRandom& random) {
  Json* at = &json;
  while ((at->is_object() || at->is_array()) && !at->empty() && !random.once_in(4)) {
    at = &*std::next(at->begin(), static_cast<std::ptrdiff_t>(random.below(at->size())));
  }
  return *at;
}

// Changes the tree that a JSON text means, so that what comes out is JSON again: a value becomes
// another kind, a copy of another value, or goes away. Texts that are no JSON stay as they are.
inline std::string mutate_json_tree(const std::string& text, FuzzRandom& random) {
  static constexpr std::array<std::string_view, 16> kValues = {
      "null", "true", "-1",         "0",    "1e300",     "0.5",         "\"\"",      "\"a\"",
      "[]",   "{}",   "4294967296", "[[]]", "{\"a\":1}", "\"\\u0000\"", "[\"a\",1]", "\"\u2581\""};
  auto parsed = parse_json(text);
  if (!parsed) return text;
  Json& target = random_value_in(*parsed, random);
  switch (random.below(4)) {
    case 0:
      target = Json::parse(random.of(kValues));
      break;
    case 1: {
      const Json other = random_value_in(*parsed, random);
      target = other;
      break;
    }
    case 2:
      if (target.is_number()) target = random.hostile(random.below(64));
      if (target.is_array()) target.push_back(Json(random_value_in(*parsed, random)));
      if (target.is_string()) target = target.get<std::string>() + "a";
      break;
    default:
      if (!target.empty() && (target.is_object() || target.is_array())) {
        target.erase(
            std::next(target.begin(), static_cast<std::ptrdiff_t>(random.below(target.size()))));
      }
  }
  return parsed->dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Changes the tree of a JSON text, or its characters.
inline std::string mutate_json(std::string text, FuzzRandom& random) {
  static constexpr std::array<std::string_view, 24> kTokens = {
      "{",          "}",        "[",         "]",     ",",
      ":",          "null",     "true",      "-1",    "1e300",
      "1e400",      "0.5",      "\"\"",      "\"a\"", "\\u0000",
      "\\ud800",    "[[[[[[[[", "\"\\n\"",   "\xFF",  "\xF0\x9F\x98",
      "4294967296", "\"a\":{}", "{\"a\":1}", " "};
  if (random.once_in(2)) return mutate_json_tree(text, random);
  return mutate_text(std::move(text), random, kTokens);
}

// A custom mutator of JSON texts, whole: a few edits of the input, or of `start`, a valid text, now
// and then and where there is none.
inline size_t mutate_json_input(uint8_t* data, size_t size, size_t max_size, unsigned seed,
                                std::string_view start) {
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (size < 2 || random.once_in(64)) text = start;
  for (uint64_t edits = 1 + random.below(3); edits > 0; --edits) {
    text = mutate_json(std::move(text), random);
  }
  return give(text, data, max_size);
}

// A folder of this process for readers that take paths.
inline const std::string& fuzz_folder() {
  static const std::string path = [] {
    std::string name = (std::filesystem::temp_directory_path() / "hearth-fuzz-XXXXXX").string();
    CHECK(mkdtemp(name.data()) != nullptr);
    return name;
  }();
  return path;
}

inline void write_fuzz_file(const std::string& name, std::string_view content) {
  std::ofstream(fuzz_folder() + "/" + name, std::ios::binary) << content;
}

// Edits the JSON header of a safetensors file and keeps its length true, or the bytes anywhere.
inline std::string mutate_safetensors(const std::string& file, FuzzRandom& random) {
  uint64_t header = 0;
  if (file.size() > 8) std::memcpy(&header, file.data(), 8);
  const bool whole = file.size() > 8 && header <= file.size() - 8;
  if (!whole || random.once_in(2)) return mutate_bytes(file, 16);
  const std::string names = mutate_json(file.substr(8, header), random);
  const uint64_t length = names.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + names + file.substr(8 + header);
}

}  // namespace hearth
