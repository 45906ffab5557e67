// What the answers of `hearth serve` depend on beside their requests: servers that agree on all of
// it, and share a secret, can go on with each other's streams.
#pragma once

#include <string>

#include "hearth/backend/backend.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/watermark_options.h"
#include "hearth/serve/admission.h"

namespace hearth::cli {

// `key_path`: "": no stream is resumable. Reads the binary and the whole model to hash them.
Result<serve::ResumePolicy> open_resume(const std::string& key_path, const ModelOptions& options,
                                        const TextModel& model, const Backend& backend,
                                        const WatermarkOptions& watermark,
                                        const std::string& reasoning_field,
                                        const serve::AdmissionOptions& settings,
                                        const Session& session);

}  // namespace hearth::cli
