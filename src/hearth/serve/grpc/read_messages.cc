// See read_messages.h.
#include "hearth/serve/grpc/read_messages.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wire_format_lite.h>
#include <hearth/v1/hearth.pb.h>

#include <cmath>
#include <limits>
#include <utility>

namespace hearth::serve {
namespace {

namespace pb = google::protobuf;
using pb::internal::WireFormatLite;

// As for JSON (openai/fields.cc).
constexpr int kDepthMax = 32;
constexpr int64_t kFieldsMax = 500'000;

// The numbers of a packed field: each costs memory as a field of its own does.
bool is_bounded_packed(pb::io::CodedInputStream& in, const pb::FieldDescriptor& field,
                       int64_t& fields_left) {
  uint32_t size = 0;
  if (!in.ReadVarint32(&size) || size > INT32_MAX) return false;
  const auto type = static_cast<WireFormatLite::FieldType>(field.type());
  const uint32_t tag =
      WireFormatLite::MakeTag(field.number(), WireFormatLite::WireTypeForFieldType(type));
  const auto outer = in.PushLimit(static_cast<int>(size));
  while (in.BytesUntilLimit() > 0) {
    if (--fields_left < 0 || !WireFormatLite::SkipField(&in, tag)) return false;
  }
  in.PopLimit(outer);
  return true;
}

// Walks over a message without building it. False: not its wire format, too deep, too many fields.
bool is_bounded(pb::io::CodedInputStream& in, const pb::Descriptor& type, int depth,
                int64_t& fields_left) {
  if (depth > kDepthMax) return false;
  while (const uint32_t tag = in.ReadTag()) {
    if (--fields_left < 0) return false;
    const auto* field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    const auto wire = WireFormatLite::GetTagWireType(tag);
    const bool delimited = field && wire == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    if (delimited && field->is_packable()) {
      if (!is_bounded_packed(in, *field, fields_left)) return false;
      continue;
    }
    if (!delimited || !field->message_type()) {
      if (wire == WireFormatLite::WIRETYPE_START_GROUP) return false;
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    uint32_t size = 0;
    if (!in.ReadVarint32(&size) || size > INT32_MAX) return false;
    const auto outer = in.PushLimit(static_cast<int>(size));
    const bool good =
        is_bounded(in, *field->message_type(), depth + 1, fields_left) && in.BytesUntilLimit() == 0;
    in.PopLimit(outer);
    if (!good) return false;
  }
  return in.ConsumedEntireMessage();
}

// JSON has no such numbers: their names are, to its reader, texts where a number is expected.
Json json_number(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  return number;
}

Json json_value(const pb::Value& value) {
  switch (value.kind_case()) {
    case pb::Value::kBoolValue:
      return value.bool_value();
    case pb::Value::kNumberValue:
      return json_number(value.number_value());
    case pb::Value::kStringValue:
      return value.string_value();
    case pb::Value::kStructValue:  // refused by the reader, whatever is in it
      return Json::object();
    case pb::Value::kListValue:
      return Json::array();
    case pb::Value::kNullValue:
    case pb::Value::KIND_NOT_SET:
      return Json();
  }
  return Json();
}

Json json_of(const pb::Message& message);

// A field that is there; `index` counts in repeated ones.
Json json_field(const pb::Message& message, const pb::FieldDescriptor& field, int index) {
  const pb::Reflection& at = *message.GetReflection();
  const bool list = field.is_repeated();
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return list ? at.GetRepeatedInt32(message, &field, index) : at.GetInt32(message, &field);
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return list ? at.GetRepeatedInt64(message, &field, index) : at.GetInt64(message, &field);
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return json_number(list ? at.GetRepeatedDouble(message, &field, index)
                              : at.GetDouble(message, &field));
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return list ? at.GetRepeatedBool(message, &field, index) : at.GetBool(message, &field);
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return list ? at.GetRepeatedString(message, &field, index) : at.GetString(message, &field);
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      return json_of(list ? at.GetRepeatedMessage(message, &field, index)
                          : at.GetMessage(message, &field));
    default:
      CHECK(false);  // no request has such a field
  }
}

// Keys of a map are unique: members are appended without being looked for, which is linear in them.
Json json_map(const pb::Message& message, const pb::FieldDescriptor& field) {
  Json out = Json::object();
  auto& members = out.get_ref<Json::object_t&>();
  const pb::FieldDescriptor& key = *field.message_type()->map_key();
  const pb::FieldDescriptor& value = *field.message_type()->map_value();
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    const auto& entry = message.GetReflection()->GetRepeatedMessage(message, &field, i);
    const Json name = json_field(entry, key, 0);
    members.emplace_back(name.is_string() ? name.get<std::string>() : name.dump(),
                         json_field(entry, value, 0));
  }
  return out;
}

// An object of the fields that were set, under their own names.
Json json_of(const pb::Message& message) {
  if (message.GetDescriptor() == pb::Value::descriptor()) {
    return json_value(static_cast<const pb::Value&>(message));
  }
  Json out = Json::object();
  const pb::Reflection& at = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  at.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    Json& value = out[field->name()];
    if (field->is_map()) {
      value = json_map(message, *field);
    } else if (field->is_repeated()) {
      value = Json::array();
      for (int i = 0; i < at.FieldSize(message, field); ++i) {
        value.push_back(json_field(message, *field, i));
      }
    } else {
      value = json_field(message, *field, 0);
    }
  }
  return out;
}

// The options stand beside the other fields, as over HTTP.
Json flat(const pb::Message& request) {
  Json object = json_of(request);
  const auto options = object.find("options");
  if (options == object.end()) return object;
  const Json inner = std::move(*options);
  object.erase("options");
  object.update(inner);
  return object;
}

int64_t count_values(const Json& json) {
  int64_t count = 1;
  if (json.is_structured()) {
    for (const Json& item : json) count += count_values(item);
  }
  return count;
}

// A tool of text becomes one of JSON: its kind is said, its schema parsed. All schemas of a request
// share `values_left`, as over HTTP.
std::optional<ApiError> complete_tool(Json& tool, int64_t& values_left) {
  tool["type"] = "function";
  const auto function = tool.find("function");
  if (function == tool.end() || !function->contains("parameters")) return std::nullopt;
  Json& schema = (*function)["parameters"];
  JsonLimits limits;
  limits.depth_max = kDepthMax;
  limits.values_max = values_left;
  auto parsed = parse_json(schema.get_ref<const std::string&>(), limits);
  if (!parsed) {
    return bad_field("tools", "invalid_json",
                     "`tools`: function.parameters: " + parsed.status().message());
  }
  schema = *std::move(parsed);
  values_left -= count_values(schema);
  return std::nullopt;
}

std::optional<ApiError> chat_json(const v1::ChatRequest& request, Json& object) {
  object = flat(request);
  if (const auto tools = object.find("tools"); tools != object.end()) {
    int64_t values_left = kFieldsMax;
    for (Json& tool : *tools) {
      if (auto error = complete_tool(tool, values_left)) return error;
    }
  }
  if (request.has_tool_choice_function()) {
    object.erase("tool_choice_function");
    object["tool_choice"] = {{"type", "function"},
                             {"function", {{"name", request.tool_choice_function()}}}};
  }
  for (Json& message : object["messages"]) {
    const auto calls = message.find("tool_calls");
    if (calls == message.end()) continue;
    for (Json& call : *calls) call["type"] = "function";
  }
  if (const auto logprobs = object.find("logprobs"); logprobs != object.end()) {
    object["top_logprobs"] = *logprobs;
    object["logprobs"] = true;
  }
  return std::nullopt;
}

Json generate_json(const v1::GenerateRequest& request) {
  Json object = flat(request);
  if (request.has_text()) object["prompt"] = request.text();
  if (request.has_tokens()) {  // without ids the message says none
    const bool some = request.tokens().ids_size() > 0;
    object["prompt"] = some ? std::move(object["tokens"]["ids"]) : Json::array();
  }
  return object;
}

// Each input as HTTP would say it: a text, or a list of ids, which an input without either is.
Json embed_json(const v1::EmbedRequest& request) {
  Json object = json_of(request);
  object.erase("inputs");
  Json& inputs = object["input"] = Json::array();
  for (const v1::EmbedInput& input : request.inputs()) {
    if (input.has_text()) {
      inputs.push_back(input.text());
    } else {
      inputs.push_back(
          std::vector<int32_t>(input.tokens().ids().begin(), input.tokens().ids().end()));
    }
  }
  return object;
}

}  // namespace

std::optional<ApiError> parse_message(std::string_view bytes, pb::Message& out) {
  const std::string& name = out.GetDescriptor()->full_name();
  const auto wrong = [&] {
    return bad_field("", "invalid_message",
                     fmt::format("expected a message {} of at most {} fields, {} levels deep, "
                                 "found {} bytes that are none",
                                 name, kFieldsMax, kDepthMax, bytes.size()));
  };
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) return wrong();
  const auto size = static_cast<int>(bytes.size());
  pb::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()), size);
  int64_t fields_left = kFieldsMax;
  if (!is_bounded(in, *out.GetDescriptor(), 0, fields_left)) return wrong();
  if (!out.ParseFromArray(bytes.data(), size)) return wrong();
  return std::nullopt;
}

std::optional<ApiError> read_rpc_generation(Endpoint endpoint, std::string_view bytes,
                                            int64_t vocab_size, GenerationRequest& out) {
  Json object;
  if (endpoint == Endpoint::chat) {
    v1::ChatRequest request;
    if (auto error = parse_message(bytes, request)) return error;
    if (auto error = chat_json(request, object)) return error;
  } else {
    v1::GenerateRequest request;
    if (auto error = parse_message(bytes, request)) return error;
    object = generate_json(request);
  }
  if (auto error = read_generation_fields(endpoint, object, vocab_size, out)) return error;
  out.stream = true;
  return std::nullopt;
}

std::optional<ApiError> read_rpc_embeddings(std::string_view bytes, int64_t vocab_size,
                                            int64_t width, EmbeddingRequest& out) {
  v1::EmbedRequest request;
  if (auto error = parse_message(bytes, request)) return error;
  return read_embeddings_fields(embed_json(request), vocab_size, width, out);
}

std::optional<ApiError> read_rpc_tokenize(std::string_view bytes, TokenizeRequest& out) {
  v1::TokenizeRequest request;
  if (auto error = parse_message(bytes, request)) return error;
  return read_tokenize_fields(json_of(request), out);
}

}  // namespace hearth::serve
