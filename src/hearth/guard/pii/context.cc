// See context.h. Words in English and Chinese, and the names of documents in their own languages.
#include "hearth/guard/pii/context.h"

#include <array>

namespace hearth::pii {
namespace {

using enum Topic;

constexpr auto kWords = std::to_array<ContextWord>({
    {identity, "身份证"}, {identity, "身份證"}, {identity, "证件号"}, {identity, "证件号码"},
    {identity, "证件"}, {identity, "公民身份号码"}, {identity, "户口"}, {identity, "identity"},
    {identity, "id card*"}, {identity, "idcard*"}, {identity, "id_card*"}, {identity, "id no"},
    {identity, "id number*"}, {identity, "id"}, {identity, "national id*"}, {identity, "nid"},
    {identity, "personal number*"}, {identity, "identification*"},

    {phone, "phone*"}, {phone, "mobile*"}, {phone, "telephone*"}, {phone, "tel"}, {phone, "cell"},
    {phone, "cellphone*"}, {phone, "fax"}, {phone, "call*"}, {phone, "dial*"}, {phone, "sms"},
    {phone, "whatsapp"}, {phone, "contact*"}, {phone, "reach"}, {phone, "teléfono*"},
    {phone, "telefono*"}, {phone, "telefon*"}, {phone, "téléphone*"}, {phone, "numero*"},
    {phone, "ph"}, {phone, "tf"}, {phone, "电话"}, {phone, "電話"}, {phone, "手机"},
    {phone, "手機"}, {phone, "联系"}, {phone, "聯繫"}, {phone, "致电"}, {phone, "拨打"},
    {phone, "来电"}, {phone, "座机"}, {phone, "固话"}, {phone, "传真"}, {phone, "微信"},
    {phone, "短信"}, {phone, "号码"}, {phone, "打给"},

    {company, "统一社会信用代码"}, {company, "信用代码"}, {company, "营业执照"},
    {company, "税号"}, {company, "纳税人识别号"}, {company, "credit code*"},
    {company, "business licen*"}, {company, "taxpayer*"}, {company, "uscc"},

    {passport, "passport*"}, {passport, "护照"}, {passport, "護照"}, {passport, "travel document*"},

    {permit, "通行证"}, {permit, "通行證"}, {permit, "回乡证"}, {permit, "回鄉證"},
    {permit, "台胞证"}, {permit, "台胞證"}, {permit, "港澳"}, {permit, "permit*"},

    {hong_kong, "hkid*"}, {hong_kong, "香港"}, {hong_kong, "hong kong"},
    {macao, "澳门"}, {macao, "澳門"}, {macao, "macau"}, {macao, "macao"}, {macao, "bir"},
    {taiwan, "台湾"}, {taiwan, "台灣"}, {taiwan, "臺灣"}, {taiwan, "taiwan*"},
    {taiwan, "身分證"}, {taiwan, "身分证"},

    {card, "card*"}, {card, "visa"}, {card, "mastercard"}, {card, "amex"}, {card, "unionpay"},
    {card, "credit"}, {card, "debit"}, {card, "tarjeta*"}, {card, "银行卡"}, {card, "信用卡"},
    {card, "卡号"}, {card, "卡號"}, {card, "储蓄卡"}, {card, "借记卡"}, {card, "银联"},
    {card, "刷卡"}, {card, "支付"}, {card, "付款"}, {card, "payment*"}, {card, "cvv"},
    {bank, "bank*"}, {bank, "account*"}, {bank, "iban"}, {bank, "银行"}, {bank, "账号"},
    {bank, "帐号"}, {bank, "账户"}, {bank, "开户"}, {bank, "转账"}, {bank, "汇款"},

    {plate, "车牌"}, {plate, "車牌"}, {plate, "车号"}, {plate, "plate*"}, {plate, "license plate"},
    {network, "ip"}, {network, "ipv4"}, {network, "ipv6"}, {network, "address*"},
    {network, "host*"}, {network, "server*"}, {network, "地址"}, {network, "服务器"},
    {network, "主机"}, {hardware, "mac"}, {hardware, "hardware*"}, {hardware, "物理地址"},

    {ssn, "ssn"}, {ssn, "ssns"}, {ssn, "ssid"}, {ssn, "social security"}, {ssn, "社会安全号"},
    {itin, "itin"}, {itin, "taxpayer*"}, {itin, "tax id"},
    {nino, "nino"}, {nino, "national insurance"}, {nino, "ni number"},
    {nhs, "nhs"}, {nhs, "national health"}, {nhs, "patient*"}, {nhs, "health service"},
    {vat, "vat"}, {vat, "ust-id*"}, {vat, "ustid*"}, {vat, "umsatzsteuer*"}, {vat, "tva"},
    {vat, "iva"}, {vat, "btw"}, {vat, "nip"}, {vat, "tax number*"}, {vat, "增值税"},
    {german_tax, "steuer*"}, {german_tax, "idnr"}, {german_tax, "tax id*"},
    {german_tax, "german tax"}, {german_card, "personalausweis*"}, {german_card, "ausweis*"},
    {german_card, "german id"},
    {french, "nir"}, {french, "sécurité sociale"}, {french, "securite sociale"}, {french, "insee"},
    {italian, "codice fiscale"}, {italian, "fiscal code"}, {italian, "fiscale"},
    {spanish, "dni"}, {spanish, "nie"}, {spanish, "nif"}, {polish, "pesel"},
    {aadhaar, "aadhaar"}, {aadhaar, "aadhar"}, {aadhaar, "uidai"}, {aadhaar, "आधार"},
    {korean, "resident registration"}, {korean, "rrn"}, {korean, "주민등록번호"},
    {korean, "주민번호"}, {singapore, "nric"}, {singapore, "fin"}, {singapore, "singapore*"},
    {thai, "thai*"}, {thai, "เลขประจำตัวประชาชน"}, {thai, "บัตรประชาชน"},
    {south_african, "south african"}, {south_african, "rsa id"}, {south_african, "sa id"},

    {imei, "imei"}, {imei, "串号"}, {imei, "handset*"},
    {wallet, "bitcoin"}, {wallet, "btc"}, {wallet, "wallet*"}, {wallet, "ethereum"},
    {wallet, "eth"}, {wallet, "crypto*"}, {wallet, "比特币"}, {wallet, "钱包"}, {wallet, "以太坊"},
    {position, "gps"}, {position, "latitude"}, {position, "longitude"}, {position, "lat"},
    {position, "lng"}, {position, "lon"}, {position, "coordinate*"}, {position, "located"},
    {position, "经纬度"}, {position, "坐标"}, {position, "定位"}, {position, "纬度"},
    {position, "经度"}, {position, "位置"},
    {birth, "born"}, {birth, "birth*"}, {birth, "dob"}, {birth, "d.o.b"}, {birth, "birthday*"},
    {birth, "出生"}, {birth, "生日"}, {birth, "生于"}, {birth, "诞辰"},

    {unrelated, "order*"}, {unrelated, "invoice*"}, {unrelated, "tracking"},
    {unrelated, "serial*"}, {unrelated, "version*"}, {unrelated, "timestamp*"},
    {unrelated, "build"}, {unrelated, "ticket*"}, {unrelated, "transaction*"},
    {unrelated, "reference"}, {unrelated, "isbn"}, {unrelated, "issn"}, {unrelated, "sku"},
    {unrelated, "checksum*"}, {unrelated, "hash*"}, {unrelated, "commit*"}, {unrelated, "batch"},
    {unrelated, "lot"}, {unrelated, "case no"}, {unrelated, "product*"}, {unrelated, "random*"},
    {unrelated, "firmware"}, {unrelated, "release*"}, {unrelated, "nonce"}, {unrelated, "offset*"},
    {unrelated, "订单"}, {unrelated, "訂單"}, {unrelated, "单号"}, {unrelated, "流水号"},
    {unrelated, "版本"}, {unrelated, "时间戳"}, {unrelated, "序列号"}, {unrelated, "编号"},
    {unrelated, "发票"}, {unrelated, "快递"}, {unrelated, "运单"}, {unrelated, "交易号"},
    {unrelated, "批次"}, {unrelated, "批号"}, {unrelated, "条形码"}, {unrelated, "货号"},
    {unrelated, "校验和"}, {unrelated, "随机"}, {unrelated, "固件"},
});

}  // namespace

std::span<const ContextWord> context_words() {
  return kWords;
}

}  // namespace hearth::pii
