// See processing_record.h.
#include "hearth/guard/audit/processing_record.h"

#include <array>

namespace hearth::audit {
namespace {

// What Article 30(1)(a)-(g) names and no log can know.
constexpr std::array<std::string_view, 8> kStated = {
    "controller", "contact",   "purposes",  "categories_of_data_subjects",
    "recipients", "transfers", "retention", "security_measures"};

std::string text_of(const Json& event, std::string_view key) {
  const Json* const value = json_find(event, key);
  return value && value->is_string() ? value->get<std::string>() : "";
}

int64_t number_of(const Json& event, std::string_view key) {
  const Json* const value = json_find(event, key);
  return value && value->is_number_integer() ? value->get<int64_t>() : 0;
}

Json counts_json(const std::map<std::string, int64_t>& counts) {
  Json out = Json::object();
  for (const auto& [name, count] : counts) out[name] = count;
  return out;
}

}  // namespace

void ProcessingRecord::add(const Json& event) {
  const std::string time = text_of(event, "time");
  if (from_.empty()) from_ = time;
  to_ = time;
  const std::string kind = text_of(event, "kind");
  if (kind == "request") add_request(event);
  if (kind == "gap") lost_ += number_of(event, "lost");
  if (kind != "open") return;
  sync_ = text_of(event, "sync");
  keep_days_ = number_of(event, "keep_days");
}

void ProcessingRecord::add_request(const Json& event) {
  ++requests_;
  ++states_[text_of(event, "state")];
  ++routes_[text_of(event, "route")];
  ++keys_[text_of(event, "key")];
  subjects_.insert(text_of(event, "subject"));
  const std::string model = text_of(event, "model");
  if (model.empty()) return;
  ++models_[model];
  ++modes_[text_of(event, "personal_data_mode")];
  prompt_tokens_ += number_of(event, "prompt_tokens");
  completion_tokens_ += number_of(event, "completion_tokens");
  const Json* const found = json_find(event, "personal_data");
  if (!found || !found->is_object()) return;
  for (const auto& [type, count] : found->items()) personal_data_[type] += number_of(*found, type);
}

Json ProcessingRecord::json(const Json& statement, const Verification& verified) const {
  Json missing = Json::array();
  for (const std::string_view field : kStated) {
    if (!json_find(statement, field)) missing.push_back(field);
  }
  Json log = {{"verified", verified.ok()},        {"events", verified.events},
              {"first_seq", verified.first_seq},  {"lost", lost_},
              {"signed_by", verified.public_key}, {"sync", sync_},
              {"keep_days", keep_days_}};
  return {{"record", "processing activities, GDPR Article 30(1)"},
          {"stated", statement},
          {"not_stated", std::move(missing)},
          {"period", {{"from", from_}, {"to", to_}}},
          {"requests", requests_},
          {"states", counts_json(states_)},
          {"routes", counts_json(routes_)},
          {"models", counts_json(models_)},
          {"keys", counts_json(keys_)},
          {"subjects", subjects_.size()},
          {"tokens", {{"prompt", prompt_tokens_}, {"completion", completion_tokens_}}},
          {"personal_data_found", counts_json(personal_data_)},
          {"personal_data_modes", counts_json(modes_)},
          {"log", std::move(log)}};
}

}  // namespace hearth::audit
