// A connection as cpp-httplib reads and writes it, one request at a time.
#pragma once

#include <httplib.h>

#include <chrono>
#include <cstddef>
#include <string>

namespace saga::workers {

/// Does not own the socket. One thread.
class RequestStream final : public httplib::Stream {
 public:
  /// `wake`: becomes readable for good when the server stops.
  RequestStream(int socket, int wake, std::chrono::milliseconds read_timeout)
      : socket_(socket), wake_(wake), read_timeout_(read_timeout) {}

  /// Sleeps until the head of a request is there: true. False when the peer closes, `idle` passes without a byte, the
  /// server stops before the first byte, or the head is slow or too long.
  [[nodiscard]] bool await_request(std::chrono::milliseconds idle);

  /// Sends what was written. False when the peer does not take it.
  [[nodiscard]] bool flush();

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  /// Ends (0) where a request without a body ends, so that nobody waits for one that was not announced.
  ssize_t read(char* to, std::size_t size) override;
  ssize_t write(const char* from, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  enum class Wait { kReady, kStop, kTimeout };
  [[nodiscard]] Wait wait(short events, std::chrono::milliseconds at_most, bool until_stop) const;
  [[nodiscard]] bool receive();

  int socket_;
  int wake_;
  std::chrono::milliseconds read_timeout_;
  std::string in_;  ///< Received; from position_ on not yet read.
  std::size_t position_ = 0;
  std::size_t head_end_ = 0;  ///< Where the current request's head ends in in_.
  bool has_body_ = false;
  std::string out_;  ///< Written, not yet sent: head and body of an answer leave together.
};

}  // namespace saga::workers
