// See disk.h. Sources: /proc/self/mountinfo (proc(5)), /sys/dev/block/MAJOR:MINOR.
#include "hearth/sensors/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

#include "hearth/base/checked_math.h"

namespace hearth {
namespace {

struct Mount {
  std::string number;  // "259:2", of the block device where there is one
  std::string point;
  std::string filesystem;
};

// Mount points write space, tab, newline and backslash as three octal digits.
std::string unescaped(std::string_view text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) &&
                        octal(text[i + 2]) && octal(text[i + 3]);
    if (!escape) {
      out.push_back(text[i]);
      continue;
    }
    const int value = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
    out.push_back(static_cast<char>(value));
    i += 3;
  }
  return out;
}

// ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD...] - FILESYSTEM SOURCE OPTIONS
std::optional<Mount> parse_mount(std::string_view line) {
  const size_t dash = line.find(" - ");
  if (dash == line.npos) return std::nullopt;
  const std::vector<std::string_view> fields = split(line.substr(0, dash), ' ');
  const std::vector<std::string_view> about = split(line.substr(dash + 3), ' ');
  if (fields.size() < 6 || about.empty()) return std::nullopt;
  return Mount{std::string(fields[2]), unescaped(fields[4]), std::string(about[0])};
}

bool holds(const std::string& point, const std::string& folder) {
  if (!folder.starts_with(point)) return false;
  return point == "/" || folder.size() == point.size() || folder[point.size()] == '/';
}

// The last of the longest mount points: a later mount lies over an earlier one.
std::optional<Mount> mount_of(std::string_view mounts, const std::string& folder) {
  std::optional<Mount> best;
  for (const std::string_view line : split(mounts, '\n')) {
    std::optional<Mount> mount = parse_mount(line);
    if (!mount || !holds(mount->point, folder)) continue;
    if (!best || mount->point.size() >= best->point.size()) best = std::move(mount);
  }
  return best;
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "DEVNAME=nvme0n1p2" among the lines of a uevent file.
std::string device_name(std::string_view uevent) {
  constexpr std::string_view kKey = "DEVNAME=";
  for (const std::string_view line : split(uevent, '\n')) {
    if (line.starts_with(kKey)) return std::string(line.substr(kKey.size()));
  }
  return "";
}

// A partition's queue and model are its disk's, one folder up.
void read_device(const SystemRoot& root, const std::string& number, DiskInfo& disk) {
  const std::string folder = fmt::format("/sys/dev/block/{}/", number);
  disk.device = device_name(root.read_line(folder + "uevent").value_or(""));
  if (disk.device.empty()) return;
  const std::string whole = root.read_int(folder + "partition") ? folder + "../" : folder;
  disk.model = root.read_line(whole + "device/model").value_or("");
  const std::optional<int64_t> rotational = root.read_int(whole + "queue/rotational");
  const std::string_view name = disk.device;
  if (name.starts_with("nvme")) {
    disk.kind = DiskKind::nvme;
  } else if (name.starts_with("mmcblk")) {
    disk.kind = DiskKind::card;
  } else if (name.starts_with("vd") || name.starts_with("xvd")) {
    disk.kind = DiskKind::virtual_disk;  // says that it rotates, whatever it is
  } else if (rotational) {
    disk.kind = *rotational == 1 ? DiskKind::hard_disk : DiskKind::ssd;
  }
}

void read_room(DiskInfo& disk) {
  struct statvfs room {};
  if (::statvfs(disk.folder.c_str(), &room) != 0) return;
  const auto unit = static_cast<int64_t>(room.f_frsize);
  disk.total_bytes = checked_mul(static_cast<int64_t>(room.f_blocks), unit).value_or(0);
  disk.free_bytes = checked_mul(static_cast<int64_t>(room.f_bavail), unit).value_or(0);
}

constexpr int64_t kChunk = 4 << 20;
constexpr int kReaders = 4;
constexpr size_t kAlignment = 4096;

struct Free {
  void operator()(void* p) const { std::free(p); }
};
using Block = std::unique_ptr<void, Free>;

Block aligned_block() {
  return Block(std::aligned_alloc(kAlignment, kChunk));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Bytes that differ from block to block, so that no disk can fold them together.
void fill(void* block, uint64_t seed) {
  auto* words = static_cast<uint64_t*>(block);
  for (int64_t i = 0; i < kChunk / 8; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    words[i] = seed;
  }
}

Result<int64_t> write_chunks(int fd, const std::string& folder, int64_t bytes, double seconds) {
  const Block block = aligned_block();
  if (!block) return error(Code::no_memory, "no memory for a block of {} bytes", kChunk);
  const Clock::time_point begin = Clock::now();
  int64_t chunks = 0;
  for (; chunks < std::max<int64_t>(bytes / kChunk, 1) && seconds_since(begin) < seconds;
       ++chunks) {
    fill(block.get(), static_cast<uint64_t>(chunks) + 1);
    if (::pwrite(fd, block.get(), kChunk, chunks * kChunk) == kChunk) continue;
    if (errno == ENOSPC) return error(Code::no_memory, "{}: no room for a test file", folder);
    return error(Code::unsupported, "{}: direct writes: {}", folder, std::strerror(errno));
  }
  return chunks;
}

// Reads the chunks round and round until the time is over, `stride` apart; returns the bytes, or
// -1.
int64_t read_chunks(int fd, int64_t chunks, double seconds, int64_t stride = 1) {
  std::atomic<int64_t> next{0};
  std::atomic<int64_t> bytes{0};
  std::atomic<bool> failed{false};
  const Clock::time_point begin = Clock::now();
  const auto read = [&] {
    const Block block = aligned_block();
    while (block && !failed && seconds_since(begin) < seconds) {
      const ssize_t got = ::pread(fd, block.get(), kChunk, next++ * stride % chunks * kChunk);
      if (got == kChunk) bytes += got;
      failed = failed || got != kChunk;
    }
    failed = failed || !block;
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) readers.emplace_back(read);
  for (std::thread& reader : readers) reader.join();
  return failed ? -1 : bytes.load();
}

}  // namespace

std::string_view disk_kind_name(DiskKind kind) {
  constexpr std::string_view kNames[] = {"nvme",         "ssd",         "hard_disk", "card",
                                         "virtual_disk", "distributed", "memory",    "unknown"};
  return kNames[static_cast<size_t>(kind)];
}

Result<DiskInfo> read_disk(const std::string& folder, const SystemRoot& root) {
  TRY_ASSIGN(const std::string mounts, root.read("/proc/self/mountinfo"));
  const std::optional<Mount> mount = mount_of(mounts, folder);
  if (!mount) return error(Code::not_found, "{}: no mount of this machine holds it", folder);
  DiskInfo disk;
  disk.folder = folder;
  disk.filesystem = mount->filesystem;
  if (is_one_of(disk.filesystem, {"tmpfs", "ramfs"})) {
    disk.kind = DiskKind::memory;
  } else if (is_one_of(disk.filesystem,
                       {"nfs", "nfs4", "ceph", "fuse.ceph", "cifs", "smb3", "lustre", "glusterfs",
                        "fuse.glusterfs", "beegfs", "gpfs", "fuse.juicefs", "fuse.s3fs"})) {
    disk.kind = DiskKind::distributed;
  } else {
    read_device(root, mount->number, disk);
  }
  read_room(disk);
  return disk;
}

Result<double> measure_disk_read(const std::string& folder, int64_t bytes, double seconds) {
  const Descriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600));
  if (file.get() < 0) {
    return error(Code::unsupported, "{}: direct reads: {}", folder, std::strerror(errno));
  }
  TRY_ASSIGN(const int64_t chunks, write_chunks(file.get(), folder, bytes, seconds));
  const Clock::time_point begin = Clock::now();
  const int64_t read = read_chunks(file.get(), chunks, seconds);
  if (read < 0) return error(Code::unsupported, "{}: a direct read failed", folder);
  return static_cast<double>(read) / seconds_since(begin) / 1e9;
}

Result<double> measure_file_read(const std::string& path, double seconds) {
  constexpr int64_t kStride = 7919;  // a prime: all chunks, in no order that a disk foresees
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return error(Code::unsupported, "{}: direct reads: {}", path, std::strerror(errno));
  }
  const int64_t chunks = info.st_size / kChunk;
  if (chunks < 2 * kReaders) {
    return error(Code::unsupported, "{}: expected at least {} bytes, found {}", path,
                 2 * kReaders * kChunk, static_cast<int64_t>(info.st_size));
  }
  const Clock::time_point begin = Clock::now();
  const int64_t read = read_chunks(file.get(), chunks, seconds, kStride);
  if (read < 0) return error(Code::unsupported, "{}: a direct read failed", path);
  return static_cast<double>(read) / seconds_since(begin) / 1e9;
}

}  // namespace hearth
