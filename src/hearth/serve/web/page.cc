// See page.h.
#include "hearth/serve/web/page.h"

#include "hearth/base/check.h"
#include "hearth/serve/web/page_files.h"

namespace hearth::serve {
namespace {

// Nothing from elsewhere, nothing inline, no text made into markup: what a model says can't act.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

const PageFile* find_page_file(std::string_view path) {
  for (const PageFile& file : page_files()) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

}  // namespace

bool is_page_path(std::string_view path) {
  return find_page_file(path) != nullptr;
}

HttpReply page_reply(std::string_view path, std::string_view if_none_match) {
  const PageFile* file = find_page_file(path);
  CHECK(file != nullptr);
  HttpReply reply;
  // KaTeX changes with Debian's releases; our own files are asked for again, and mostly 304.
  const bool lasting = path.starts_with("/page/katex/");
  reply.headers = {{"ETag", std::string(file->tag)},
                   {"Cache-Control", lasting ? "max-age=86400" : "no-cache"}};
  if (if_none_match.find(file->tag) != std::string_view::npos) {
    reply.status = 304;
    return reply;
  }
  reply.content_type = std::string(file->content_type);
  reply.headers.insert(reply.headers.end(), {{"Content-Security-Policy", std::string(kPolicy)},
                                             {"Cross-Origin-Opener-Policy", "same-origin"},
                                             {"Cross-Origin-Resource-Policy", "same-origin"},
                                             {"Referrer-Policy", "no-referrer"}});
  reply.body = std::string(file->bytes);
  return reply;
}

}  // namespace hearth::serve
