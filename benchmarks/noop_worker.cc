// A worker that does nothing and costs next to nothing: it answers every request on every path with one fixed JSON
// body, at once or after a delay. One thread, epoll, keep-alive, pipelining; tens of thousands of connections.
//
//   noop_worker [--port 0] [--delay-ms 0] [--body '{"ok":true}'] [--answer PATH=STATUS]…
//
// Prints "noop_worker ready on http://127.0.0.1:PORT", and at SIGTERM or SIGINT how many requests it answered.

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "benchmarks/sockets.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadSize = 64 << 10;

/// The size of the request at the front of `bytes`; none while it is not whole.
std::optional<std::size_t> request_size(std::string_view bytes) {
  const auto head = bytes.find("\r\n\r\n");
  if (head == std::string_view::npos) return std::nullopt;
  constexpr std::string_view kName = "\r\ncontent-length:";
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; };
  const std::string_view header = bytes.substr(0, head);
  const auto at = std::search(header.begin(), header.end(), kName.begin(), kName.end(), same);
  std::size_t body = 0;
  if (at != header.end()) {
    std::string_view value = header.substr(static_cast<std::size_t>(at - header.begin()) + kName.size());
    while (value.starts_with(' ')) value.remove_prefix(1);
    std::from_chars(value.data(), value.data() + value.size(), body);
  }
  const std::size_t size = head + 4 + body;
  return bytes.size() >= size ? std::optional(size) : std::nullopt;
}

/// One connection; its place in the table is its file descriptor.
struct Connection {
  bool open = false;
  std::uint32_t generation = 0;  ///< Tells a delayed answer whether this is still the connection it is for.
  std::string unread;            ///< The front of a request that is not whole.
  std::string unsent;            ///< Answers the socket did not take yet.
};

struct Delayed {
  Clock::time_point due;
  int fd;
  std::uint32_t generation;
};

class NoopWorker {
 public:
  /// `others`: "/path=503", answered so and at once.
  NoopWorker(std::uint16_t port, std::chrono::milliseconds delay, std::string_view body,
             const std::vector<std::string>& others)
      : delay_(delay),
        answer_(answer_of("200", body)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const int one = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t size = sizeof(address);
    SAGA_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0, "a free port");
    SAGA_CHECK(listen(listener_, 65'535) == 0, "a socket that listens");
    SAGA_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0, "its port");
    port_ = ntohs(address.sin_port);
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, nullptr);
    signals_ = signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
    watch(listener_);
    watch(signals_);
    for (const std::string& other : others) {
      const auto equals = other.rfind('=');
      SAGA_CHECK(equals != std::string::npos, "PATH=STATUS");
      others_.emplace_back(" " + other.substr(0, equals) + " ", answer_of(other.substr(equals + 1), "{}"));
    }
  }

  static std::string answer_of(std::string_view status, std::string_view body) {
    return fmt::format("HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", status,
                       body.size(), body);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// Serves until told to stop; the number of requests it answered.
  std::uint64_t run() {
    std::vector<epoll_event> events(1'024);
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), until_next_answer_ms());
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const int fd = event.data.fd;
        if (fd == signals_) return answered_;
        if (fd == listener_) {
          accept_all();
        } else {
          if ((event.events & EPOLLOUT) != 0) flush(fd);
          if ((event.events & ~static_cast<unsigned>(EPOLLOUT)) != 0) read(fd);
        }
      }
      answer_due();
    }
  }

 private:
  void watch(int fd, unsigned edge = 0) const {
    epoll_event event{};
    event.events = EPOLLIN | edge;
    event.data.fd = fd;
    SAGA_CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "room for another connection");
  }

  [[nodiscard]] int until_next_answer_ms() const {
    if (delayed_.empty()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(delayed_.front().due - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }

  Connection& at(int fd) { return connections_[static_cast<std::size_t>(fd)]; }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int one = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
      if (connections_.size() <= static_cast<std::size_t>(fd))
        connections_.resize(static_cast<std::size_t>(fd) * 2 + 64);
      at(fd).open = true;
      watch(fd, EPOLLOUT | EPOLLET);
    }
  }

  void close_connection(int fd) {
    ::close(fd);
    const std::uint32_t generation = at(fd).generation + 1;
    at(fd) = Connection{};
    at(fd).generation = generation;
  }

  void read(int fd) {
    while (at(fd).open) {
      const ssize_t count = recv(fd, buffer_, sizeof(buffer_), 0);
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) return close_connection(fd);
      take(fd, {buffer_, static_cast<std::size_t>(count)});
      if (static_cast<std::size_t>(count) < sizeof(buffer_)) return;  // Anything later is another event.
    }
  }

  void take(int fd, std::string_view bytes) {
    std::string joined;  // Only where a request comes in pieces.
    if (!at(fd).unread.empty()) {
      joined = std::move(at(fd).unread);
      joined += bytes;
      at(fd).unread.clear();
      bytes = joined;
    }
    while (const auto size = request_size(bytes)) {
      const std::string_view line = bytes.substr(0, bytes.find('\r'));
      const auto other = std::find_if(others_.begin(), others_.end(),
                                      [&](const auto& o) { return line.find(o.first) != std::string_view::npos; });
      bytes.remove_prefix(*size);
      ++answered_;
      if (other != others_.end()) {
        at(fd).unsent += other->second;
      } else if (delay_.count() == 0) {
        at(fd).unsent += answer_;
      } else {
        delayed_.push_back({Clock::now() + delay_, fd, at(fd).generation});
      }
    }
    at(fd).unread = bytes;
    flush(fd);
  }

  void answer_due() {
    if (delayed_.empty()) return;
    const auto now = Clock::now();
    for (; !delayed_.empty() && delayed_.front().due <= now; delayed_.pop_front()) {
      const Delayed& due = delayed_.front();
      if (!at(due.fd).open || at(due.fd).generation != due.generation) continue;
      at(due.fd).unsent += answer_;
      flush(due.fd);
    }
  }

  void flush(int fd) {
    std::string& unsent = at(fd).unsent;
    if (!at(fd).open || unsent.empty()) return;
    const ssize_t count = send(fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (count > 0) unsent.erase(0, static_cast<std::size_t>(count));
    if (count < 0 && errno != EAGAIN) close_connection(fd);
  }

  const std::chrono::milliseconds delay_;
  const std::string answer_;
  std::vector<std::pair<std::string, std::string>> others_;  ///< " /path " and what to answer there.
  const int epoll_;
  const int listener_;
  int signals_ = -1;
  std::uint16_t port_ = 0;
  std::vector<Connection> connections_;
  std::deque<Delayed> delayed_;  ///< In order of their time, because the delay is the same for all.
  std::uint64_t answered_ = 0;
  char buffer_[kReadSize];
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A worker that answers every request with one fixed JSON body, as cheaply as it can"};
  std::uint16_t port = 0;
  std::int64_t delay_ms = 0;
  std::vector<std::string> others;
  std::string body = R"({"ok":true})";
  app.add_option("--port", port, "Port on 127.0.0.1; 0 takes a free one");
  app.add_option("--delay-ms", delay_ms, "Answer after this long")->check(CLI::NonNegativeNumber);
  app.add_option("--answer", others, "PATH=STATUS: another status there, without delay")->allow_extra_args(false);
  app.add_option("--body", body, "The JSON to answer");
  CLI11_PARSE(app, argc, argv);

  saga::bench::raise_file_limit();

  NoopWorker worker(port, std::chrono::milliseconds(delay_ms), body, others);
  fmt::print("noop_worker ready on http://127.0.0.1:{}\n", worker.port());
  std::fflush(stdout);
  fmt::print("noop_worker answered {} requests\n", worker.run());
}
