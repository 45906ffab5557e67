// A language model as the reader of names that the guard asks (guard/pii/name_reader.h).
#pragma once

#include <string>
#include <string_view>

#include "hearth/base/status.h"
#include "hearth/cli/verb.h"
#include "hearth/guard/pii/name_reader.h"

namespace hearth::cli {

// Tokens of one reply, at most.
inline constexpr int64_t kReaderTokens = 512;

// Opens the model and asks it about one passage after the other, at temperature 0, without a
// thought, within the form that the guard wants: the same text gives the same names. What was cut
// off is told on standard error.
Result<pii::NamesRead> read_names_by_model(const std::string& model, std::string_view text,
                                           const Session& session);

}  // namespace hearth::cli
