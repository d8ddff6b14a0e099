// A dispatcher whose calls a test can wait for.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <utility>

#include "tests/workers/dispatcher/scripted_worker.h"
#include "workers/dispatcher/dispatcher.h"

namespace saga::workers::testing {

class Caller {
 public:
  explicit Caller(const Services& services, const DispatcherOptions& options = {}) {
    auto made = make_http_dispatcher(services, options);
    if (!made) throw std::runtime_error(made.error().message);
    dispatcher_ = std::move(*made);
  }
  /// One service "w" at `urls`.
  explicit Caller(std::vector<std::string> urls, const DispatcherOptions& options = {}, std::size_t max_in_flight = 200)
      : Caller(Services{{"w", Service{.urls = std::move(urls), .headers = {}, .max_in_flight = max_in_flight}}},
               options) {}

  static WorkerCall post(std::string body = "{}", Millis timeout = kPatience) {
    WorkerCall call;
    call.service = "w";
    call.method = "POST";
    call.path = "/do";
    call.body = std::move(body);
    call.timeout = timeout;
    return call;
  }

  std::future<CallReport> begin(WorkerCall call) {
    auto promise = std::make_shared<std::promise<CallReport>>();
    auto future = promise->get_future();
    dispatcher_->send(std::move(call), [promise](CallReport report) { promise->set_value(std::move(report)); });
    return future;
  }

  static CallReport wait(std::future<CallReport> report) {
    if (report.wait_for(kPatience) != std::future_status::ready) throw std::runtime_error("no report came");
    return report.get();
  }

  CallOutcome call(WorkerCall call) { return wait(begin(std::move(call))).outcome; }
  CallOutcome call() { return this->call(post()); }

  Dispatcher& operator*() { return *dispatcher_; }
  Dispatcher* operator->() { return dispatcher_.get(); }
  void destroy() { dispatcher_.reset(); }

 private:
  std::unique_ptr<Dispatcher> dispatcher_;
};

/// The status of an answer; 0 when none came.
inline int status_of(const CallOutcome& outcome) {
  const auto* answer = std::get_if<Answered>(&outcome);
  return answer == nullptr ? 0 : answer->status;
}

inline std::string body_of(const CallOutcome& outcome) {
  const auto* answer = std::get_if<Answered>(&outcome);
  return answer == nullptr ? "(no answer)" : answer->body;
}

inline ::testing::AssertionResult is_not_sent(const CallOutcome& outcome, NotSent::Reason reason) {
  const auto* fact = std::get_if<NotSent>(&outcome);
  if (fact == nullptr) return ::testing::AssertionFailure() << "it was sent: outcome " << outcome.index();
  if (fact->reason != reason || fact->message.empty()) return ::testing::AssertionFailure() << fact->message;
  return ::testing::AssertionSuccess() << fact->message;
}

inline ::testing::AssertionResult is_unknown(const CallOutcome& outcome, OutcomeUnknown::Reason reason) {
  const auto* fact = std::get_if<OutcomeUnknown>(&outcome);
  if (fact == nullptr) {
    const auto* not_sent = std::get_if<NotSent>(&outcome);
    return ::testing::AssertionFailure() << "not unknown: status " << status_of(outcome)
                                         << (not_sent != nullptr ? ", not sent: " + not_sent->message : "");
  }
  if (fact->reason != reason || fact->message.empty()) {
    return ::testing::AssertionFailure() << "reason " << static_cast<int>(fact->reason) << ": " << fact->message;
  }
  return ::testing::AssertionSuccess() << fact->message;
}

}  // namespace saga::workers::testing
