// See seccomp_filter.h. Classic BPF over struct seccomp_data: the word at `nr` against each number.
// A refused call gives EPERM; another instruction set's call table (32-bit, x32) kills the program.
#include "hearth/eval/code/seccomp_filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace hearth::code {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArch = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArch = 0;
#endif

constexpr uint32_t kX32Bit = 0x40000000;  // of a call number on x86-64

constexpr long kRefused[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_getfd,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_unshare,
    SYS_setns,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_syslog,
    SYS_acct,
    SYS_quotactl,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_personality,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    SYS_lookup_dcookie,
    SYS_move_pages,
    SYS_migrate_pages,
    // Memory that no process's limit counts.
    SYS_memfd_create,
    SYS_shmget,
    SYS_msgget,
};

constexpr uint32_t kNewNamespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                    CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

constexpr uint32_t kPermitted = SECCOMP_RET_ALLOW;
constexpr uint32_t kNotPermitted = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kUnknownCall = SECCOMP_RET_ERRNO | ENOSYS;

sock_filter load_word(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}

// The low word of an argument: both architectures are little-endian.
sock_filter load_argument(size_t index) {
  return load_word(offsetof(seccomp_data, args) + index * sizeof(uint64_t));
}

sock_filter give(uint32_t verdict) {
  return BPF_STMT(BPF_RET | BPF_K, verdict);
}

// When the word is `value` the next instruction is done, else `skipped` ones are left out.
sock_filter unless_equal(uint32_t value, uint8_t skipped) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped);
}

}  // namespace

Result<std::string> seccomp_filter() {
  if (kArch == 0) return error(Code::unsupported, "no system call filter for this processor");
  std::vector<sock_filter> program = {
      load_word(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArch, 1, 0),
      give(SECCOMP_RET_KILL_PROCESS),
      load_word(offsetof(seccomp_data, nr)),
  };
  if (kArch == AUDIT_ARCH_X86_64) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32Bit, 0, 1));
    program.push_back(give(SECCOMP_RET_KILL_PROCESS));
  }
  for (const long call : kRefused) {
    program.push_back(unless_equal(static_cast<uint32_t>(call), 1));
    program.push_back(give(kNotPermitted));
  }
  // Its flags lie in memory, out of the filter's sight; libraries fall back to clone.
  program.push_back(unless_equal(SYS_clone3, 1));
  program.push_back(give(kUnknownCall));
  program.push_back(unless_equal(SYS_clone, 4));
  program.push_back(load_argument(0));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kNewNamespaces, 0, 1));
  program.push_back(give(kNotPermitted));
  program.push_back(give(kPermitted));
  program.push_back(unless_equal(SYS_socket, 4));
  program.push_back(load_argument(0));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0));
  program.push_back(give(kNotPermitted));
  program.push_back(give(kPermitted));
  program.push_back(give(kPermitted));
  const auto* bytes = reinterpret_cast<const char*>(program.data());
  return std::string(bytes, program.size() * sizeof(sock_filter));
}

}  // namespace hearth::code
