// The entry points of the recognisers, for the table (recognisers.cc). Each says in its file what
// it takes for what.
#pragma once

#include "hearth/guard/pii/recogniser.h"

namespace hearth::pii {

InRun find_cn_id, find_cn_id_15, find_cn_mobile, find_cn_landline, find_cn_company,
    find_cn_passport, find_travel_permit, find_hk_id, find_macao_id, find_tw_id, find_payment_card,
    find_unionpay, find_plate, find_phone, find_iban, find_ipv4, find_ipv6, find_mac, find_ssn,
    find_itin, find_nino, find_nhs, find_eu_vat, find_german_tax_id, find_german_id_card,
    find_german_id_card_face, find_french_nir, find_italian_fiscal_code, find_spanish_nif,
    find_pesel, find_aadhaar, find_korean_rrn, find_korean_rrn_of_2020, find_singapore_nric,
    find_thai_id, find_south_african_id, find_imei, find_bitcoin, find_ethereum, find_gps,
    find_birth_date;

// Literals that announce a type, and what looks at them.
Literals email_literals(), birth_date_literals(), ipv6_literals(), url_literals(), mac_literals(),
    api_key_literals(), private_key_literals(), jwt_literals(), password_literals();
AtLiteral find_email, find_mac_behind_word, find_chinese_date, find_ipv6_at, find_url_credentials,
    find_api_key, find_private_key, find_jwt, find_password;

InText find_persons, find_addresses;

}  // namespace hearth::pii
