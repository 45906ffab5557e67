// The chat page's files, embedded in the binary by the build (cmake/EmbedFiles.cmake): our own
// HTML, CSS and JavaScript of this folder, and KaTeX from Debian's package.
#pragma once

#include <span>
#include <string_view>

namespace hearth::serve {

struct PageFile {
  std::string_view path;          // "/" or "/page/app.js"
  std::string_view content_type;  // "text/css; charset=utf-8"
  std::string_view tag;           // ETag with its quotes, of the bytes
  std::string_view bytes;
};

std::span<const PageFile> page_files();

}  // namespace hearth::serve
