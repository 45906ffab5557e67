// The list of suites: one line each.
#include "hearth/eval/arithmetic.h"
#include "hearth/eval/choice_suites.h"
#include "hearth/eval/code/code_suites.h"
#include "hearth/eval/instructions/ifeval_suite.h"
#include "hearth/eval/math_suites.h"
#include "hearth/eval/suite.h"
#include "hearth/eval/translation/translation_suite.h"

namespace hearth {

std::vector<const Suite*> all_suites() {
  std::vector<const Suite*> all = {&arithmetic_suite()};
  for (const Suite& suite : math_suites()) all.push_back(&suite);
  for (const Suite& suite : code::code_suites()) all.push_back(&suite);
  for (const Suite& suite : choice_suites()) all.push_back(&suite);
  all.push_back(&translation::translation_suite());
  all.push_back(&instructions::ifeval_suite());
  return all;
}

const Suite* find_suite(std::string_view name) {
  for (const Suite* suite : all_suites()) {
    if (suite->name == name) return suite;
  }
  return nullptr;
}

}  // namespace hearth
