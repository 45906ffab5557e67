// See event.h.
#include "hearth/guard/audit/event.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace hearth::audit {

std::string_view state_name(State state) {
  constexpr std::array<std::string_view, 4> kNames = {"complete", "refused", "failed", "cancelled"};
  return kNames[static_cast<size_t>(state)];
}

std::string Event::subject() const {
  return user.empty() ? key_name : key_name + "/" + user;
}

Json clear_json(const Event& e) {
  Json out = {{"kind", "request"}, {"protocol", e.protocol}};
  if (!e.method.empty()) out["method"] = e.method;
  out["route"] = e.route;
  out["key"] = e.key_id;
  out["state"] = state_name(e.state);
  out["status"] = e.status;
  if (!e.reason.empty()) out["reason"] = e.reason;
  out["ms"] = std::round(e.milliseconds * 10) / 10;
  if (e.model.empty()) return out;
  out["model"] = e.model;
  out["model_hash"] = e.model_hash;
  if (!e.adapter_hash.empty()) out["adapter_hash"] = e.adapter_hash;
  out["prompt_tokens"] = e.prompt_tokens;
  out["completion_tokens"] = e.completion_tokens;
  out["cached_tokens"] = e.cached_tokens;
  out["personal_data_mode"] = e.personal_data_mode;
  Json found = Json::object();
  for (const auto& [type, count] : e.personal_data) found[type] = count;
  out["personal_data"] = std::move(found);
  out["watermark_key"] = e.watermark_key;
  out["label"] = e.label;
  return out;
}

std::string sealed_json(const Event& e) {
  Json out = {{"key_name", e.key_name}, {"request_id", e.request_id}};
  if (!e.user.empty()) out["user"] = e.user;
  if (!e.text.empty()) out["text"] = e.text;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hearth::audit
