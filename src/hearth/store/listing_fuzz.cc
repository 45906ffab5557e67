// The readers of what hubs say, on any bytes: a name that they accept stays below its folder, what
// is chosen has a checksum, and a fault is one line.
#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/store/foreign.h"
#include "hearth/store/listing.h"
#include "hearth/store/safe_name.h"
#include "hearth/store/selection.h"

namespace hearth::store {
namespace {

constexpr std::string_view kStart =
    R"({"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"config.json",)"
    R"("size":9,"blobId":"0123456789abcdef0123456789abcdef01234567"},{"rfilename":)"
    R"("q/m-Q4_K-00001-of-00002.gguf","lfs":{"sha256":"0123456789abcdef0123456789abcdef)"
    R"(0123456789abcdef0123456789abcdef","size":77}},{"rfilename":"model.safetensors"}],)"
    R"("cardData":{"license":"mit"},"Data":{"Files":[{"Path":"a.gguf","Type":"blob","Size":4}],)"
    R"("License":"MIT"},"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":)"
    R"("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}]})";

void check_line(const Status& status) {
  CHECK(status.message().find('\n') == std::string::npos);
}

void check_listing(const Result<RepoListing>& listing) {
  if (!listing) return check_line(listing.status());
  for (const RepoFile& file : listing->files) {
    CHECK(check_relative_path(file.path).is_ok());
    CHECK(file.bytes >= -1);
  }
  for (const char* text : {"hf://a/b", "hf://a/b:Q4_K"}) {
    const auto selected = select_files(*listing, *parse_model_ref(text));
    if (!selected) {
      check_line(selected.status());
      continue;
    }
    CHECK(!selected->files.empty());
    for (const RepoFile& file : selected->files) {
      CHECK(!file.sha256.empty() || !file.git_sha1.empty());
      CHECK(!file.path.ends_with(".py"));
    }
  }
}

}  // namespace
}  // namespace hearth::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view text = text_of(data, size);
  store::check_listing(store::parse_hugging_face_listing(text));
  store::check_listing(store::parse_modelscope_listing(text));
  if (const auto licence = store::parse_modelscope_licence(text)) {
    CHECK(licence->find('\n') == std::string::npos);
  }
  if (const auto digest = store::parse_ollama_manifest(text)) CHECK(store::is_hex(*digest, 64));
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return hearth::mutate_json_input(data, size, max_size, seed, hearth::store::kStart);
}
