// XML from outside, by expat: one call for each element that ends. A document type is refused, and
// with it every entity that somebody defines (so that nothing expands).
#pragma once

#include <string_view>

#include "hearth/base/function_ref.h"
#include "hearth/base/status.h"

namespace hearth::store {

// `path`: the names from the root on, "ListBucketResult/Contents/Key". `text`: the characters of
// the element itself, UTF-8, without those of elements inside. Children end before their parent.
using XmlElement = FunctionRef<Status(std::string_view path, std::string_view text)>;

// corrupt: no XML, a document type, more than 16 levels or 8 KiB of text in one element; or what
// `on_end` returns. unsupported: a build without expat.
Status read_xml(std::string_view document, XmlElement on_end);

}  // namespace hearth::store
