#include "workers/sdk/request_stream.h"

#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace saga::workers {
namespace {

constexpr std::size_t kMaxHead = 64 << 10;
constexpr std::size_t kPiece = 16 << 10;
constexpr std::chrono::seconds kSendTimeout{10};

bool starts_with_name(std::string_view line, std::string_view name) {
  return line.size() > name.size() && strncasecmp(line.data(), name.data(), name.size()) == 0;
}

/// RFC 9112, 6.3: a request has a body exactly when one of these two announces it.
bool announces_body(std::string_view head) {
  while (!head.empty()) {
    const auto end = head.find('\n');
    const std::string_view line = head.substr(0, end);
    if (starts_with_name(line, "content-length:") || starts_with_name(line, "transfer-encoding:")) return true;
    if (end == std::string_view::npos) break;
    head.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

RequestStream::Wait RequestStream::wait(short events, std::chrono::milliseconds at_most, bool until_stop) const {
  const auto until = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd watched[2] = {{socket_, events, 0}, {wake_, POLLIN, 0}};
    const int ready = ::poll(watched, until_stop ? 2 : 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return Wait::kTimeout;
    if (watched[0].revents != 0) return Wait::kReady;  // Also when the peer has closed: the next read says so.
    return Wait::kStop;
  }
}

bool RequestStream::receive() {
  const std::size_t had = in_.size();
  in_.resize(had + kPiece);
  ssize_t got = -1;
  do {
    got = ::recv(socket_, in_.data() + had, kPiece, 0);
  } while (got < 0 && errno == EINTR);
  in_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  return got > 0;
}

bool RequestStream::await_request(std::chrono::milliseconds idle) {
  in_.erase(0, position_);
  position_ = 0;
  for (;;) {
    while (in_.starts_with("\r\n")) in_.erase(0, 2);  // Some clients send an empty line after a body.
    if (const auto end = in_.find("\r\n\r\n"); end != std::string::npos) {
      head_end_ = end + 4;
      has_body_ = announces_body(std::string_view(in_).substr(0, head_end_));
      return true;
    }
    if (in_.size() > kMaxHead) return false;
    if (wait(POLLIN, in_.empty() ? idle : read_timeout_, in_.empty()) != Wait::kReady) return false;
    if (!receive()) return false;
  }
}

ssize_t RequestStream::read(char* to, std::size_t size) {
  if (!has_body_ && position_ >= head_end_) return 0;
  if (position_ == in_.size()) {
    if (!flush()) return -1;  // "100 Continue" has to be out before its body can come.
    in_.clear();
    position_ = 0;
    head_end_ = 0;
    if (wait(POLLIN, read_timeout_, false) != Wait::kReady || !receive()) return -1;
  }
  const std::size_t end = has_body_ ? in_.size() : head_end_;
  const std::size_t count = std::min(size, end - position_);
  std::memcpy(to, in_.data() + position_, count);
  position_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t RequestStream::write(const char* from, std::size_t size) {
  out_.append(from, size);
  return static_cast<ssize_t>(size);
}

bool RequestStream::flush() {
  std::string_view left = out_;
  while (!left.empty()) {
    const ssize_t sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      left.remove_prefix(static_cast<std::size_t>(sent));
    } else if (sent < 0 && errno == EINTR) {
      continue;
    } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (wait(POLLOUT, kSendTimeout, false) != Wait::kReady) break;
    } else {
      break;
    }
  }
  const bool all = left.empty();
  out_.clear();
  return all;
}

// The SDK does not use who called: behind a proxy it would be the proxy.
void RequestStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = -1;
}

void RequestStream::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = -1;
}

}  // namespace saga::workers
