// The reader of manifests on any bytes: what it accepts is written and read back as the same.
#include "hearth/store/manifest.h"

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/store/block_hash.h"
#include "hearth/store/safe_name.h"

namespace hearth::store {
namespace {

const std::string& start() {
  static const std::string text = [] {
    Manifest out;
    out.name = out.source = "hf://a/b";
    out.commit = std::string(40, 'c');
    out.folder = "cccccccccccc/b";
    out.gguf = "m.gguf";
    const std::string digest(64, 'd');
    out.files = {{"a.json", 3, digest, {}, "git-sha1"},
                 {"m.gguf", kBlockBytes + 1, digest, {digest, digest}, "sha256"}};
    return out.to_json();
  }();
  return text;
}

}  // namespace
}  // namespace hearth::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const auto manifest = store::parse_manifest(text_of(data, size));
  if (!manifest) {
    CHECK(manifest.status().message().find('\n') == std::string::npos);
    return 0;
  }
  CHECK(store::check_relative_path(manifest->folder).is_ok());
  CHECK_EQ(manifest->sha256().size(), size_t{64});
  for (const store::FileRecord& file : manifest->files) {
    CHECK(store::check_relative_path(file.path).is_ok());
    CHECK(manifest->find(file.path) == &file);
  }
  const std::string text = manifest->to_json();
  const auto again = store::parse_manifest(text);
  CHECK(again.has_value());
  CHECK(again->to_json() == text);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return hearth::mutate_json_input(data, size, max_size, seed, hearth::store::start());
}
