// The routes of adapters.
#include "hearth/serve/completions.h"
#include "hearth/serve/openai/adapters_json.h"
#include "hearth/serve/service.h"

namespace hearth::serve {
namespace {

constexpr std::string_view kAdapterPath = "/v1/adapters/";

}  // namespace

HttpReply Service::list_adapters(const RequestHead&, const RequestContext&, std::string_view) {
  return json_reply(adapters_json(adapters_.all(), admission_.name()));
}

HttpReply Service::load_adapter(const RequestHead&, const RequestContext&, std::string_view body) {
  AdapterRequest request;
  if (auto error = read_adapter_request(body, request)) return error_reply(*error);
  LoadedAdapter loaded;
  if (auto error = adapters_.load(request.name, request.path, loaded)) return error_reply(*error);
  return json_reply(adapter_json(loaded, admission_.name()), request.ignored);
}

HttpReply Service::unload_adapter(const RequestHead& head, const RequestContext&,
                                  std::string_view) {
  const std::string name(head.path().substr(kAdapterPath.size()));
  if (auto error = adapters_.unload(name)) return error_reply(*error);
  return json_reply(adapter_gone_json(name));
}

}  // namespace hearth::serve
