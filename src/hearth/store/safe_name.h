// Names that come from a hub, a manifest or another tool's folder, before they become paths or
// parts of addresses.
#pragma once

#include <string>
#include <string_view>

#include "hearth/base/status.h"

namespace hearth::store {

// A path below a folder, by components between slashes. corrupt: empty, absolute, with `..`, `.`,
// an empty or hidden component, a backslash, a control character, bytes that are no UTF-8, or too
// long.
Status check_relative_path(std::string_view path);

// Below a folder, with a part that begins with a dot (.gitattributes, .github/...): such files
// stand in many repositories and are no error, but not fetched.
bool is_hidden_path(std::string_view path);

// [A-Za-z0-9._-], 1 to 96 characters, no leading `.` or `-`, no `..`, no `--`: what an
// organisation, a repository, a revision or a selection may be called. `--` joins them in names of
// folders.
bool is_plain_name(std::string_view name);

// Lower-case hexadecimal digits, exactly so many.
bool is_hex(std::string_view digits, size_t count);

// For an address: everything but unreserved characters, and slashes where they are to stay.
std::string percent_encoded(std::string_view text, bool keep_slashes);

}  // namespace hearth::store
