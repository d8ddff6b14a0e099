#include "workers/dispatcher/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "workers/dispatcher/request_text.h"

namespace saga::workers {

Call::Call(Owner& owner, Instance& instance, std::unique_ptr<Attempt> attempt)
    : owner_(owner),
      instance_(instance),
      attempt_(std::move(attempt)),
      started_(net::SteadyClock::now()),
      deadline_(started_ + attempt_->call.timeout),
      request_(request_text(attempt_->call, instance.url(), attempt_->route->service().headers)) {
  // It has them all: thousands of calls that wait for their answers need not hold them twice.
  attempt_->call.headers = {};
  attempt_->call.body.reset();
}

std::chrono::microseconds Call::took() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(net::SteadyClock::now() - started_);
}

void Call::expire() {
  expired_ = true;
  go_on();
}

void Call::go_on() {
  std::optional<CallOutcome> ended;
  try {
    ended = advance();
  } catch (const std::exception& problem) {  // No memory: a call is never lost for it.
    attempt_->own_trouble = true;
    if (sent_) {
      ended = OutcomeUnknown{OutcomeUnknown::Reason::kConnectionLost, problem.what()};
    } else {
      ended = NotSent{NotSent::Reason::kUnreachable, problem.what()};
    }
  }
  if (ended) owner_.ended(*this, std::move(*ended));
}

std::optional<CallOutcome> Call::advance() {
  for (;;) {
    if (!connection_) {
      const auto connected = connect();
      if (!connected) return std::nullopt;
      if (!*connected) return unreachable(connected->error().message);
    }
    if (expired_) {
      return OutcomeUnknown{
          OutcomeUnknown::Reason::kTimeout,
          fmt::format("no answer from {} within {}", instance_.url().text, format_duration(attempt_->call.timeout))};
    }
    auto exchange = connection_->exchange(request_, *reader_);
    if (!exchange) return std::nullopt;
    limit_.reset();
    if (exchange->end != Exchange::End::kNothingWritten) return outcome(std::move(*exchange));
    sent_ = false;
    if (!kept_ || net::SteadyClock::now() >= deadline_) return outcome(std::move(*exchange));
    // Closed by the worker while it was kept: another carries the call, which nobody has seen.
    connection_.reset();
  }
}

std::optional<Result<void>> Call::connect() {
  if (!connector_) {
    if (auto idle = instance_.take_idle()) {
      kept_ = true;
      use(std::move(idle));
      return Result<void>();
    }
    kept_ = false;
    connector_ = std::make_unique<Connector>(instance_, deadline_, *this);
  }
  auto made = connector_->go_on();
  if (made && !*made && made->error().code == ErrorCode::kOverloaded && !freed_descriptors_) {
    freed_descriptors_ = true;
    owner_.free_descriptors();
    connector_ = std::make_unique<Connector>(instance_, deadline_, *this);
    made = connector_->go_on();
  }
  if (!made) return std::nullopt;
  connector_.reset();
  if (!*made) {
    attempt_->own_trouble = made->error().code == ErrorCode::kOverloaded;
    return tl::unexpected<Error>(made->error());
  }
  use(std::move(**made));
  return Result<void>();
}

void Call::use(std::unique_ptr<Connection> connection) {
  connection_ = std::move(connection);
  connection_->serve(this);
  reader_.emplace(owner_.options().max_answer_body, owner_.options().max_answer_header);
  limit_.emplace(instance_.network().loop.deadlines(), deadline_, *this);
  sent_ = true;
}

CallOutcome Call::outcome(Exchange exchange) {
  const std::string& where = instance_.url().text;
  switch (exchange.end) {
    case Exchange::End::kNothingWritten:
      break;
    case Exchange::End::kAnswered:
      if (reader_->connection_reusable()) keep_connection();
      return reader_->take_answer();
    case Exchange::End::kLost:
      return OutcomeUnknown{OutcomeUnknown::Reason::kConnectionLost,
                            fmt::format("lost the connection to {} before its answer: {}", where, exchange.problem)};
    case Exchange::End::kNotHttp:
      return OutcomeUnknown{OutcomeUnknown::Reason::kBadAnswer,
                            fmt::format("the answer of {} is not good HTTP: {}", where, exchange.problem)};
  }
  return unreachable(exchange.problem);
}

CallOutcome Call::unreachable(const std::string& why) const {
  return NotSent{NotSent::Reason::kUnreachable, fmt::format("no connection to {}: {}", instance_.url().text, why)};
}

void Call::keep_connection() {
  std::chrono::milliseconds keep_for = owner_.options().idle_connection;
  // A worker that says when it closes an idle connection is believed, with a margin: a call sent into that moment is
  // lost.
  if (const auto said = reader_->kept_alive_for()) keep_for = std::min(keep_for, std::chrono::milliseconds(*said) / 2);
  if (keep_for.count() > 0) instance_.put_idle(std::move(connection_), keep_for);
}

}  // namespace saga::workers
