// What an S3 store and the owner of a prefix say, on any bytes: sizes stay in their bounds, ETags
// and continuations can stand in a header and an address, paths stay below their folder, an error's
// code is a word.
#include <array>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/store/listing.h"
#include "hearth/store/s3_replies.h"
#include "hearth/store/safe_name.h"

namespace hearth::store {
namespace {

constexpr std::array<std::string_view, 18> kTokens = {
    "<ListBucketResult>",
    "</ListBucketResult>",
    "<Contents>",
    "</Contents>",
    "<Key>a/b.json</Key>",
    "<Size>12</Size>",
    "<ETag>&quot;e&quot;</ETag>",
    "<IsTruncated>true</IsTruncated>",
    "<IsTruncated>false</IsTruncated>",
    "<NextContinuationToken>t</NextContinuationToken>",
    "<Error><Code>NoSuchKey</Code></Error>",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "&b;",
    "&#0;",
    "<![CDATA[",
    "]]>",
    "<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef  a/b\n"};

bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7F) return false;
  }
  return true;
}

void check_page(const Result<S3Page>& page) {
  if (!page) return check_message(page.status());
  CHECK(is_printable(page->next));
  for (const S3Object& object : page->objects) {
    CHECK(!object.key.empty() && object.bytes >= 0 && object.bytes <= kFileBytesMax);
    CHECK(object.etag.size() > 2 && object.etag.front() == '"' && object.etag.back() == '"');
    CHECK(is_printable(object.etag));
  }
}

}  // namespace
}  // namespace hearth::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view text = text_of(data, size);
  store::check_page(store::parse_s3_page(text));
  const std::string code = store::s3_error_code(text);
  CHECK(store::is_printable(code) && code.size() <= 64);
  for (const int status : {301, 403, 404, 412, 500}) {
    check_message(store::refusal_of_s3(status, text));
  }
  const auto sums = store::parse_sha256sums(text);
  if (!sums) {
    check_message(sums.status());
    return 0;
  }
  for (const auto& [path, digest] : *sums) {
    CHECK(store::check_relative_path(path).is_ok() && store::is_hex(digest, 64));
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  hearth::FuzzRandom random(seed);
  const std::string text(hearth::text_of(data, size));
  return hearth::give(hearth::mutate_text(text, random, hearth::store::kTokens), data, max_size);
}
