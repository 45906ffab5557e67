// See serve_resume.h.
#include "hearth/cli/serve_resume.h"

#include <utility>
#include <vector>

#include "hearth/serve/weights_hash.h"

namespace hearth::cli {
namespace {

// All instruction sets of the CPU give the same bits.
std::string device_class(const Backend& backend) {
  const std::string_view name = backend.name();
  return std::string(name == "cuda" || name == "reference" ? name : "cpu");
}

}  // namespace

Result<serve::ResumePolicy> open_resume(const std::string& key_path, const ModelOptions& options,
                                        const TextModel& model, const Backend& backend,
                                        const WatermarkOptions& watermark,
                                        const std::string& reasoning_field,
                                        const serve::AdmissionOptions& settings,
                                        const Session& session) {
  serve::ResumePolicy out;
  if (key_path.empty()) return out;
  TRY_ASSIGN(out.key, serve::read_resume_key(key_path));
  TRY_ASSIGN(const std::string binary, serve::hash_of_file(session.self));
  TRY_ASSIGN(const std::string weights, serve::hash_of_model(model.path()));
  std::vector<std::pair<std::string, std::string>> facts = {
      {"binary", binary},
      {"device", device_class(backend)},
      {"model", weights},
      {"dtype", options.load_in_8bit ? "int8" : options.dtype},
      {"activations", options.activations},
      {"kv", std::string(format_info(kv_format_of(options)).name)},
      {"context", fmt::format("{}", settings.context)},
      {"name", settings.model_names[0]},
      {"thought ending", settings.thought_ending},
      {"efforts", fmt::format("{}", fmt::join(settings.effort_budgets, ","))},
      {"reasoning field", reasoning_field},
      {"label", std::string(label::placement_name(settings.label.placement))},
      {"label words",
       std::string(label::explicit_text(settings.label.placement, settings.label.language))},
      {"label producer", settings.label.producer},
      {"watermark", watermark.mode}};
  if (settings.watermark.mode() != watermark::Mode::off) {
    facts.emplace_back("watermark key", settings.watermark.ring()->id());
    facts.emplace_back("watermark source", watermark.source);
    facts.emplace_back("watermark manner",
                       fmt::format("{} {} {}", watermark.greedy, watermark.thinking,
                                   settings.watermark.ring()->dual_key()));
  }
  out.numerics = serve::numerics_id(facts);
  return out;
}

}  // namespace hearth::cli
