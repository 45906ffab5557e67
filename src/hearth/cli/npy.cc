// See npy.h. Header: magic, version, length of a Python dict padded to 64 bytes (NEP 1).
#include "hearth/cli/npy.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace hearth::cli {

Status write_npy(const std::string& path, std::span<const float> values, int64_t rows,
                 int64_t columns) {
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  constexpr size_t kPrefix = 10;
  while ((kPrefix + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::ofstream file(path, std::ios::binary);
  file.write("\x93NUMPY\x01\x00", 8);
  const auto length = static_cast<uint16_t>(header.size());
  const char bytes[2] = {static_cast<char>(length & 0xff), static_cast<char>(length >> 8)};
  file.write(bytes, 2);
  file << header;
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size_bytes()));
  file.close();
  if (!file) return error(Code::invalid, "{}: cannot write: {}", path, std::strerror(errno));
  return Status::ok();
}

}  // namespace hearth::cli
