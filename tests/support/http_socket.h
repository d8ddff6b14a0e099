// A client that sends exactly the bytes a test says, for what no well-behaved client would.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace saga::testing {

/// One connection to 127.0.0.1. Reads wait at most `kPatience`.
class HttpSocket {
 public:
  static constexpr std::chrono::seconds kPatience{30};

  explicit HttpSocket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int one = 1;  // What is sent in pieces arrives in pieces.
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~HttpSocket() { close(); }
  HttpSocket(HttpSocket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_), unread_(std::move(other.unread_)) {}
  HttpSocket& operator=(HttpSocket&&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  /// Leaves with RST in the place of FIN.
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close();
  }

  /// False when the other side is gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Everything up to and with `end`; shorter when the connection ends or patience does.
  std::string read_until(std::string_view end) {
    std::size_t at = std::string::npos;
    while ((at = unread_.find(end)) == std::string::npos) {
      if (!receive()) return std::exchange(unread_, "");
    }
    std::string text = unread_.substr(0, at + end.size());
    unread_.erase(0, at + end.size());
    return text;
  }

  struct Answer {
    int status = 0;
    std::string head;
    std::string body;
  };
  /// One response with a Content-Length (or none); status 0 when none came. `head_only`: the answer to HEAD.
  Answer read_answer(bool head_only = false) {
    Answer answer;
    answer.head = read_until("\r\n\r\n");
    if (answer.head.size() < 12) return answer;
    answer.status = std::stoi(answer.head.substr(9, 3));
    const std::size_t length = answer.head.find("Content-Length: ");
    if (length == std::string::npos || head_only) return answer;
    const std::size_t size = std::stoul(answer.head.substr(length + 16));
    while (unread_.size() < size && receive()) {
    }
    answer.body = unread_.substr(0, size);
    unread_.erase(0, size);
    return answer;
  }

  /// True once the other side has closed and nothing is left to read.
  bool closed() {
    while (unread_.empty()) {
      if (!receive()) return ended_;
    }
    return false;
  }

 private:
  bool receive() {
    pollfd waited{fd_, POLLIN, 0};
    const int timeout = static_cast<int>(std::chrono::milliseconds(kPatience).count());
    if (::poll(&waited, 1, timeout) <= 0) return false;
    char bytes[16384];
    const ssize_t got = ::recv(fd_, bytes, sizeof(bytes), 0);
    if (got <= 0) {
      ended_ = true;
      return false;
    }
    unread_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  int fd_;
  bool connected_ = false;
  bool ended_ = false;
  std::string unread_;
};

}  // namespace saga::testing
