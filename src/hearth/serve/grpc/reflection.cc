// See reflection.h.
#include "hearth/serve/grpc/reflection.h"

#include <google/protobuf/descriptor.pb.h>
#include <grpc/health/v1/health.pb.h>
#include <grpc/reflection/v1/reflection.pb.h>
#include <hearth/v1/hearth.pb.h>

#include <array>
#include <set>
#include <vector>

#include "hearth/files/outside_bytes.h"
#include "hearth/serve/grpc/read_messages.h"
#include "hearth/serve/grpc/rpc_status.h"

namespace hearth::serve {
namespace {

namespace pb = google::protobuf;
namespace wire = grpc::reflection::v1;

// The files whose services are served.
std::array<const pb::FileDescriptor*, 3> served_files() {
  return {v1::ChatRequest::descriptor()->file(),
          grpc::health::v1::HealthCheckRequest::descriptor()->file(),
          wire::ServerReflectionRequest::descriptor()->file()};
}

void not_found(std::string_view what, wire::ServerReflectionResponse& out) {
  wire::ErrorResponse& error = *out.mutable_error_response();
  error.set_error_code(static_cast<int>(RpcCode::not_found));
  error.set_error_message(fmt::format("there is no `{}` here", excerpt(what)));
}

// The file and all that it imports, each once.
void write_file(const pb::FileDescriptor* file, std::string_view asked,
                wire::ServerReflectionResponse& out) {
  if (!file) return not_found(asked, out);
  std::vector<const pb::FileDescriptor*> files = {file};
  std::set<const pb::FileDescriptor*> seen = {file};
  for (size_t i = 0; i < files.size(); ++i) {
    pb::FileDescriptorProto proto;
    files[i]->CopyTo(&proto);
    proto.SerializeToString(out.mutable_file_descriptor_response()->add_file_descriptor_proto());
    for (int d = 0; d < files[i]->dependency_count(); ++d) {
      if (seen.insert(files[i]->dependency(d)).second) files.push_back(files[i]->dependency(d));
    }
  }
}

void write_services(wire::ServerReflectionResponse& out) {
  for (const pb::FileDescriptor* file : served_files()) {
    for (int i = 0; i < file->service_count(); ++i) {
      out.mutable_list_services_response()->add_service()->set_name(file->service(i)->full_name());
    }
  }
}

// proto3 has no extensions but those of descriptors themselves: the pool knows them.
void write_extensions(const std::string& type, wire::ServerReflectionResponse& out) {
  const pb::DescriptorPool& pool = *pb::DescriptorPool::generated_pool();
  const pb::Descriptor* message = pool.FindMessageTypeByName(type);
  if (!message) return not_found(type, out);
  std::vector<const pb::FieldDescriptor*> extensions;
  pool.FindAllExtensions(message, &extensions);
  auto& numbers = *out.mutable_all_extension_numbers_response();
  numbers.set_base_type_name(type);
  for (const auto* extension : extensions) numbers.add_extension_number(extension->number());
}

void write_extension_file(const wire::ExtensionRequest& asked,
                          wire::ServerReflectionResponse& out) {
  const pb::DescriptorPool& pool = *pb::DescriptorPool::generated_pool();
  const pb::Descriptor* message = pool.FindMessageTypeByName(asked.containing_type());
  const auto* extension =
      message ? pool.FindExtensionByNumber(message, asked.extension_number()) : nullptr;
  write_file(extension ? extension->file() : nullptr, asked.containing_type(), out);
}

}  // namespace

std::optional<ApiError> reflect(std::string_view request, std::string& response) {
  wire::ServerReflectionRequest asked;
  if (auto error = parse_message(request, asked)) return error;
  wire::ServerReflectionResponse out;
  out.set_valid_host(asked.host());
  *out.mutable_original_request() = asked;
  const pb::DescriptorPool& pool = *pb::DescriptorPool::generated_pool();
  using Asked = wire::ServerReflectionRequest;
  switch (asked.message_request_case()) {
    case Asked::kFileByFilename:
      write_file(pool.FindFileByName(asked.file_by_filename()), asked.file_by_filename(), out);
      break;
    case Asked::kFileContainingSymbol:
      write_file(pool.FindFileContainingSymbol(asked.file_containing_symbol()),
                 asked.file_containing_symbol(), out);
      break;
    case Asked::kFileContainingExtension:
      write_extension_file(asked.file_containing_extension(), out);
      break;
    case Asked::kAllExtensionNumbersOfType:
      write_extensions(asked.all_extension_numbers_of_type(), out);
      break;
    case Asked::kListServices:
      write_services(out);
      break;
    case Asked::MESSAGE_REQUEST_NOT_SET:
      return bad_field("message_request", "missing", "`message_request`: expected a question");
  }
  response = out.SerializeAsString();
  return std::nullopt;
}

}  // namespace hearth::serve
