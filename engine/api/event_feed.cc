#include "engine/api/event_feed.h"

#include "engine/api/event_view.h"

namespace saga::api {
namespace {

/// Shorter than what proxies cut idle connections after.
constexpr Millis kKeepAlive{15'000};

}  // namespace

bool ends_saga(std::string_view event_type) {
  return event_type == "saga_completed" || event_type == "saga_compensated" || event_type == "saga_failed" ||
         event_type == "saga_terminated";
}

std::function<void()> EventFeed::begin(const Context& context, const store::SagaRow& saga, std::int64_t after,
                                       std::shared_ptr<EventSink> sink) {
  auto feed = std::make_shared<EventFeed>(context, saga.key, after, std::move(sink));
  auto subscription = context.runtime.subscribe(saga.identity.id, runtime::Interest::kEveryCommit,
                                                [weak = std::weak_ptr(feed)](const runtime::CommitNotice&) {
                                                  if (const auto self = weak.lock()) self->poke();
                                                });
  {
    const std::lock_guard lock(feed->mutex_);
    feed->subscription_ = std::move(subscription);
    feed->alarm_ = context.pool.post_after(kKeepAlive, [weak = std::weak_ptr(feed)] {
      if (const auto self = weak.lock()) self->keep_alive();
    });
  }
  feed->poke();
  return [feed] { feed->over(); };
}

void EventFeed::poke() {
  {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    if (activity_ != Activity::kIdle) {
      activity_ = Activity::kBusyAndMore;
      return;
    }
    activity_ = Activity::kBusy;
  }
  context_.pool.post([self = shared_from_this()] { self->pump(); });
}

void EventFeed::pump() {
  const auto records = context_.store.load(saga_, last_ + 1);
  std::shared_ptr<EventSink> sink;
  {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    sink = sink_;
  }
  // The client comes again with the last id it has seen.
  if (!records) return sink->close();
  std::string frames;
  for (const store::Record& record : *records) frames += event_frame(record);
  if (!records->empty()) last_ = records->back().seq;
  const bool ended = !records->empty() && ends_saga(records->back().type);
  if (frames.empty()) return written(true);
  sink->write(std::move(frames), [self = shared_from_this(), sink, ended](bool client_is_there) {
    if (client_is_there && ended) sink->close();
    self->written(client_is_there && !ended);
  });
}

void EventFeed::written(bool client_is_there) {
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    if (over_ || !client_is_there) return;
    again = activity_ == Activity::kBusyAndMore;
    activity_ = Activity::kIdle;
  }
  if (again) poke();
}

void EventFeed::keep_alive() {
  std::shared_ptr<EventSink> sink;
  {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    alarm_ = context_.pool.post_after(kKeepAlive, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->keep_alive();
    });
    if (activity_ != Activity::kIdle) return;  // Something is being written anyway.
    activity_ = Activity::kBusy;
    sink = sink_;
  }
  sink->write(": still here\n\n",
              [self = shared_from_this()](bool client_is_there) { self->written(client_is_there); });
}

void EventFeed::over() {
  std::shared_ptr<runtime::Runtime::Subscription> ended;
  Pool::Ticket alarm = 0;
  {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    over_ = true;
    sink_.reset();
    ended = std::move(subscription_);
    std::swap(alarm, alarm_);
  }
  context_.pool.cancel(alarm);
  // Ending a subscription may wait for a notice under way; the I/O thread must not.
  context_.pool.post([subscription = std::move(ended)] {});
}

}  // namespace saga::api
