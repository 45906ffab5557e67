// Request ids: the client's own word, or one of ours, from the first line of the log to the last
// byte of the answer.
#pragma once

#include <string>
#include <string_view>

namespace hearth::serve {

// `given` where it is a word, else "req-" and 24 random digits.
std::string request_id(std::string_view given);

}  // namespace hearth::serve
