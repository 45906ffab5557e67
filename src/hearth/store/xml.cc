// See xml.h. No exception may pass through expat: its callbacks call nothing that throws.
#include "hearth/store/xml.h"

#include <memory>
#include <string>
#include <vector>

#include "hearth/files/outside_bytes.h"

#ifdef HEARTH_HTTP
#include <expat.h>

#include <limits>

namespace hearth::store {
namespace {

constexpr size_t kDepthMax = 16;
constexpr size_t kTextMax = 8 << 10;
constexpr size_t kNameMax = 200;

struct FreeParser {
  void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
};

struct Reader {
  XML_Parser parser;
  XmlElement on_end;
  std::string path;
  std::vector<size_t> lengths = {};     // of `path` before each open element
  std::vector<std::string> texts = {};  // of each
  Status failure = Status::ok();

  void fail(Status status) {
    if (failure.is_ok()) failure = std::move(status);
    XML_StopParser(parser, XML_FALSE);
  }

  void open(std::string_view name) {
    if (lengths.size() == kDepthMax || name.size() > kNameMax) {
      return fail(error(Code::corrupt,
                        "XML of more than {} levels, or a name of more than {} bytes", kDepthMax,
                        kNameMax));
    }
    lengths.push_back(path.size());
    texts.emplace_back();
    if (!path.empty()) path += '/';
    path += name;
  }

  void add(std::string_view characters) {
    if (texts.empty()) return;
    if (texts.back().size() + characters.size() > kTextMax) {
      return fail(
          error(Code::corrupt, "<{}>: more than {} KiB of text", excerpt(path), kTextMax >> 10));
    }
    texts.back() += characters;
  }

  void close() {
    if (!failure.is_ok()) return;
    Status status = on_end(path, texts.back());
    path.resize(lengths.back());
    lengths.pop_back();
    texts.pop_back();
    if (!status.is_ok()) fail(std::move(status));
  }
};

void set_handlers(XML_Parser parser, Reader& reader) {
  XML_SetUserData(parser, &reader);
  XML_SetElementHandler(
      parser,
      +[](void* self, const XML_Char* name, const XML_Char**) {
        static_cast<Reader*>(self)->open(name);
      },
      +[](void* self, const XML_Char*) { static_cast<Reader*>(self)->close(); });
  XML_SetCharacterDataHandler(
      parser, +[](void* self, const XML_Char* text, int size) {
        static_cast<Reader*>(self)->add({text, static_cast<size_t>(size)});
      });
  XML_SetStartDoctypeDeclHandler(
      parser, +[](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
        static_cast<Reader*>(self)->fail(error(Code::corrupt, "XML with a document type"));
      });
}

}  // namespace

Status read_xml(std::string_view document, XmlElement on_end) {
  if (document.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return error(Code::corrupt, "XML of {} bytes", document.size());
  }
  const std::unique_ptr<XML_ParserStruct, FreeParser> parser(XML_ParserCreate(nullptr));
  CHECK(parser != nullptr);
  Reader reader{parser.get(), on_end, ""};
  set_handlers(parser.get(), reader);
  const int size = static_cast<int>(document.size());
  const XML_Status status = XML_Parse(parser.get(), document.data(), size, 1);
  if (!reader.failure.is_ok()) return std::move(reader.failure);
  if (status == XML_STATUS_OK) return Status::ok();
  return error(Code::corrupt, "expected XML, found `{}`: {} in line {}", excerpt(document),
               XML_ErrorString(XML_GetErrorCode(parser.get())),
               XML_GetCurrentLineNumber(parser.get()));
}

}  // namespace hearth::store

#else  // a cross build without libcurl has no use for it

namespace hearth::store {

Status read_xml(std::string_view, XmlElement) {
  return error(Code::unsupported, "this build reads no XML (expat)");
}

}  // namespace hearth::store
#endif
