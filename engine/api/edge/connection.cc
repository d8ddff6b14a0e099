#include "engine/api/edge/connection.h"

#include <algorithm>

namespace saga::api {
namespace {

constexpr std::size_t kSlice = 256 << 10;
constexpr std::chrono::seconds kLinger{5};
constexpr std::size_t kLingerBytes = 16 << 20;

}  // namespace

Task<void> sleep_until_woken(Connection& connection) {
  error_code woken;
  connection.wake.expires_at(std::chrono::steady_clock::time_point::max());
  co_await connection.wake.async_wait(await(woken));
}

Task<void> sleep_until_woken(Connection& connection, std::chrono::milliseconds longest) {
  error_code woken;
  connection.wake.expires_after(longest);
  co_await connection.wake.async_wait(await(woken));
}

Task<bool> send(Connection& connection, std::string head, std::string body, std::chrono::seconds patience) {
  error_code error;
  std::size_t sent = std::min(body.size(), kSlice);
  connection.stream->expires_after(patience);
  co_await connection.stream->write(asio::buffer(head), asio::buffer(body.data(), sent), error);
  while (!error && sent < body.size()) {
    const std::size_t slice = std::min(body.size() - sent, kSlice);
    connection.stream->expires_after(patience);
    co_await connection.stream->write(asio::buffer(body.data() + sent, slice), {}, error);
    sent += slice;
  }
  co_return !error;
}

Task<void> linger(Connection& connection) {
  error_code error;
  connection.stream->end_sending();
  connection.stream->expires_after(kLinger);
  connection.buffer.clear();
  for (std::size_t read = 0; !error && read < kLingerBytes;) {
    read += co_await connection.stream->read_some(connection.buffer.prepare(16 << 10), error);
  }
}

}  // namespace saga::api
