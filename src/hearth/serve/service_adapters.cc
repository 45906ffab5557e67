// The routes of adapters, and names of models that have one: "base:adapter".
#include "hearth/files/outside_bytes.h"
#include "hearth/serve/completions.h"
#include "hearth/serve/openai/adapters_json.h"
#include "hearth/serve/service.h"

namespace hearth::serve {
namespace {

constexpr std::string_view kAdapterPath = "/v1/adapters/";

HttpReply json_reply(std::string body) {
  HttpReply reply;
  reply.body = std::move(body);
  return reply;
}

}  // namespace

std::optional<ApiError> Service::find_model(const std::string& asked, NamedModel& out) const {
  const auto& names = options_.model_names;
  out = {names[0], nullptr};
  if (asked.empty() || std::ranges::find(names, asked) != names.end()) return std::nullopt;
  for (const std::string& name : names) {
    if (!asked.starts_with(name + ":")) continue;
    out = {asked, adapters_.find(std::string_view(asked).substr(name.size() + 1))};
    if (out.adapter) return std::nullopt;
  }
  ApiError error;
  error.status = 404;
  error.message = fmt::format(
      "`model`: expected `{}`, alone or with `:` and a loaded adapter, "
      "found `{}`",
      names[0], excerpt(asked));
  error.param = "model";
  error.code = "model_not_found";
  return error;
}

std::vector<std::string> Service::all_models() const {
  std::vector<std::string> names = options_.model_names;
  for (const LoadedAdapter& loaded : adapters_.all()) {
    names.push_back(fmt::format("{}:{}", options_.model_names[0], loaded.name));
  }
  return names;
}

HttpReply Service::list_adapters(const RequestHead&, const RequestContext&, std::string_view) {
  return json_reply(adapters_json(adapters_.all(), options_.model_names[0]));
}

HttpReply Service::load_adapter(const RequestHead&, const RequestContext&, std::string_view body) {
  AdapterRequest request;
  if (auto error = read_adapter_request(body, request)) return error_reply(*error);
  if (auto error = adapters_.load(request.name, request.path)) return error_reply(*error);
  for (const LoadedAdapter& loaded : adapters_.all()) {
    if (loaded.name != request.name) continue;
    return json_reply(adapter_json(loaded, options_.model_names[0]));
  }
  // Unloaded again meanwhile, by somebody else.
  return json_reply(adapter_gone_json(request.name));
}

HttpReply Service::unload_adapter(const RequestHead& head, const RequestContext&,
                                  std::string_view) {
  const std::string name(head.path().substr(kAdapterPath.size()));
  if (auto error = adapters_.unload(name)) return error_reply(*error);
  return json_reply(adapter_gone_json(name));
}

}  // namespace hearth::serve
