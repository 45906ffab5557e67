// The disk under a folder: of what kind it is, how much room is left, and how fast it is read past
// the page cache. From the mount that holds the folder to the block device below it.
#pragma once

#include "hearth/sensors/system_root.h"

namespace hearth {

// `distributed`: a file system over the network, shared by machines (NFS, CephFS, Lustre).
// `virtual_disk`: a virtual machine's; what lies below it can't be seen. `unknown`: no block device
// is named (overlay, ZFS).
enum class DiskKind : uint8_t {
  nvme,
  ssd,
  hard_disk,
  card,
  virtual_disk,
  distributed,
  memory,
  unknown
};
std::string_view disk_kind_name(DiskKind kind);  // "nvme", "hard_disk"

struct DiskInfo {
  std::string folder;      // that was asked about
  std::string filesystem;  // "ext4", "nfs4"
  std::string device;      // "nvme0n1p2"; "" without a block device
  std::string model;       // "Samsung SSD 990 PRO 2TB"; "" where the kernel tells none
  DiskKind kind = DiskKind::unknown;
  int64_t total_bytes = 0;  // of the file system
  int64_t free_bytes = 0;   // for this user
};

// `folder` must be an absolute path.  not_found: no mount holds it.
Result<DiskInfo> read_disk(const std::string& folder, const SystemRoot& root = {});

// Writes an unnamed file of at most `bytes` into the folder and reads it with four reads under way,
// both past the page cache, each for at most `seconds`; 1e9 bytes a second. unsupported: the file
// system knows no direct reads.  no_memory: no room.
Result<double> measure_disk_read(const std::string& folder, int64_t bytes, double seconds = 0.5);

// The same of a file that is there, in pieces at random places.
Result<double> measure_file_read(const std::string& path, double seconds = 0.5);

}  // namespace hearth
