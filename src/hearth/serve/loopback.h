// A TCP connection to a server of this machine, for tests that write bytes themselves.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstdint>

#include "hearth/base/check.h"

namespace hearth::serve {

// The caller closes it. Reading and writing give up after `patience` seconds.
inline int connect_to_loopback(uint16_t port, int patience) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const timeval limit{patience, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  return fd;
}

}  // namespace hearth::serve
