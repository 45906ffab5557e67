// What is found in texts, type by type; the disguises of a number; what is no one's number. Numbers
// here are made up with right check digits, or the published examples of their standards.
#include "hearth/guard/pii/detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "hearth/base/sanitized.h"
#include "hearth/base/thread_clock.h"

namespace hearth::pii {
namespace {

// "MOBILE:13800138000 EMAIL:…" of a text.
std::string found(std::string_view text, const DetectOptions& options = {}) {
  std::string out;
  for (const Entity& e : detect(text, options)) {
    if (!out.empty()) out += " ";
    out +=
        std::string(type_name(e.type)) + ":" + std::string(text.substr(e.start, e.end - e.start));
  }
  return out;
}

TEST(Detector, ChinesePeopleAndCompanies) {
  EXPECT_EQ(found("身份证11010519491231002X。"), "CN_ID:11010519491231002X");
  EXPECT_EQ(found("身份证11010519491231002x。"), "CN_ID:11010519491231002x");
  EXPECT_EQ(found("编号110105194912310021。"), "");  // the check character is X
  EXPECT_EQ(found("老身份证号 110105491231002"), "CN_ID:110105491231002");
  EXPECT_EQ(found("老身份证号110105580517104"), "CN_ID:110105580517104");  // a French NIR as well
  EXPECT_EQ(found("打13800138000找我"), "MOBILE:13800138000");
  EXPECT_EQ(found("+86 138-0013-8000"), "MOBILE:+86 138-0013-8000");
  EXPECT_EQ(found("座机：010-62781234转8"), "LANDLINE:010-62781234");
  EXPECT_EQ(found("信用代码91350100M000100Y43"), "COMPANY_CODE:91350100M000100Y43");
  EXPECT_EQ(found("护照E12345678"), "PASSPORT:E12345678");
  EXPECT_EQ(found("港澳居民来往内地通行证H12345678"), "TRAVEL_PERMIT:H12345678");
  EXPECT_EQ(found("HKID: A123456(3)"), "HK_ID:A123456(3)");
  EXPECT_EQ(found("身分證字號A123456789"), "TW_ID:A123456789");
  EXPECT_EQ(found("卡号6222020200112233445"), "");  // wrong Luhn digit
  EXPECT_EQ(found("卡号 6222 0212 3456 7894"), "BANK_CARD:6222 0212 3456 7894");
  EXPECT_EQ(found("车牌京A12345停在门口"), "PLATE:京A12345");
  EXPECT_EQ(found("新能源车沪A·D12345"), "PLATE:沪A·D12345");
}

TEST(Detector, NumbersOfTheWorld) {
  EXPECT_EQ(found("write to jane.doe@example.co.uk."), "EMAIL:jane.doe@example.co.uk");
  EXPECT_EQ(found("邮箱是zhang@qq.com谢谢"), "EMAIL:zhang@qq.com");
  EXPECT_EQ(found("邮箱是zhang@qq.com.谢谢"), "EMAIL:zhang@qq.com");
  EXPECT_EQ(found("call +44 20 7946 0958 now"), "PHONE:+44 20 7946 0958");
  EXPECT_EQ(found("(415) 555-0132"), "PHONE:(415) 555-0132");
  EXPECT_EQ(found("GB82 WEST 1234 5698 7654 32"), "IBAN:GB82 WEST 1234 5698 7654 32");
  EXPECT_EQ(found("card 4111 1111 1111 1111"), "CREDIT_CARD:4111 1111 1111 1111");
  EXPECT_EQ(found("from 203.0.113.7 and 2001:db8::8a2e:370:7334"),
            "IP:203.0.113.7 IP:2001:db8::8a2e:370:7334");
  EXPECT_EQ(found("MAC 00:1A:2B:3C:4D:5E"), "MAC:00:1A:2B:3C:4D:5E");
  EXPECT_EQ(found("MACs: 00:1A:2B:3C:4D:5E, AA-BB-CC-DD-EE-FF."),
            "MAC:00:1A:2B:3C:4D:5E MAC:AA-BB-CC-DD-EE-FF");
  EXPECT_EQ(found("the physical address aabb.ccdd.eeff"), "MAC:aabb.ccdd.eeff");
  EXPECT_EQ(found("MAC ab:cd:ef:ab:cd:ef:ab:cd"), "");  // longer: no half of it
  EXPECT_EQ(found("MAC ab-cd-ef-ab-cd-ef-ab-cd"), "");
  EXPECT_EQ(found("see https://bob:s3cret@db.example.org/x."),
            "URL_CREDENTIALS:https://bob:s3cret@db.example.org/x");
  EXPECT_EQ(found("SSN 536-90-4399"), "US_SSN:536-90-4399");
  EXPECT_EQ(found("ITIN 912-70-1234"), "US_ITIN:912-70-1234");
  EXPECT_EQ(found("NINO AB 12 34 56 C"), "UK_NINO:AB 12 34 56 C");
  EXPECT_EQ(found("NHS number 401-023-2137"), "UK_NHS:401-023-2137");
  EXPECT_EQ(found("VAT DE136695976"), "EU_VAT:DE136695976");
  EXPECT_EQ(found("Steuer-ID 86095742719"), "DE_TAX_ID:86095742719");
  // Spain's NIE, and German for "never".
  EXPECT_EQ(found("Ihre ID 86095742719 ändert sich nie"), "DE_TAX_ID:86095742719");
  EXPECT_EQ(found("numéro INSEE 2 69 05 49 588 157 80"), "FR_NIR:2 69 05 49 588 157 80");
  EXPECT_EQ(found("codice fiscale RSSMRA85T10A562S"), "IT_FISCAL_CODE:RSSMRA85T10A562S");
  EXPECT_EQ(found("DNI 12345678Z"), "ES_NIF:12345678Z");
  EXPECT_EQ(found("PESEL 44051401458"), "PL_PESEL:44051401458");
  EXPECT_EQ(found("Aadhaar 2341 2341 2346"), "IN_AADHAAR:2341 2341 2346");
  EXPECT_EQ(found("IMEI 490154203237518"), "IMEI:490154203237518");
  EXPECT_EQ(found("BTC 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
            "CRYPTO:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2");
  EXPECT_EQ(found("GPS 39.90421, 116.40739"), "GPS:39.90421, 116.40739");
  EXPECT_EQ(found("born on March 5, 1980"), "BIRTH_DATE:March 5, 1980");
  EXPECT_EQ(found("出生于1990年5月1日"), "BIRTH_DATE:1990年5月1日");
}

// What a generator with arithmetic of its own found wrong.
TEST(Detector, CheckDigitsAsTheirIssuersWriteThem) {
  EXPECT_EQ(found("FIN M5012345J"), "SG_NRIC:M5012345J");  // the series of 2022
  EXPECT_EQ(found("FIN M5012345N"), "");
  EXPECT_EQ(found("Personalausweis L01X00T471"), "DE_ID_CARD:L01X00T471");  // the specimen
  EXPECT_EQ(found("Personalausweis L01X00T47"), "DE_ID_CARD:L01X00T47");    // its face
  EXPECT_EQ(found("German ID T220001293"), "DE_ID_CARD:T220001293");
  EXPECT_EQ(found("L01X00T47"), "");
  EXPECT_EQ(found("主卡 622202 0212345678947"), "");  // wrong Luhn digit
  EXPECT_EQ(found("主卡 622202 0212345678941"), "BANK_CARD:622202 0212345678941");
  EXPECT_EQ(found("VAT ESB58378431"), "EU_VAT:ESB58378431");
  EXPECT_EQ(found("VAT ES54362315K"), "EU_VAT:ES54362315K");
  EXPECT_EQ(found("VAT LT119511515"), "EU_VAT:LT119511515");
  EXPECT_EQ(found("VAT LT100001919017"), "EU_VAT:LT100001919017");
  EXPECT_EQ(found("VAT LT100001919018"), "");
  // EIP-55: the case of the letters is the check; one case alone has none.
  EXPECT_EQ(found("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            "CRYPTO:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
  EXPECT_EQ(found("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
            "CRYPTO:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed");
  EXPECT_EQ(found("0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), "");
}

// Numbers that their owners publish.
TEST(Detector, ValueAddedTaxOfEachMember) {
  for (const char* number :
       {"ATU13585627",   "BE0403019261",   "BG175074752",    "CY10259033P",    "CZ25123891",
        "DE136695976",   "DK13585628",     "EE100931558",    "EL094259216",    "ESB58378431",
        "FI20774740",    "FR83404833048",  "HR33392005961",  "HU12892312",     "IE6433435F",
        "IE6433435OA",   "IT00743110157",  "LT119511515",    "LT100001919017", "LU15027442",
        "LV40003521600", "MT11679112",     "NL004495445B01", "PL8567346215",   "PT501964843",
        "RO18547290",    "SE123456789701", "SI50223054",     "SK2022749619"}) {
    EXPECT_EQ(found("VAT " + std::string(number)), "EU_VAT:" + std::string(number));
  }
}

// "ID" is of every country: a word of one country's decides between numbers that fit several.
TEST(Detector, TheCountryThatIsNamed) {
  EXPECT_EQ(found("South African ID 8001015009087"), "ZA_ID:8001015009087");
  EXPECT_EQ(found("韩国身份证7507181840277"), "KR_RRN:7507181840277");
  EXPECT_EQ(found("South African ID 8001015009088"), "");
  EXPECT_EQ(found("resident registration number 2101013123456"), "KR_RRN:2101013123456");
  EXPECT_EQ(found("id 2101013123456"), "");  // no check digit, no word of its own
}

TEST(Detector, Secrets) {
  EXPECT_EQ(found("key sk-proj4f9aQ2xW81LmZ0rT7bKc"), "API_KEY:sk-proj4f9aQ2xW81LmZ0rT7bKc");
  EXPECT_EQ(found("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123_-xyz"),
            "JWT:eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123_-xyz");
  const std::string pem =
      "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAK\n-----END RSA PRIVATE KEY-----";
  EXPECT_EQ(found("x " + pem + " y"), "PRIVATE_KEY:" + pem);
  EXPECT_EQ(found(pem + "\n" + pem), "PRIVATE_KEY:" + pem + " PRIVATE_KEY:" + pem);
  const std::string cut_off = pem.substr(0, 40);
  EXPECT_EQ(found(cut_off + pem), "PRIVATE_KEY:" + cut_off + " PRIVATE_KEY:" + pem);
  EXPECT_EQ(
      found("https://bob:s3cret@a.example/?to=ftp://eve:pw@b.example/ https://c:d@ftp://e:f@g"),
      "URL_CREDENTIALS:https://bob:s3cret@a.example/?to= "
      "URL_CREDENTIALS:ftp://eve:pw@b.example/ "
      "URL_CREDENTIALS:https://c:d@ URL_CREDENTIALS:ftp://e:f@g");
  EXPECT_EQ(found("https://bob:s3cret@a.example/?to=https://b.example/"),
            "URL_CREDENTIALS:https://bob:s3cret@a.example/?to=https://b.example/");
  EXPECT_EQ(found("password: hunter2!"), "PASSWORD:hunter2");
  EXPECT_EQ(found("密码是Ab12cd34，别外传"), "PASSWORD:Ab12cd34");
  EXPECT_EQ(found("The password is required."), "");
}

// The same number in each disguise.
TEST(Detector, Disguises) {
  for (const char* text :
       {"１１０１０５１９４９１２３１００２Ｘ", "110105 19491231 002X", "110105-19491231-002X",
        "1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X", "110105\u200b19491231\u200d002X",
        "一一零一零五一九四九一二三一零零二X", "\\u0031\\u00310105194912310\\u0030\\u0032x",
        "壹壹零壹零伍壹玖肆玖壹贰叁壹零零贰X", "110105.19491231.002x"}) {
    const std::string sentence = "我的号是" + std::string(text) + "，谢谢";
    EXPECT_EQ(found(sentence), "CN_ID:" + std::string(text)) << text;
  }
  EXPECT_EQ(found("NRIC Ｓ１２３４５６７Ｄ"), "SG_NRIC:Ｓ１２３４５６７Ｄ");
  EXPECT_EQ(found("codice RSSM\u200bRA85T10A562S."), "IT_FISCAL_CODE:RSSM\u200bRA85T10A562S");
  EXPECT_EQ(found("PBCBTD７０R０８G４５８G"), "IT_FISCAL_CODE:PBCBTD７０R０８G４５８G");
  EXPECT_EQ(found("幺三八零零幺三八零零零"), "MOBILE:幺三八零零幺三八零零零");
  EXPECT_EQ(found("一三八零零一三八零零零"), "MOBILE:一三八零零一三八零零零");
  EXPECT_EQ(found("{\"tel\":\"1380013\\u0038000\"}"), "MOBILE:1380013\\u0038000");
  EXPECT_EQ(found("号码13800138000一共两个"), "MOBILE:13800138000");
  EXPECT_EQ(found("tel13800138000"), "MOBILE:13800138000");
  EXPECT_EQ(found("13800138000abc"), "MOBILE:13800138000");
}

// Recognisers look ahead: a text may end anywhere. For a sanitizer, above all.
TEST(Detector, TextsEndAnywhere) {
  DetectOptions all;
  all.types = TypeSet::all();
  all.score_min = 0.1;
  const std::string text =
      "GB82 WEST 1234 5698 7654 32 0086 138 0013 8000 A123456(3) 1 85 05 2A 123 456 78 12.5, 3.25";
  for (size_t n = 0; n <= text.size(); ++n) {
    const std::string cut(text.begin(), text.begin() + static_cast<long>(n));
    for (size_t from = 0; from < n; ++from) {
      for (const Entity& e : detect(std::string(cut.substr(from)), all)) {
        EXPECT_LE(e.end, n - from);
      }
    }
  }
}

// Of two looks, by the clock of this thread: what one takes that nothing disturbed.
double seconds_of(std::string_view text) {
  double least = 1e9;
  for (int round = 0; round < 2; ++round) {
    const double start = thread_seconds();
    detect(text);
    least = std::min(least, thread_seconds() - start);
  }
  return least;
}

std::string repeated(std::string_view unit, size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += unit;
  return out;
}

// What begins a secret again and again is not read to a secret's full length each time. That takes
// up to 25 times as long as plain words, most of it for what is found; it took 170 to 700 times.
// Under a sanitizer memory for what is found is dear: up to 91 times.
TEST(Detector, BeginningsCostNoMoreThanTheirBytes) {
  constexpr size_t kBytes = 1 << 20;
  constexpr double kMost = kSanitized ? 240 : 80;
  const double plain = seconds_of(repeated("plain words and more of them ", kBytes));
  for (const char* unit : {"-----BEGIN PRIVATE KEY-----\n", "-----begin PRIVATE KEY-----",
                           "x:y://@", "x://@a:b@", "x://a:b@", "x://a:b@c", "://a:b@", "x://a:b",
                           "eyJaaaaaaaaaaa.", "SG.", "mac ", "mac aa:bb:cc:dd:ee:"}) {
    EXPECT_LT(seconds_of(repeated(unit, kBytes)), kMost * plain) << unit;
  }
}

TEST(Detector, WhatIsNoOnes) {
  for (const char* text :
       {"订单号13812345678901234", "order 4111111111111112", "version 10.2.3.4", "v1.2.3.4",
        "timestamp 1700000000000", "pi ≈ 3.468289662864361", "2024-01-15 12:30:45",
        "pi is 3.14159265358979", "ISBN 978-3-16-148410-0", "127.0.0.1", "std::vector<int> a::b",
        "12:30:45", "user@localhost", "the sk-learn package", "1234567890123456",
        "00:00:00:00:00:00", "三十五个人一起吃了二十一个苹果", "7,654,321 people",
        "section 1.2.3.4.5"}) {
    EXPECT_EQ(found(text), "") << text;
  }
}

TEST(Detector, WordsNearbyDecide) {
  EXPECT_EQ(found("123456789"), "");
  EXPECT_EQ(found("my social security number is 536904399"), "US_SSN:536904399");
  EXPECT_EQ(found("tracking 13812345678"), "");
  EXPECT_EQ(found("phone 13812345678"), "MOBILE:13812345678");
  EXPECT_EQ(found("on 5 March 1980"), "");
}

TEST(Detector, OfOverlappingOnesTheSurerStays) {
  const auto entities = detect("https://a@b.example:pw@host.example/11010519491231002X");
  for (size_t i = 1; i < entities.size(); ++i) EXPECT_LE(entities[i - 1].end, entities[i].start);
  EXPECT_EQ(found("id 11010519491231002X"), "CN_ID:11010519491231002X");  // no card, no account
}

TEST(Detector, OnlyWhatThePolicyAsks) {
  DetectOptions options;
  options.types = TypeSet();
  options.types.set(Type::email, true);
  EXPECT_EQ(found("a@example.org 13800138000", options), "EMAIL:a@example.org");
  EXPECT_EQ(found("张伟先生"), "");
  EXPECT_EQ(TypeSet::by_default().has(Type::person), false);
}

TEST(Detector, NamesAndAddressesWhereAsked) {
  DetectOptions options;
  options.types.set(Type::person, true);
  options.types.set(Type::address, true);
  EXPECT_EQ(found("请转告张伟先生", options), "PERSON:张伟");
  EXPECT_EQ(found("姓名：欧阳娜娜，女", options), "PERSON:欧阳娜娜");
  EXPECT_EQ(found("Hello, my name is David Johnson and I live here", options),
            "PERSON:David Johnson");
  EXPECT_EQ(found("Mr. Wijtze called", options), "PERSON:Wijtze");
  EXPECT_EQ(found("住在北京市海淀区中关村大街27号楼3层", options),
            "ADDRESS:北京市海淀区中关村大街27号楼3层");
  EXPECT_EQ(found("at 12 Main Street, Springfield, IL 62704", options),
            "ADDRESS:12 Main Street, Springfield, IL 62704");
  EXPECT_EQ(found("am Ring: 12 Große Straße", options), "ADDRESS:12 Große Straße");
  EXPECT_EQ(found("at 12 King’s Road", options), "ADDRESS:12 King’s Road");
  EXPECT_EQ(found("at ‘12 Main Street’.", options), "ADDRESS:12 Main Street");
  EXPECT_EQ(found("12 Martin\u2011Luther Straße", options), "ADDRESS:12 Martin\u2011Luther Straße");
  // Words end at what is no letter: a full-width comma, Chinese, bytes that are no UTF-8.
  EXPECT_EQ(found("at 12 Main Street，谢谢", options), "ADDRESS:12 Main Street");
  EXPECT_EQ(found("at 12 Main Street谢谢", options), "ADDRESS:12 Main Street");
  EXPECT_EQ(found("1 \xff rd", options), "");
  EXPECT_EQ(found("1 Main\xff rd", options), "");
  EXPECT_EQ(found("1 Main rd\xff", options), "ADDRESS:1 Main rd");
}

}  // namespace
}  // namespace hearth::pii
