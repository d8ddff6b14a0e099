#include "engine/webhook/attention_webhook.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

namespace saga::webhook {
namespace {

using std::chrono::steady_clock;

/// How often a wait for an answer looks whether the process stops.
constexpr Millis kStopCheck{50};
/// A look that takes long, because a hundred thousand sagas need attention, is made the less often.
constexpr int kShareForOthers = 50;

std::string describe(const workers::CallOutcome& outcome) {
  if (const auto* answered = std::get_if<workers::Answered>(&outcome))
    return fmt::format("it answered {}", answered->status);
  if (const auto* not_sent = std::get_if<workers::NotSent>(&outcome)) return not_sent->message;
  return std::get<workers::OutcomeUnknown>(outcome).message;
}

}  // namespace

Result<Target> parse_target(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t path = scheme == std::string::npos ? scheme : url.find_first_of("/?", scheme + 3);
  Target target{url.substr(0, path), path == std::string::npos ? "/" : url.substr(path)};
  if (target.path.front() == '?') target.path.insert(0, "/");
  if (const auto checked = workers::check_service_url(target.base); !checked) return tl::unexpected(checked.error());
  const bool sendable = std::all_of(target.path.begin(), target.path.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!sendable || target.path.find('#') != std::string::npos) {
    return fail(ErrorCode::kInvalid,
                fmt::format("expected a path of printable ASCII without '#' after {}", target.base));
  }
  return target;
}

Result<std::unique_ptr<AttentionWebhook>> AttentionWebhook::start(store::Store& store, const runtime::Reader& reader,
                                                                  const Clock& clock, telemetry::Log& log,
                                                                  WebhookOptions options) {
  workers::DispatcherOptions calls;
  calls.url_breaker.enabled = false;  // The delay between two tries is ours.
  auto dispatcher = workers::make_http_dispatcher({}, calls);
  if (!dispatcher) return tl::unexpected(dispatcher.error());
  return std::unique_ptr<AttentionWebhook>(
      new AttentionWebhook(store, reader, clock, log, std::move(options), std::move(*dispatcher)));
}

AttentionWebhook::AttentionWebhook(store::Store& store, const runtime::Reader& reader, const Clock& clock,
                                   telemetry::Log& log, WebhookOptions options,
                                   std::unique_ptr<workers::Dispatcher> dispatcher)
    : store_(store),
      reader_(reader),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      dispatcher_(std::move(dispatcher)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  pthread_setname_np(thread_.native_handle(), "webhook");
}

void AttentionWebhook::run(const std::stop_token& stop) {
  Millis retry = options_.first_retry;
  while (!stop.stop_requested()) {
    const Round ended = round(stop);
    if (ended == Round::kFailed) {
      wait(retry, stop);
      retry = std::min(retry * 2, options_.longest_retry);
      continue;
    }
    retry = options_.first_retry;
    const Millis idle = std::max(options_.interval, look_took_ * kShareForOthers);
    wait(ended == Round::kTold ? options_.between_rounds : idle, stop);
  }
}

AttentionWebhook::Round AttentionWebhook::round(const std::stop_token& stop) {
  const auto begun = steady_clock::now();
  const auto due = store_.notices_due(options_.most_at_once);
  look_took_ = std::chrono::duration_cast<Millis>(steady_clock::now() - begun);
  if (!due || due->empty()) return Round::kNothing;  // A store that fails says so elsewhere.
  bool told = false;
  bool failed = false;
  for (const Message& message : compose(store_, reader_, *due)) {
    const Answer answer = send(message, stop);
    if (stop.stop_requested()) return Round::kNothing;
    if (answer.taken) {
      if (!store_.record_notices(message.notices)) return Round::kFailed;
      told = true;
      continue;
    }
    failed = true;
    note(answer.problem);
    if (answer.unreachable) return Round::kFailed;
  }
  if (told && !failed) note("");
  // One message that is refused for itself does not slow the others down; it alone waits longer and longer.
  return told ? Round::kTold : failed ? Round::kFailed : Round::kNothing;
}

AttentionWebhook::Answer AttentionWebhook::send(const Message& message, const std::stop_token& stop) {
  const std::string timestamp = std::to_string(clock_.now().ms / 1'000);
  workers::WorkerCall call;
  call.url = options_.target.base;
  call.method = "POST";
  call.path = options_.target.path;
  call.headers = {{"webhook-id", message.id}, {"webhook-timestamp", timestamp}};
  if (options_.secret) {
    call.headers.add("webhook-signature", options_.secret->sign(message.id, timestamp, message.body));
  }
  call.body = message.body;
  call.timeout = options_.timeout;
  const auto answer = std::make_shared<std::promise<workers::CallOutcome>>();
  std::future<workers::CallOutcome> answered = answer->get_future();
  dispatcher_->send(std::move(call),
                    [answer](workers::CallReport report) { answer->set_value(std::move(report.outcome)); });
  while (answered.wait_for(kStopCheck) != std::future_status::ready) {
    if (stop.stop_requested()) return {};
  }
  const workers::CallOutcome outcome = answered.get();
  const auto* status = std::get_if<workers::Answered>(&outcome);
  return {status != nullptr && status->status / 100 == 2, status == nullptr, describe(outcome)};
}

/// One line when a problem begins or changes, one when it is over.
void AttentionWebhook::note(const std::string& problem) {
  if (problem == problem_) return;
  problem_ = problem;
  if (problem.empty()) {
    log_.info("attention_webhook_well_again", {{"url", options_.target.base}});
  } else {
    log_.warn("attention_webhook_failed", {{"url", options_.target.base}, {"problem", problem}});
  }
}

void AttentionWebhook::wait(Millis time, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  stopped_.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace saga::webhook
