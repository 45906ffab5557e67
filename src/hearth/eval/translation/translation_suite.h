// Translation of sentences: FLORES (two files of lines), TICO-19 (tab-separated) and JSON lines
// with one member a language. A reply's value is its chrF++; a corpus has chrF++, BLEU and token F1
// for each pair of languages.
#pragma once

#include "hearth/eval/suite.h"

namespace hearth::translation {

const Suite& translation_suite();

}  // namespace hearth::translation
