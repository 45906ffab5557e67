// The chat page as replies. It is a client like any other, served from where its requests go: it
// holds no secret and needs no key, what it asks for does.
#pragma once

#include <string_view>

#include "hearth/serve/exchange.h"

namespace hearth::serve {

// Whether `path` is one of the page's files.
bool is_page_path(std::string_view path);
// The file, or 304 where `if_none_match` (the header, "" when none came) names it as it is.
// Only for paths of the page.
HttpReply page_reply(std::string_view path, std::string_view if_none_match);

}  // namespace hearth::serve
