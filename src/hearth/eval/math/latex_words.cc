// See latex_words.h.
#include "hearth/eval/math/latex_words.h"

#include <algorithm>
#include <array>

namespace hearth::math {
namespace {

struct Entry {
  std::string_view name;
  TokenKind kind;
  std::string_view text;
};

constexpr auto kOp = TokenKind::op;
constexpr auto kSymbol = TokenKind::symbol;
constexpr auto kCommand = TokenKind::command;

constexpr Entry kCommands[] = {
    {"cdot", kOp, "*"},
    {"times", kOp, "*"},
    {"ast", kOp, "*"},
    {"div", kOp, "/"},
    {"pm", kOp, "+-"},
    {"mp", kOp, "-+"},
    {"le", kOp, "<="},
    {"leq", kOp, "<="},
    {"leqslant", kOp, "<="},
    {"ge", kOp, ">="},
    {"geq", kOp, ">="},
    {"geqslant", kOp, ">="},
    {"lt", kOp, "<"},
    {"gt", kOp, ">"},
    {"ne", kOp, "!="},
    {"neq", kOp, "!="},
    {"in", kOp, "in"},
    {"cup", kOp, "cup"},
    {"approx", kOp, "="},
    {"colon", kOp, ":"},
    {"degree", kOp, "deg"},
    {"circ", kOp, "deg"},
    {"%", kOp, "%"},
    {"{", kOp, "\\{"},
    {"}", kOp, "\\}"},
    {"lbrace", kOp, "\\{"},
    {"rbrace", kOp, "\\}"},
    {"langle", kOp, "("},
    {"rangle", kOp, ")"},
    {"lvert", kOp, "|"},
    {"rvert", kOp, "|"},
    {"vert", kOp, "|"},
    {"|", kOp, "|"},
    {"\\", kOp, "row"},
    {"lfloor", kOp, "lfloor"},
    {"rfloor", kOp, "rfloor"},
    {"lceil", kOp, "lceil"},
    {"rceil", kOp, "rceil"},
    {"lbrack", kOp, "["},
    {"rbrack", kOp, "]"},
    {"infty", kSymbol, "inf"},
    {"pi", kSymbol, "pi"},
    {"emptyset", kSymbol, "{}"},
    {"varnothing", kSymbol, "{}"},
    {"frac", kCommand, "frac"},
    {"dfrac", kCommand, "frac"},
    {"tfrac", kCommand, "frac"},
    {"cfrac", kCommand, "frac"},
    {"sqrt", kCommand, "sqrt"},
    {"binom", kCommand, "binom"},
    {"dbinom", kCommand, "binom"},
    {"tbinom", kCommand, "binom"},
    {"overline", kCommand, "overline"},
    {"begin", kCommand, "begin"},
    {"end", kCommand, "end"},
};

constexpr std::string_view kSkipped[] = {
    "left",      "right",     "big",    "Big",     "bigg",     "Bigg",       "bigl",
    "bigr",      "Bigl",      "Bigr",   "middle",  "quad",     "qquad",      "limits",
    "boxed",     "mathbf",    "mathbb", "mathcal", "mathsf",   "boldsymbol", "displaystyle",
    "textstyle", "underline", "vec",    "hat",     "bar",      ",",          ";",
    "!",         ":",         " ",      "$",       "nolimits", "phantom",    "fbox",
    "enspace",   "thinspace", "cr",
};

constexpr std::string_view kText[] = {"text",   "mbox",   "hbox",   "textbf",
                                      "textit", "textrm", "mathrm", "operatorname"};

constexpr std::string_view kGreek[] = {
    "alpha", "beta",   "gamma",  "delta", "epsilon", "varepsilon", "zeta",  "eta",   "theta",
    "iota",  "kappa",  "lambda", "mu",    "nu",      "xi",         "rho",   "sigma", "tau",
    "phi",   "varphi", "chi",    "psi",   "omega",   "Gamma",      "Delta", "Theta", "Lambda",
    "Sigma", "Phi",    "Psi",    "Omega", "ell",     "dots",       "ldots", "cdots"};

constexpr std::string_view kFunctions[] = {"sin",    "cos",    "tan",    "cot",  "sec",  "csc",
                                           "arcsin", "arccos", "arctan", "sinh", "cosh", "ln",
                                           "log",    "lg",     "exp",    "abs"};

constexpr std::string_view kUnits[] = {"cm", "mm", "km", "dm", "nm", "kg", "mg", "lb", "oz",
                                       "ft", "yd", "mi", "ml", "mL", "hr", "in", "pm", "am"};

struct Character {
  uint32_t code_point;
  TokenKind kind;
  std::string_view text;
};

constexpr Character kCharacters[] = {
    {0x2212, kOp, "-"},         {0x2013, kOp, "-"},         {0xD7, kOp, "*"},
    {0xB7, kOp, "*"},           {0x22C5, kOp, "*"},         {0x2217, kOp, "*"},
    {0xF7, kOp, "/"},           {0x2215, kOp, "/"},         {0xB1, kOp, "+-"},
    {0x2213, kOp, "-+"},        {0x2264, kOp, "<="},        {0x2A7D, kOp, "<="},
    {0x2265, kOp, ">="},        {0x2A7E, kOp, ">="},        {0x2260, kOp, "!="},
    {0x2248, kOp, "="},         {0x222A, kOp, "cup"},       {0x2208, kOp, "in"},
    {0xB0, kOp, "deg"},         {0x3001, kOp, ","},         {0x2236, kOp, ":"},
    {0x221A, kCommand, "sqrt"}, {0x3C0, kSymbol, "pi"},     {0x221E, kSymbol, "inf"},
    {0x2205, kSymbol, "{}"},    {0x3B1, kSymbol, "alpha"},  {0x3B2, kSymbol, "beta"},
    {0x3B8, kSymbol, "theta"},  {0x3BB, kSymbol, "lambda"},
};

template <typename Table>
bool holds(const Table& table, std::string_view word) {
  return std::find(std::begin(table), std::end(table), word) != std::end(table);
}

}  // namespace

CommandMeaning meaning_of_command(std::string_view name) {
  for (const Entry& entry : kCommands) {
    if (entry.name == name) return {CommandUse::token, entry.kind, entry.text};
  }
  if (holds(kSkipped, name)) return {CommandUse::skipped, kOp, ""};
  if (holds(kText, name)) return {CommandUse::text, TokenKind::words, ""};
  if (holds(kGreek, name)) return {CommandUse::token, kSymbol, name};
  if (is_function(name)) return {CommandUse::token, kCommand, name};
  return {};
}

CommandMeaning meaning_of_character(uint32_t code_point) {
  for (const Character& c : kCharacters) {
    if (c.code_point == code_point) return {CommandUse::token, c.kind, c.text};
  }
  return {};
}

bool is_function(std::string_view word) {
  return holds(kFunctions, word);
}

bool is_unit(std::string_view word) {
  return holds(kUnits, word);
}

bool is_word(std::string_view word) {
  static constexpr std::string_view kWords[] = {"and", "or", "no", "is", "of", "to", "at", "by"};
  return holds(kWords, word);
}

bool is_separator(std::string_view word) {
  return word == "and" || word == "or" || word == "和" || word == "或" || word == "与";
}

}  // namespace hearth::math
