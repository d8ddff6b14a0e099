// The live half of the server: a stream of events to one client, chunk by chunk, for as long as both are there.
#include <array>
#include <cstdio>

#include "engine/api/edge/connection.h"

namespace saga::api {
namespace {

class ConnectionSink final : public EventSink {
 public:
  explicit ConnectionSink(Reach reach) : reach_(std::move(reach)) {}

  void write(std::string text, std::function<void(bool)> written) override {
    auto chunk = std::make_shared<Connection::Chunk>(Connection::Chunk{std::move(text), std::move(written)});
    reach_([chunk](Connection& connection) {
      connection.chunks.push_back(std::move(*chunk));
      connection.wake.cancel();
    });
  }
  void close() override {
    reach_([](Connection& connection) {
      connection.stream_ended = true;
      connection.wake.cancel();
    });
  }

 private:
  const Reach reach_;
};

Task<void> watch_for_close(std::shared_ptr<Connection> connection) {
  error_code error;
  std::array<char, 512> unread{};  // Nothing more is expected of this client.
  while (!error) co_await connection->stream->read_some(asio::buffer(unread), error);
  connection->client_gone = true;
  connection->wake.cancel();
}

}  // namespace

Task<void> send_events(std::shared_ptr<Connection> connection, const BeginStream& begin, Reach reach,
                       std::chrono::seconds patience) {
  connection->stream->expires_never();
  asio::co_spawn(connection->wake.get_executor(), watch_for_close(connection), asio::detached);
  const std::function<void()> over = begin(std::make_shared<ConnectionSink>(std::move(reach)));
  while (!connection->client_gone) {
    if (connection->chunks.empty()) {
      if (connection->stream_ended) break;
      co_await sleep_until_woken(*connection);
      continue;
    }
    Connection::Chunk chunk = std::move(connection->chunks.front());
    connection->chunks.pop_front();
    std::array<char, 20> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", chunk.text.size());
    const bool sent = co_await send(*connection, size.data(), chunk.text + "\r\n", patience);
    if (!sent) connection->client_gone = true;
    chunk.written(sent);
  }
  over();
  if (!connection->client_gone) co_await send(*connection, "0\r\n\r\n", "", patience);
  connection->stream->close();  // Ends `watch_for_close`.
}

}  // namespace saga::api
