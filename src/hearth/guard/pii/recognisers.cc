// The table of recognisers; see recogniser.h. The order decides nothing but who is tried first.
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

using enum Topic;

const Recogniser kTable[] = {
    {"cn_resident_id", Type::cn_id, topics(identity), 0.05, 18, false, find_cn_id},
    {"cn_resident_id_15", Type::cn_id, topics(identity), 0.45, 15, false, find_cn_id_15},
    {"cn_mobile", Type::mobile, topics(phone), 0.28, 11, false, find_cn_mobile},
    {"cn_landline", Type::landline, topics(phone), 0.35, 10, false, find_cn_landline},
    {"cn_credit_code", Type::company_code, topics(company), 0.3, 18, false, find_cn_company},
    {"passport", Type::passport, topics(passport), 0.5, 6, false, find_cn_passport},
    {"cn_travel_permit", Type::travel_permit, topics(permit), 0.5, 8, false, find_travel_permit},
    {"hk_id", Type::hk_id, topics(identity, hong_kong), 0.4, 8, true, find_hk_id},
    {"macao_id", Type::macao_id, topics(identity, macao), 0.4, 8, false, find_macao_id},
    {"tw_id", Type::tw_id, topics(identity, taiwan), 0.25, 10, true, find_tw_id},
    {"unionpay_card", Type::bank_card, topics(card, bank), 0.3, 16, false, find_unionpay},
    {"cn_plate", Type::plate, topics(plate), 0.1, 5, true, find_plate},
    {"email", Type::email, 0, 0, 0, false, nullptr, email_literals(), find_email},
    {"phone", Type::phone, topics(phone), 0.35, 6, false, find_phone},
    {"iban", Type::iban, topics(bank), 0.05, 15, true, find_iban},
    {"payment_card", Type::credit_card, topics(card, bank), 0.3, 12, false, find_payment_card},
    {"ipv4", Type::ip, topics(network), 0.2, 4, false, find_ipv4},
    {"ipv6", Type::ip, topics(network), 0.1, 2, false, find_ipv6, ipv6_literals(), find_ipv6_at},
    {"mac_address", Type::mac, topics(hardware), 0.1, 5, false, find_mac, mac_literals(),
     find_mac_behind_word},
    {"url_credentials", Type::url_credentials, 0, 0, 0, false, nullptr, url_literals(),
     find_url_credentials},
    {"us_ssn", Type::us_ssn, topics(ssn), 0.4, 9, false, find_ssn},
    {"us_itin", Type::us_itin, topics(itin, ssn), 0.4, 9, false, find_itin},
    {"uk_nino", Type::uk_nino, topics(nino), 0.25, 9, true, find_nino},
    {"uk_nhs", Type::uk_nhs, topics(nhs), 0.6, 10, false, find_nhs},
    {"eu_vat", Type::eu_vat, topics(vat), 0.25, 9, true, find_eu_vat},
    {"de_tax_id", Type::de_tax_id, topics(german_tax, identity), 0.5, 11, false,
     find_german_tax_id},
    {"de_id_card", Type::de_id_card, topics(german_card, identity), 0.5, 10, true,
     find_german_id_card},
    {"de_id_card_face", Type::de_id_card, topics(german_card), 0.5, 9, true,
     find_german_id_card_face},
    {"fr_nir", Type::fr_nir, topics(french, ssn), 0.25, 15, false, find_french_nir},
    {"it_fiscal_code", Type::it_fiscal_code, topics(italian), 0.05, 16, true,
     find_italian_fiscal_code},
    {"es_nif", Type::es_nif, topics(spanish, identity), 0.2, 9, true, find_spanish_nif},
    {"pl_pesel", Type::pl_pesel, topics(polish, identity), 0.5, 11, false, find_pesel},
    {"in_aadhaar", Type::in_aadhaar, topics(aadhaar, identity), 0.4, 12, false, find_aadhaar},
    {"kr_rrn", Type::kr_rrn, topics(korean, identity), 0.35, 13, false, find_korean_rrn},
    {"kr_rrn_of_2020", Type::kr_rrn, topics(korean), 0.35, 13, false, find_korean_rrn_of_2020},
    {"sg_nric", Type::sg_nric, topics(singapore, identity), 0.2, 9, true, find_singapore_nric},
    {"th_id", Type::th_id, topics(thai, identity), 0.4, 13, false, find_thai_id},
    {"za_id", Type::za_id, topics(south_african, identity), 0.4, 13, false, find_south_african_id},
    {"imei", Type::imei, topics(imei), 0.45, 15, false, find_imei},
    {"bitcoin", Type::crypto, topics(wallet), 0.02, 26, true, find_bitcoin},
    {"ethereum", Type::crypto, topics(wallet), 0.2, 42, true, find_ethereum},
    {"gps", Type::gps, topics(position), 0.3, 10, false, find_gps},
    {"birth_date", Type::birth_date, topics(birth), 0.6, 0, false, find_birth_date,
     birth_date_literals(), find_chinese_date},
    {"api_key", Type::api_key, 0, 0, 0, false, nullptr, api_key_literals(), find_api_key},
    {"private_key", Type::private_key, 0, 0, 0, false, nullptr, private_key_literals(),
     find_private_key},
    {"jwt", Type::jwt, 0, 0, 0, false, nullptr, jwt_literals(), find_jwt},
    {"password", Type::password, 0, 0, 0, false, nullptr, password_literals(), find_password},
    {"person", Type::person, 0, 0, 0, false, nullptr, {}, nullptr, find_persons},
    {"address", Type::address, 0, 0, 0, false, nullptr, {}, nullptr, find_addresses},
};

}  // namespace

std::span<const Recogniser> recognisers() {
  return kTable;
}

}  // namespace hearth::pii
