// A VocabularyData as the tokenizer.ggml.* metadata of a GGUF file: the counterpart of
// vocabulary_from_gguf, with the names and token types that llama.cpp's converter gives.
#pragma once

#include <cstdint>

#include "hearth/base/status.h"
#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/text/tokenizer/vocabulary_data.h"

namespace hearth {

// `vocab_size`: rows of the embedding; ids beyond the vocabulary become unused tokens.
// unsupported: no byte-level BPE, or a pre-tokenizer that GGUF has no name for.
// corrupt: more tokens than rows.
Status write_gguf_vocabulary(const VocabularyData& data, int64_t vocab_size, GgufHeader& header);

}  // namespace hearth
