#include "tests/workers/dispatcher/scripted_worker.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace saga::workers::testing {

std::string http_answer(int status, std::string_view body, std::string_view more_headers) {
  return fmt::format("HTTP/1.1 {} Whatever\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}", status,
                     body.size(), more_headers, body);
}

std::optional<std::string> Peer::read_request() {
  const auto complete = [&]() -> std::optional<std::size_t> {
    const auto head = pending_.find("\r\n\r\n");
    if (head == std::string::npos) return std::nullopt;
    constexpr std::string_view kLength = "Content-Length: ";
    std::size_t body = 0;
    if (const auto at = pending_.find(kLength); at < head) {
      std::from_chars(pending_.data() + at + kLength.size(), pending_.data() + head, body);
    }
    return pending_.size() >= head + 4 + body ? std::optional(head + 4 + body) : std::nullopt;
  };
  for (;;) {
    if (const auto size = complete()) {
      std::string request = pending_.substr(0, *size);
      pending_.erase(0, *size);
      return request;
    }
    const std::string more = read_some(64 << 10);
    if (more.empty()) return std::nullopt;
    pending_ += more;
  }
}

std::string Peer::read_some(std::size_t limit) {
  std::string bytes(limit, '\0');
  const ssize_t count = ::recv(fd_, bytes.data(), bytes.size(), 0);
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return bytes;
}

bool Peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void Peer::drip(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!send(bytes.substr(i, 1))) return;
  }
}

void Peer::close() {
  const int fd = fd_.exchange(-1);
  if (fd >= 0) ::close(fd);
}

void Peer::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close();
}

void Peer::wait_closed() {
  while (!read_some(4'096).empty()) {
  }
}

ScriptedWorker::ScriptedWorker(Script script, int backlog)
    : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  SAGA_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0, "a free port");
  SAGA_CHECK(::listen(listener_, backlog) == 0, "a socket that listens");
  SAGA_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0, "its port");
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { listen_until_stopped(); });
}

ScriptedWorker::~ScriptedWorker() {
  ::shutdown(listener_, SHUT_RDWR);
  accepting_.join();
  {
    const std::lock_guard lock(mutex_);
    for (Peer& peer : peers_) {
      if (const int fd = peer.fd(); fd >= 0) ::shutdown(fd, SHUT_RDWR);
    }
  }
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

std::string ScriptedWorker::url(std::string_view host, std::string_view scheme) const {
  return fmt::format("{}://{}:{}", scheme, host, port_);
}

void ScriptedWorker::listen_until_stopped() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    const std::lock_guard lock(mutex_);
    Peer& peer = peers_.emplace_back(fd, ++connections_);
    changed_.notify_all();
    threads_.emplace_back([this, &peer] { script_(peer, *this); });
  }
}

void ScriptedWorker::note(std::string what) {
  const std::lock_guard lock(mutex_);
  notes_.push_back(std::move(what));
  changed_.notify_all();
}

int ScriptedWorker::count(std::string_view what) {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::ranges::count(notes_, what));
}

bool ScriptedWorker::wait_for(std::string_view what, int times) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return std::ranges::count(notes_, what) >= times; });
}

std::vector<std::string> ScriptedWorker::notes() {
  const std::lock_guard lock(mutex_);
  return notes_;
}

ScriptedWorker::Script answer_always(std::string answer) {
  return [answer = std::move(answer)](Peer& peer, ScriptedWorker& worker) {
    while (peer.read_request()) {
      worker.note("request");
      if (!peer.send(answer)) return;
    }
  };
}

}  // namespace saga::workers::testing
