// See language.h.
#include "hearth/eval/instructions/language.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "hearth/eval/instructions/reply_text.h"
#include "hearth/text/tokenizer/unicode.h"

namespace hearth::instructions {
namespace {

enum class Script {
  none,
  latin,
  cyrillic,
  greek,
  hebrew,
  arabic,
  devanagari,
  bengali,
  gurmukhi,
  gujarati,
  tamil,
  telugu,
  kannada,
  malayalam,
  thai,
  lao,
  burmese,
  khmer,
  ethiopic,
  hangul,
  kana,
  han
};

struct Block {
  uint32_t first, last;
  Script script;
};

// The blocks of Unicode in which letters of a script lie.
constexpr std::array<Block, 32> kBlocks = {
    {{0x41, 0x5A, Script::latin},        {0x61, 0x7A, Script::latin},
     {0xC0, 0x24F, Script::latin},       {0x370, 0x3FF, Script::greek},
     {0x400, 0x52F, Script::cyrillic},   {0x590, 0x5FF, Script::hebrew},
     {0x600, 0x6FF, Script::arabic},     {0x750, 0x77F, Script::arabic},
     {0x900, 0x97F, Script::devanagari}, {0x980, 0x9FF, Script::bengali},
     {0xA00, 0xA7F, Script::gurmukhi},   {0xA80, 0xAFF, Script::gujarati},
     {0xB80, 0xBFF, Script::tamil},      {0xC00, 0xC7F, Script::telugu},
     {0xC80, 0xCFF, Script::kannada},    {0xD00, 0xD7F, Script::malayalam},
     {0xE00, 0xE7F, Script::thai},       {0xE80, 0xEFF, Script::lao},
     {0x1000, 0x109F, Script::burmese},  {0x1100, 0x11FF, Script::hangul},
     {0x1200, 0x139F, Script::ethiopic}, {0x1780, 0x17FF, Script::khmer},
     {0x1E00, 0x1EFF, Script::latin},    {0x1F00, 0x1FFF, Script::greek},
     {0x3040, 0x30FF, Script::kana},     {0x3130, 0x318F, Script::hangul},
     {0x31F0, 0x31FF, Script::kana},     {0x3400, 0x4DBF, Script::han},
     {0x4E00, 0x9FFF, Script::han},      {0xAC00, 0xD7AF, Script::hangul},
     {0xFB50, 0xFDFF, Script::arabic},   {0xFE70, 0xFEFF, Script::arabic}}};

struct Language {
  std::string_view code;
  Script script;
  std::string_view common;  // words between spaces; "": its script is its own
};

constexpr std::array<Language, 43> kLanguages = {
    {{"en", Script::latin,
      "the of and to in is that it for was with as are on you this be have a at not from but by he "
      "she they we what"},
     {"es", Script::latin, "el de que y en los se del las por un para con una su al es lo más"},
     {"pt", Script::latin, "o de que e do da em um para com não uma os no se na por mais é"},
     {"fr", Script::latin, "le de la et les des en un une du que est dans pour qui sur pas au"},
     {"de", Script::latin, "der die und in den von zu das mit sich des auf für ist im dem nicht"},
     {"it", Script::latin, "il di e la che in un per è una con non del si da le sono della"},
     {"nl", Script::latin, "de het een en van is dat op te niet zijn voor met die in aan"},
     {"pl", Script::latin, "i w na z do się nie że to jest o jak za od po ale dla"},
     {"vi", Script::latin, "và của là các có một trong được cho những không với này người"},
     {"sw", Script::latin, "ya na wa kwa ni katika la za kuwa hii cha yake au kama hiyo"},
     {"fi", Script::latin, "ja on ei että se oli hän ovat mutta joka myös kun sen tai"},
     {"tr", Script::latin, "ve bir bu için da ile de çok daha olarak olan gibi ne"},
     {"id", Script::latin, "yang dan di dengan untuk dari ini tidak dalam adalah pada itu"},
     {"sv", Script::latin, "och att det i en som är på av för den med till inte om"},
     {"cs", Script::latin, "a se v na je že o s z do to jsou ale jako pro"},
     {"ro", Script::latin, "și de a în la cu nu este o pe care din pentru mai un"},
     {"ru", Script::cyrillic, "и в не на что с это как по его для из но а к он"},
     {"uk", Script::cyrillic, "і в не на що та це як до з у для його але є від"},
     {"bg", Script::cyrillic, "и на да се за от е с че не са в си по ще това"},
     {"el", Script::greek, ""},
     {"he", Script::hebrew, ""},
     {"ar", Script::arabic, "في من على إلى أن التي هذا عن مع ما هذه كان لا أو"},
     {"fa", Script::arabic, "و در به از که این را با است برای آن یک می ها"},
     {"ur", Script::arabic, "کے میں کی ہے اور سے کا کو پر یہ نے ہیں ایک کہ"},
     {"hi", Script::devanagari, "के है में की और से का को यह हैं ने पर एक कि"},
     {"mr", Script::devanagari, "आहे आणि च्या या हे ते मध्ये आहेत होते हा ही नाही व"},
     {"ne", Script::devanagari, "छ र को मा हो यो छन् गर्न भने पनि लागि एक हरु थियो"},
     {"bn", Script::bengali, ""},
     {"pa", Script::gurmukhi, ""},
     {"gu", Script::gujarati, ""},
     {"ta", Script::tamil, ""},
     {"te", Script::telugu, ""},
     {"kn", Script::kannada, ""},
     {"ml", Script::malayalam, ""},
     {"th", Script::thai, ""},
     {"lo", Script::lao, ""},
     {"my", Script::burmese, ""},
     {"km", Script::khmer, ""},
     {"am", Script::ethiopic, ""},
     {"ko", Script::hangul, ""},
     {"ja", Script::kana, ""},
     {"zh", Script::han, ""},
     {"zh-cn", Script::han, ""}}};

const Language* find(std::string_view code) {
  const auto found = std::find_if(kLanguages.begin(), kLanguages.end(),
                                  [&](const Language& language) { return language.code == code; });
  return found == kLanguages.end() ? nullptr : &*found;
}

Script script_of(uint32_t c) {
  if ((unicode_classes(c) & (kLetter | kMark)) == 0) return Script::none;
  for (const Block& block : kBlocks) {
    if (c >= block.first && c <= block.last) return block.script;
  }
  return Script::none;
}

// That of most letters. Japanese is Chinese characters with kana between them.
Script script_of(std::string_view text) {
  std::map<Script, int64_t> letters;
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    const Script script = script_of(c.code_point);
    if (script != Script::none) ++letters[script];
    at += c.bytes;
  }
  if (letters.contains(Script::kana) && letters[Script::kana] * 10 >= letters[Script::han]) {
    letters[Script::kana] += letters[Script::han];
    letters.erase(Script::han);
  }
  Script most = Script::none;
  for (const auto& [script, n] : letters) {
    if (most == Script::none || n > letters[most]) most = script;
  }
  return most;
}

}  // namespace

bool is_known_language(std::string_view code) {
  return find(code) != nullptr;
}

bool is_in_language(std::string_view text, std::string_view code) {
  const Language* language = find(code);
  if (language == nullptr || script_of(text) != language->script) return false;
  if (language->common.empty()) return true;
  const std::string folded = lower(text);
  std::map<std::string_view, int64_t> counts;
  for (const std::string_view word : words(folded)) ++counts[word];
  const auto common_words = [&](const Language& of) {
    int64_t n = 0;
    for (const std::string_view word : split(of.common, " ")) {
      const auto found = counts.find(word);
      if (found != counts.end()) n += found->second;
    }
    return n;
  };
  const int64_t own = common_words(*language);
  return std::all_of(kLanguages.begin(), kLanguages.end(), [&](const Language& other) {
    return other.script != language->script || common_words(other) <= own;
  });
}

}  // namespace hearth::instructions
