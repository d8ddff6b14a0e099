// One client of the server: its requests, one after another, the answer it waits for, the events it is sent. Lives on
// the server's I/O thread; others hold it weakly and reach it there.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/api/edge/request_reader.h"
#include "engine/api/http.h"
#include "engine/api/server.h"
#include "net/deadlines.h"
#include "net/stream.h"

namespace saga::api {

class Connection;

/// Runs a task with a connection on the I/O thread if it is still there. From any thread.
using Reach = std::function<void(std::function<void(Connection&)>)>;

/// A state machine: each time something has become possible it goes on as far as it can.
class Connection final : public net::Stream::User,
                         public net::Expiring,
                         public std::enable_shared_from_this<Connection> {
 public:
  /// The server.
  class Owner {
   public:
    /// To be destroyed.
    virtual void gone(Connection& connection) = 0;
    [[nodiscard]] virtual Reach reach(Connection& connection) = 0;
    [[nodiscard]] virtual Handler& handler() = 0;
    [[nodiscard]] virtual const ServerOptions& options() const = 0;
    [[nodiscard]] virtual bool stopping() const = 0;
    [[nodiscard]] virtual const std::string& date() = 0;
    [[nodiscard]] virtual net::Deadlines& deadlines() = 0;

   protected:
    ~Owner() = default;
  };

  /// `refusal`: all that the client is told. Does nothing before `go_on`.
  Connection(Owner& owner, std::unique_ptr<net::Stream> stream, std::optional<Response> refusal);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void go_on() override;

  /// Takes no further request; ends now if it has none, or only events.
  void stop();

  // By `Reach`:

  void answer(Response response);
  /// Of its event stream.
  void send_event(std::string text, std::function<void(bool)> written);
  void end_events();

 private:
  enum class Stage {
    kOpening,    ///< The handshake.
    kIdle,       ///< Between two requests.
    kReading,    ///< A request.
    kAnswering,  ///< The handler has it.
    kWriting,
    kEvents,     ///< Waits for the next event.
    kLingering,  ///< Reads on after a refusal, so that what the client still sends does not reset it away.
    kFinishing,  ///< Says goodbye.
    kGone,
  };
  struct Event {
    std::string text;
    std::function<void(bool)> written;
  };

  void expire() override;
  /// True: something was done, and there may be more to do. False: it waits.
  [[nodiscard]] bool step();
  [[nodiscard]] bool open();
  [[nodiscard]] bool await_request();
  [[nodiscard]] bool read_request();
  [[nodiscard]] bool await_answer();
  [[nodiscard]] bool write();
  [[nodiscard]] bool send_next_event();
  [[nodiscard]] bool linger();
  [[nodiscard]] bool say_goodbye();

  /// Waits for what comes next in `stage`, at most as long.
  void enter(Stage stage, std::chrono::milliseconds longest);
  void enter_idle();
  void ask(Request request);
  void respond(Response response);
  void refuse(const Response& response);
  /// Has both written, then enters `next`.
  void send(std::string head, std::string body, Stage next);
  /// Nothing more is sent: the client has gone, or what it was to send took too long.
  void finish();
  void end_of_events();
  /// More into the buffer. False: nothing came, and the stage is another if nothing can.
  [[nodiscard]] bool receive(std::size_t room);

  Owner& owner_;
  const std::unique_ptr<net::Stream> stream_;
  std::optional<Response> only_refusal_;
  Stage stage_ = Stage::kOpening;
  net::TimePoint until_;
  net::TimePoint limited_to_ = net::TimePoint::max();
  std::optional<net::Deadline> limit_;

  boost::beast::flat_buffer buffer_;
  bool fresh_ = false;  ///< Bytes in the buffer that no reader has been shown.
  std::optional<RequestReader> reader_;
  bool in_body_ = false;
  bool keep_alive_ = false;
  bool is_head_ = false;
  bool look_after_ = false;  ///< Has waited for its answer for long: is the client still there?
  std::optional<Response> answer_;

  std::string head_;  ///< What is being written.
  std::string body_;
  std::size_t written_ = 0;  ///< Of both.
  Stage after_writing_ = Stage::kIdle;
  std::size_t lingered_ = 0;

  BeginStream begin_events_;
  std::function<void()> events_over_;  ///< To be called when they are.
  std::deque<Event> events_;
  std::function<void(bool)> event_written_;  ///< Of that which is being written.
  bool events_ended_ = false;
};

}  // namespace saga::api
