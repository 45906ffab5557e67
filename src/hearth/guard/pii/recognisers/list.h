// The entry points of the recognisers, for the table (recognisers.cc). Each says in its file what
// it takes for what.
#pragma once

#include "hearth/guard/pii/recogniser.h"

namespace hearth::pii {

void find_cn_id(const CodeRun& run, Proposals& out);
void find_cn_id_15(const CodeRun& run, Proposals& out);
void find_cn_mobile(const CodeRun& run, Proposals& out);
void find_cn_landline(const CodeRun& run, Proposals& out);
void find_cn_company(const CodeRun& run, Proposals& out);
void find_cn_passport(const CodeRun& run, Proposals& out);
void find_travel_permit(const CodeRun& run, Proposals& out);
void find_hk_id(const CodeRun& run, Proposals& out);
void find_macao_id(const CodeRun& run, Proposals& out);
void find_tw_id(const CodeRun& run, Proposals& out);
void find_payment_card(const CodeRun& run, Proposals& out);
void find_unionpay(const CodeRun& run, Proposals& out);
void find_plate(const CodeRun& run, Proposals& out);
void find_phone(const CodeRun& run, Proposals& out);
void find_iban(const CodeRun& run, Proposals& out);
void find_ipv4(const CodeRun& run, Proposals& out);
void find_ipv6(const CodeRun& run, Proposals& out);
void find_mac(const CodeRun& run, Proposals& out);
void find_ssn(const CodeRun& run, Proposals& out);
void find_itin(const CodeRun& run, Proposals& out);
void find_nino(const CodeRun& run, Proposals& out);
void find_nhs(const CodeRun& run, Proposals& out);
void find_eu_vat(const CodeRun& run, Proposals& out);
void find_german_tax_id(const CodeRun& run, Proposals& out);
void find_german_id_card(const CodeRun& run, Proposals& out);
void find_french_nir(const CodeRun& run, Proposals& out);
void find_italian_fiscal_code(const CodeRun& run, Proposals& out);
void find_spanish_nif(const CodeRun& run, Proposals& out);
void find_pesel(const CodeRun& run, Proposals& out);
void find_aadhaar(const CodeRun& run, Proposals& out);
void find_korean_rrn(const CodeRun& run, Proposals& out);
void find_singapore_nric(const CodeRun& run, Proposals& out);
void find_thai_id(const CodeRun& run, Proposals& out);
void find_south_african_id(const CodeRun& run, Proposals& out);
void find_imei(const CodeRun& run, Proposals& out);
void find_bitcoin(const CodeRun& run, Proposals& out);
void find_ethereum(const CodeRun& run, Proposals& out);
void find_gps(const CodeRun& run, Proposals& out);
void find_birth_date(const CodeRun& run, Proposals& out);

// Literals that announce a type (lower case), and what looks at them.
std::span<const std::string_view> email_literals();
void find_email(std::string_view text, size_t at, size_t end, Proposals& out);
std::span<const std::string_view> birth_date_literals();
void find_chinese_date(std::string_view text, size_t at, size_t end, Proposals& out);
std::span<const std::string_view> ipv6_literals();
void find_ipv6_at(std::string_view text, size_t at, size_t end, Proposals& out);
std::span<const std::string_view> url_literals();
void find_url_credentials(std::string_view text, size_t at, size_t end, Proposals& out);
std::span<const std::string_view> api_key_literals();
void find_api_key(std::string_view text, size_t at, size_t end, Proposals& out);
std::span<const std::string_view> private_key_literals();
void find_private_key(std::string_view text, size_t at, size_t end, Proposals& out);
std::span<const std::string_view> jwt_literals();
void find_jwt(std::string_view text, size_t at, size_t end, Proposals& out);
std::span<const std::string_view> password_literals();
void find_password(std::string_view text, size_t at, size_t end, Proposals& out);

void find_persons(std::string_view text, Proposals& out);
void find_addresses(std::string_view text, Proposals& out);

}  // namespace hearth::pii
