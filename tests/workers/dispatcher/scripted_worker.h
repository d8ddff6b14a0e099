// A worker that does to its connections exactly what a test says, byte by byte.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace saga::workers::testing {

/// Nothing a test waits for takes longer, unless it never comes.
inline constexpr std::chrono::seconds kPatience{30};

/// An answer with a body, as a plain worker would give it.
[[nodiscard]] std::string http_answer(int status, std::string_view body, std::string_view more_headers = {});

/// The worker's end of one connection.
class Peer {
 public:
  Peer(int fd, int number) : fd_(fd), number_(number) {}
  ~Peer() { close(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  [[nodiscard]] int number() const { return number_; }  ///< The connections are counted from 1.
  [[nodiscard]] int fd() const { return fd_; }

  /// The next request, header and body by Content-Length; none once the other end has closed.
  std::optional<std::string> read_request();
  /// Up to `limit` bytes as they come; empty at the end.
  std::string read_some(std::size_t limit);
  bool send(std::string_view bytes);
  void drip(std::string_view bytes);  ///< One byte a segment.
  void close();
  void reset();        ///< Closes with RST in place of FIN.
  void wait_closed();  ///< Until the other end closes.

 private:
  std::atomic<int> fd_;  ///< -1 once closed; whoever stops the worker looks at it from outside.
  int number_;
  std::string pending_;
};

/// Listens on 127.0.0.1 and runs `script` for every connection, each in a thread of its own.
class ScriptedWorker {
 public:
  using Script = std::function<void(Peer&, ScriptedWorker&)>;

  explicit ScriptedWorker(Script script, int backlog = 128);
  ~ScriptedWorker();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(std::string_view host = "127.0.0.1", std::string_view scheme = "http") const;

  /// For scripts: notes something that tests wait for or count.
  void note(std::string what);
  [[nodiscard]] int count(std::string_view what);
  /// True once `what` was noted `times`.
  [[nodiscard]] bool wait_for(std::string_view what, int times = 1);
  [[nodiscard]] std::vector<std::string> notes();
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void listen_until_stopped();

  Script script_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> notes_;  ///< Guarded by `mutex_`, as is what follows.
  std::list<Peer> peers_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

/// A script that answers every request of a connection with `answer`, noting "request".
[[nodiscard]] ScriptedWorker::Script answer_always(std::string answer);

}  // namespace saga::workers::testing
