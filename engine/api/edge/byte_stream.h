// A client's bytes, plain or over TLS, behind one face: so that what reads requests and writes answers is compiled once
// and knows of neither. I/O thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "engine/api/edge/asio.h"

namespace saga::api {

class TlsIdentity;

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// The handshake, if there is one. Before anything else.
  [[nodiscard]] virtual Task<void> open(error_code& error) = 0;

  /// At least a byte, unless there is an error: the client is gone, or the time is up.
  [[nodiscard]] virtual Task<std::size_t> read_some(asio::mutable_buffer into, error_code& error) = 0;

  /// All of both.
  [[nodiscard]] virtual Task<void> write(asio::const_buffer first, asio::const_buffer second, error_code& error) = 0;

  /// Tells the client that nothing follows, and waits a moment for it to say the same.
  [[nodiscard]] virtual Task<void> finish() = 0;

  /// Of the next read and the next write, unless one is under way already.
  virtual void expires_after(std::chrono::seconds time) = 0;
  virtual void expires_never() = 0;

  /// True when the client has closed and nothing that it sent is left to read. While no read is under way.
  [[nodiscard]] virtual bool is_closed() = 0;

  /// Nothing more is sent; what the client still sends can be read.
  virtual void end_sending() = 0;

  /// Ends whatever waits.
  virtual void close() = 0;
};

[[nodiscard]] std::unique_ptr<ByteStream> make_plain_stream(Socket socket);
/// What is open goes on by the identity that it began with.
[[nodiscard]] std::unique_ptr<ByteStream> make_tls_stream(Socket socket, TlsIdentity& identity);

}  // namespace saga::api
