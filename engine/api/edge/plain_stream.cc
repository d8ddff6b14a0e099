#include <array>

#include "engine/api/edge/socket_stream.h"

namespace saga::api {
namespace {

class PlainStream final : public SocketStream<PlainStream> {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) {}

  Task<void> open(error_code&) override { co_return; }

  Task<std::size_t> read_some(asio::mutable_buffer into, error_code& error) override {
    co_return co_await socket_.async_read_some(into, await(error));
  }

  Task<void> write(asio::const_buffer first, asio::const_buffer second, error_code& error) override {
    const std::array<asio::const_buffer, 2> both{first, second};
    co_await asio::async_write(socket_, both, await(error));
  }

  Task<void> finish() override {
    error_code ignored;
    socket_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    co_return;
  }

  TimedSocket& lowest_socket() { return socket_; }

 private:
  TimedSocket socket_;
};

}  // namespace

std::unique_ptr<ByteStream> make_plain_stream(Socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace saga::api
