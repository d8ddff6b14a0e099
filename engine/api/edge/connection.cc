#include "engine/api/edge/connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

#include "engine/api/edge/response_head.h"
#include "engine/api/edge/tls.h"
#include "engine/api/problem.h"

namespace saga::api {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kFirstRoom = 1'024;  ///< A request without a body seldom has more.
constexpr std::size_t kRoom = 16 << 10;
constexpr std::size_t kSlice = 256 << 10;
constexpr std::chrono::seconds kLinger{5};
constexpr std::size_t kLingerBytes = 16 << 20;
/// A client that does not say goodbye is not waited for any longer.
constexpr std::chrono::seconds kGoodbye{1};
constexpr milliseconds kForEver = milliseconds::max();

/// Where the events for one client go.
class Sink final : public EventSink {
 public:
  explicit Sink(Reach reach) : reach_(std::move(reach)) {}

  void write(std::string text, std::function<void(bool)> written) override {
    reach_([text = std::move(text), written = std::move(written)](Connection& connection) mutable {
      connection.send_event(std::move(text), std::move(written));
    });
  }
  void close() override {
    reach_([](Connection& connection) { connection.end_events(); });
  }

 private:
  const Reach reach_;
};

}  // namespace

Connection::Connection(Owner& owner, std::unique_ptr<net::Stream> stream, std::optional<Response> refusal)
    : owner_(owner), stream_(std::move(stream)), only_refusal_(std::move(refusal)) {
  stream_->serve(this);
  enter(Stage::kOpening, owner_.options().header_time);
}

void Connection::go_on() {
  const auto self = shared_from_this();
  try {
    while (step()) {
    }
  } catch (const std::exception&) {  // No memory: this client is the one to go.
    stage_ = Stage::kGone;
  }
  if (stage_ == Stage::kGone) {
    limit_.reset();
    return owner_.gone(*this);
  }
  if (until_ == limited_to_) return;
  limit_.reset();
  limited_to_ = until_;
  if (until_ != net::TimePoint::max()) limit_.emplace(owner_.deadlines(), until_, *this);
}

void Connection::expire() {
  limited_to_ = net::TimePoint::max();
  if (stage_ == Stage::kAnswering) {
    look_after_ = true;
  } else if (stage_ == Stage::kOpening || stage_ == Stage::kFinishing) {
    stage_ = Stage::kGone;
  } else {
    finish();
  }
  go_on();
}

void Connection::stop() {
  events_ended_ = true;  // Events are for ever; their client comes again.
  look_after_ = true;
  if (stage_ == Stage::kOpening || stage_ == Stage::kIdle) stage_ = Stage::kGone;
  go_on();
}

void Connection::enter(Stage stage, milliseconds longest) {
  stage_ = stage;
  until_ = longest == kForEver ? net::TimePoint::max() : net::SteadyClock::now() + longest;
}

bool Connection::step() {
  switch (stage_) {
    case Stage::kOpening:
      return open();
    case Stage::kIdle:
      return await_request();
    case Stage::kReading:
      return read_request();
    case Stage::kAnswering:
      return await_answer();
    case Stage::kWriting:
      return write();
    case Stage::kEvents:
      return send_next_event();
    case Stage::kLingering:
      return linger();
    case Stage::kFinishing:
      return say_goodbye();
    case Stage::kGone:
      break;
  }
  return false;
}

bool Connection::open() {
  const net::Io io = stream_->handshake();
  if (io.again) return false;
  if (io.error) {
    if (is_plain_http(io.error)) {
      const Response told = to_response(
          {ProblemKind::kBadRequest, "plain HTTP came, but this is https", {}, std::nullopt, std::nullopt, {}});
      const std::string plain = head_of(told, told.body.size(), false, owner_.date()) + told.body;
      ::send(stream_->socket(), plain.data(), plain.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    stage_ = Stage::kGone;
  } else if (only_refusal_) {
    refuse(*only_refusal_);
  } else {
    enter_idle();
  }
  return true;
}

// ---- a request ------------------------------------------------------------------------------------------------------

void Connection::enter_idle() {
  enter(Stage::kIdle, owner_.options().idle);
  if (buffer_.size() == 0) buffer_ = {};  // A connection that waits keeps no room for a request.
}

bool Connection::receive(std::size_t room) {
  if (!stream_->readable()) return false;  // Takes no room either.
  const auto into = buffer_.prepare(room);
  const net::Io io = stream_->read({static_cast<char*>(into.data()), into.size()});
  buffer_.commit(io.count);
  if (io.count > 0) return fresh_ = true;
  if (!io.again) finish();
  return false;
}

bool Connection::await_request() {
  if (owner_.stopping()) return finish(), true;
  if (buffer_.size() == 0 && !receive(kFirstRoom)) return stage_ != Stage::kIdle;
  reader_.emplace(owner_.handler(), owner_.options().max_header);
  in_body_ = false;
  fresh_ = true;
  enter(Stage::kReading, owner_.options().header_time);
  return true;
}

bool Connection::read_request() {
  if (!fresh_ && !receive(kRoom)) return stage_ != Stage::kReading;
  fresh_ = false;
  switch (reader_->take(buffer_)) {
    case RequestReader::State::kInHeader:
      break;
    case RequestReader::State::kInBody:
      if (in_body_) break;
      in_body_ = true;
      if (reader_->expects_continue()) {
        send("HTTP/1.1 100 Continue\r\n\r\n", {}, Stage::kReading);
      } else {
        enter(Stage::kReading, owner_.options().body_time);
      }
      break;
    case RequestReader::State::kComplete: {
      keep_alive_ = reader_->keep_alive();
      Request request = reader_->take_request();
      reader_.reset();
      ask(std::move(request));
      break;
    }
    case RequestReader::State::kRefused: {
      const Response refusal = reader_->refusal();
      reader_.reset();
      refuse(refusal);
      break;
    }
  }
  return true;
}

void Connection::ask(Request request) {
  is_head_ = request.method == "HEAD";
  if (is_head_) request.method = "GET";
  answer_.reset();
  look_after_ = false;
  enter(Stage::kAnswering, owner_.options().look_after);
  owner_.handler().handle(std::move(request), [reach = owner_.reach(*this)](Response response) {
    auto held = std::make_shared<Response>(std::move(response));
    reach([held](Connection& connection) { connection.answer(std::move(*held)); });
  });
}

void Connection::answer(Response response) {
  if (stage_ != Stage::kAnswering) return;
  answer_ = std::move(response);
  go_on();
}

bool Connection::await_answer() {
  if (answer_) {
    respond(*std::exchange(answer_, std::nullopt));
    return true;
  }
  if (!look_after_) return false;
  look_after_ = false;
  if (stream_->is_closed()) return finish(), true;
  enter(Stage::kAnswering, owner_.options().look_after);
  return false;
}

// ---- its answer -----------------------------------------------------------------------------------------------------

void Connection::respond(Response response) {
  if (response.stream) {
    if (!is_head_) begin_events_ = std::move(response.stream);
    return send(head_of(response, std::nullopt, false, owner_.date()), {},
                is_head_ ? Stage::kFinishing : Stage::kEvents);
  }
  keep_alive_ = keep_alive_ && !owner_.stopping();
  std::string body = take_body(response);
  std::string head = head_of(response, body.size(), keep_alive_, owner_.date());
  if (is_head_) body.clear();
  send(std::move(head), std::move(body), keep_alive_ ? Stage::kIdle : Stage::kFinishing);
}

void Connection::refuse(const Response& response) {
  send(head_of(response, response.body.size(), false, owner_.date()), response.body, Stage::kLingering);
}

void Connection::send(std::string head, std::string body, Stage next) {
  head_ = std::move(head);
  body_ = std::move(body);
  written_ = 0;
  after_writing_ = next;
  enter(Stage::kWriting, owner_.options().write_time);
}

bool Connection::write() {
  const std::size_t all = head_.size() + body_.size();
  while (written_ < all) {
    const std::size_t of_head = std::min(written_, head_.size());
    const net::Io io = stream_->write(std::string_view(head_).substr(of_head),
                                      std::string_view(body_).substr(written_ - of_head, kSlice));
    if (io.again) return false;
    if (io.error) return finish(), true;
    const bool next_slice = written_ / kSlice != (written_ + io.count) / kSlice;
    written_ += io.count;
    if (next_slice) enter(Stage::kWriting, owner_.options().write_time);
  }
  body_ = {};
  switch (after_writing_) {
    case Stage::kIdle:
      enter_idle();
      break;
    case Stage::kReading:
      enter(Stage::kReading, owner_.options().body_time);
      break;
    case Stage::kEvents:
      if (const auto written = std::exchange(event_written_, nullptr)) written(true);
      enter(Stage::kEvents, kForEver);
      break;
    case Stage::kLingering:
      stream_->end_sending();
      buffer_.clear();
      enter(Stage::kLingering, kLinger);
      break;
    default:
      finish();
  }
  return true;
}

bool Connection::linger() {
  while (lingered_ < kLingerBytes && receive(kRoom)) {
    lingered_ += buffer_.size();
    buffer_.clear();
  }
  if (lingered_ >= kLingerBytes) finish();
  return stage_ != Stage::kLingering;
}

void Connection::finish() {
  if (const auto written = std::exchange(event_written_, nullptr)) written(false);
  for (const Event& event : std::exchange(events_, {})) event.written(false);
  end_of_events();
  enter(Stage::kFinishing, kGoodbye);
}

bool Connection::say_goodbye() {
  if (stream_->say_goodbye().again) return false;
  stage_ = Stage::kGone;
  return true;
}

// ---- events ---------------------------------------------------------------------------------------------------------

void Connection::send_event(std::string text, std::function<void(bool)> written) {
  if (stage_ == Stage::kFinishing || stage_ == Stage::kGone) return written(false);
  events_.push_back({std::move(text), std::move(written)});
  go_on();
}

void Connection::end_events() {
  events_ended_ = true;
  go_on();
}

void Connection::end_of_events() {
  if (const auto over = std::exchange(events_over_, nullptr)) over();
}

bool Connection::send_next_event() {
  if (begin_events_) {
    events_over_ = std::exchange(begin_events_, nullptr)(std::make_shared<Sink>(owner_.reach(*this)));
  }
  // Nothing more is expected of this client, but its end.
  while (receive(kFirstRoom)) buffer_.clear();
  if (stage_ != Stage::kEvents) return true;
  if (!events_.empty()) {
    Event event = std::move(events_.front());
    events_.pop_front();
    std::string size = fmt::format("{:x}\r\n", event.text.size());
    send(std::move(size), std::move(event.text) + "\r\n", Stage::kEvents);
    event_written_ = std::move(event.written);
    return true;
  }
  if (!events_ended_) return false;
  end_of_events();
  send("0\r\n\r\n", {}, Stage::kFinishing);
  return true;
}

}  // namespace saga::api
