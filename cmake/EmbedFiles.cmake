# Embeds files into C++: run as `cmake -DOUT=page_files.cc -DLIST=list -P EmbedFiles.cmake` at build.
# Each line of LIST is PATH|FILE: the path it is served under, and where its bytes are. OUT defines
# page_files() of src/hearth/serve/web/page_files.h. A tag is the start of the bytes' SHA-256.
file(STRINGS "${LIST}" lines)
set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")
set(type_woff2 "font/woff2")
set(arrays "")
set(rows "")
set(number 0)
foreach(line IN LISTS lines)
  string(REPLACE "|" ";" pair "${line}")
  list(GET pair 0 path)
  list(GET pair 1 file)
  string(REGEX REPLACE ".*\\." "" ending "${file}")
  if(NOT DEFINED type_${ending})
    message(FATAL_ERROR "${file}: no content type is known for .${ending}")
  endif()
  file(READ "${file}" hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${hex}")
  file(SHA256 "${file}" digest)
  string(SUBSTRING "${digest}" 0 16 tag)
  string(APPEND arrays "constexpr char kBytes${number}[] =\n    \"${bytes}\";\n")
  string(APPEND rows "    {\"${path}\", \"${type_${ending}}\", \"\\\"${tag}\\\"\", {kBytes${number}, ${size}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUT}.new" "// Made by cmake/EmbedFiles.cmake.
#include \"hearth/serve/web/page_files.h\"

namespace hearth::serve {
namespace {

${arrays}
constexpr PageFile kFiles[] = {
${rows}};

}  // namespace

std::span<const PageFile> page_files() {
  return kFiles;
}

}  // namespace hearth::serve
")
file(RENAME "${OUT}.new" "${OUT}")
