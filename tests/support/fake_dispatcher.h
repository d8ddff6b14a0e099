// A dispatcher whose calls a test answers by hand, or by a rule.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "workers/dispatcher/dispatcher.h"

namespace saga::testing {

/// Thread-safe. Every service has an instance but those in `without_instance`, or held back by a test (`let_through`).
class FakeDispatcher final : public workers::Dispatcher {
 public:
  struct Sent {
    workers::WorkerCall call;
    workers::CallDone done;

    [[nodiscard]] std::string header(std::string_view name) const {
      return std::string(call.headers.find(name).value_or(""));
    }
    /// "reserve/action/1"
    [[nodiscard]] std::string what() const {
      return header(workers::kSagaStep) + "/" + header(workers::kSagaPhase) + "/" + header(workers::kSagaAttempt);
    }
    void answer(int status, std::string body = "", std::string type = "application/json") const {
      workers::Answered answered;
      answered.status = status;
      answered.body = std::move(body);
      if (!answered.body.empty()) answered.content_type = std::move(type);
      done({answered, std::chrono::microseconds{1'000}});
    }
    void end(workers::CallOutcome outcome) const { done({std::move(outcome), std::chrono::microseconds{1'000}}); }
  };

  /// Answers every call from now on at once, inside `send`.
  void answer_by(std::function<void(const Sent&)> rule) {
    const std::lock_guard lock(mutex_);
    rule_ = std::move(rule);
  }
  void without_instance(const std::string& service, bool missing = true) {
    const std::lock_guard lock(mutex_);
    if (missing) {
      missing_.insert(service);
    } else {
      missing_.erase(service);
    }
  }

  /// What the breaker of `where`, a service or a URL, admits from now on. At `kOne` the next call is the probe, and
  /// then none goes until this is called again.
  void let_through(const std::string& where, workers::Admits admits) {
    const std::lock_guard lock(mutex_);
    admits_[where] = admits;
  }
  void show(std::vector<workers::ServiceStatus> services, std::vector<workers::InstanceStatus> urls) {
    const std::lock_guard lock(mutex_);
    services_ = std::move(services);
    urls_ = std::move(urls);
  }

  void send(workers::WorkerCall call, workers::CallDone done) override {
    Sent sent{std::move(call), std::move(done)};
    std::function<void(const Sent&)> rule;
    bool missing = false;
    bool held_back = false;
    {
      const std::lock_guard lock(mutex_);
      log_.push_back(sent.what());
      missing = missing_.contains(sent.call.service);
      held_back = !missing && !pass_breaker(where(sent.call.service, sent.call.url));
      rule = rule_;
      if (!missing && !held_back && !rule) {
        open_.push_back(std::move(sent));
        return;
      }
    }
    if (held_back) {
      sent.end(workers::NotSent{workers::NotSent::Reason::kNoInstance, "the circuit breaker is open"});
    } else if (missing) {
      sent.end(workers::NotSent{workers::NotSent::Reason::kNoInstance, "no instance of '" + sent.call.service + "'"});
    } else {
      rule(sent);
    }
  }

  /// The oldest unanswered call; none if there is none.
  [[nodiscard]] std::optional<Sent> take() {
    const std::lock_guard lock(mutex_);
    if (open_.empty()) return std::nullopt;
    Sent sent = std::move(open_.front());
    open_.pop_front();
    return sent;
  }
  /// Everything sent so far, in order, as "step/phase/attempt".
  [[nodiscard]] std::vector<std::string> log() const {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  [[nodiscard]] bool has_instance(const std::string& service) const override {
    const std::lock_guard lock(mutex_);
    return !missing_.contains(service);
  }
  [[nodiscard]] workers::Admits admits(const std::string& service, const std::string& url) const override {
    const std::lock_guard lock(mutex_);
    if (missing_.contains(service)) return workers::Admits::kNone;
    const auto breaker = admits_.find(where(service, url));
    return breaker == admits_.end() ? workers::Admits::kAll : breaker->second;
  }
  [[nodiscard]] std::vector<workers::ServiceStatus> services() const override {
    const std::lock_guard lock(mutex_);
    return services_;
  }
  [[nodiscard]] std::vector<workers::InstanceStatus> urls() const override {
    const std::lock_guard lock(mutex_);
    return urls_;
  }
  [[nodiscard]] std::size_t in_flight() const override {
    const std::lock_guard lock(mutex_);
    return open_.size();
  }

 private:
  static const std::string& where(const std::string& service, const std::string& url) {
    return service.empty() ? url : service;
  }
  bool pass_breaker(const std::string& where) {
    const auto breaker = admits_.find(where);
    if (breaker == admits_.end() || breaker->second == workers::Admits::kAll) return true;
    const bool probe = breaker->second == workers::Admits::kOne;
    breaker->second = workers::Admits::kNone;
    return probe;
  }

  mutable std::mutex mutex_;
  std::deque<Sent> open_;
  std::vector<std::string> log_;
  std::set<std::string> missing_;
  std::map<std::string, workers::Admits> admits_;  ///< By service or URL.
  std::vector<workers::ServiceStatus> services_;
  std::vector<workers::InstanceStatus> urls_;
  std::function<void(const Sent&)> rule_;
};

}  // namespace saga::testing
