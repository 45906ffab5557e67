// Request ids: the client's own word, or one of ours, from the first line of the log to the last
// byte of the answer.
#pragma once

#include <string>
#include <string_view>

namespace hearth::serve {

// Letters, digits, `-`, `_` and `.`, at least one and at most `bytes_max`: safe in headers and
// logs.
bool is_word(std::string_view text, size_t bytes_max);

// `given` where it is a word, else "req-" and 24 random digits.
std::string request_id(std::string_view given);

}  // namespace hearth::serve
