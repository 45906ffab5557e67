// A VocabularyData as Hugging Face's tokenizer.json and tokenizer_config.json: the counterpart of
// vocabulary_from_tokenizer_json, for checkpoints that come from GGUF.
#pragma once

#include <string>
#include <string_view>

#include "hearth/files/json.h"
#include "hearth/text/tokenizer/vocabulary_data.h"

namespace hearth {

// unsupported: no byte-level BPE, or an unknown pre-tokenizer.
Result<std::string> tokenizer_json(const VocabularyData& data);
Json tokenizer_config_json(const VocabularyData& data, std::string_view chat_template);

}  // namespace hearth
