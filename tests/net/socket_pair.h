// Two ends of a connection within the process.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>
#include <utility>

namespace saga::net::testing {

/// `own` is for the loop, `peer` the test's; what is not given away is closed.
struct SocketPair {
  SocketPair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    own = ends[0];
    peer = ends[1];
  }
  ~SocketPair() {
    if (own >= 0) ::close(own);
    close_peer();
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;

  int give_own() { return std::exchange(own, -1); }
  void close_peer() {
    if (peer >= 0) ::close(std::exchange(peer, -1));
  }
  void peer_sends(std::string_view bytes) {
    EXPECT_EQ(::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  int own = -1;
  int peer = -1;
};

}  // namespace saga::net::testing
