// See output_fields.h.
#include "hearth/serve/openai/output_fields.h"

#include <array>

namespace hearth::serve {
namespace {

using Kind = OutputFormat::Kind;

struct PlainField {
  std::string_view name;
  Kind kind;
};
constexpr std::array<PlainField, 5> kPlainFields = {{{"guided_json", Kind::json_schema},
                                                     {"json_schema", Kind::json_schema},
                                                     {"guided_regex", Kind::regex},
                                                     {"guided_grammar", Kind::gbnf},
                                                     {"grammar", Kind::gbnf}}};

void keep(Fields& fields, std::string_view field, Kind kind, std::string source,
          GenerationRequest& out) {
  if (out.format.kind != Kind::text) {
    return fields.fail(field, "invalid_value",
                       fmt::format("expected nothing beside `{}`, found both", out.format_field));
  }
  out.format = {kind, std::move(source)};
  out.format_field = field;
}

// {"type": "json_schema", "json_schema": {"name": ..., "schema": {...}, "strict": ...}}. Strict or
// not, the schema is kept.
void read_response_format(Fields& fields, const Json& format, GenerationRequest& out) {
  const Json* type = json_find(format, "type");
  if (!type) return fields.wrong_type("response_format", "an object with a `type`", format);
  if (*type == "text") return;
  if (*type == "json_object") return keep(fields, "response_format", Kind::json_object, "", out);
  if (*type != "json_schema") {
    return fields.fail(
        "response_format", "invalid_value",
        fmt::format("expected text, json_object or json_schema, found {}", json_excerpt(*type)));
  }
  const Json* inner = json_find(format, "json_schema");
  const Json* schema = inner ? json_find(*inner, "schema") : nullptr;
  if (!schema) {
    return fields.fail("response_format", "missing",
                       "expected `json_schema` with a `schema`, found none");
  }
  keep(fields, "response_format", Kind::json_schema, schema->dump(), out);
}

}  // namespace

void read_output_format(Fields& fields, GenerationRequest& out) {
  if (const Json* format = fields.any("response_format"))
    read_response_format(fields, *format, out);
  for (const PlainField& field : kPlainFields) {
    const Json* value = fields.any(field.name);
    if (!value) continue;
    if (field.kind == Kind::json_schema && !value->is_string()) {
      keep(fields, field.name, field.kind, value->dump(), out);
    } else if (value->is_string()) {
      keep(fields, field.name, field.kind, value->get<std::string>(), out);
    } else {
      fields.wrong_type(field.name, "a string", *value);
    }
  }
}

}  // namespace hearth::serve
