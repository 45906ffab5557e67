// From tokens to the tree. What this dialect lacks (include, import, extends, block, unknown
// filters and tests) is refused here, when the template is loaded, with line and construct.
#pragma once

#include <string_view>

#include "hearth/text/template/ast.h"
#include "hearth/text/template/limits.h"

namespace hearth::jinja {

Result<Block> parse(std::string_view source, const TemplateLimits& limits);

}  // namespace hearth::jinja
