#include "engine/api/wait.h"

namespace saga::api {

std::shared_ptr<Wait> Wait::begin(runtime::Runtime& runtime, Pool& pool, std::string saga_id, Done done) {
  auto wait = std::make_shared<Wait>(pool, std::move(done));
  auto subscription = runtime.subscribe(std::move(saga_id), runtime::Interest::kRest,
                                        [weak = std::weak_ptr(wait)](const runtime::CommitNotice& notice) {
                                          if (const auto self = weak.lock())
                                            self->finish(std::make_shared<const runtime::Snapshot>(notice.saga));
                                        });
  const std::lock_guard lock(wait->mutex_);
  if (wait->done_) {
    wait->subscription_ = std::move(subscription);
    return wait;
  }
  // It came to rest meanwhile: the subscription ends here.
  return wait;
}

void Wait::limit(Millis limit) {
  const std::lock_guard lock(mutex_);
  if (!done_) return;
  // The alarm keeps the wait alive; a commit at rest cancels it.
  alarm_ = pool_.post_after(limit, [self = shared_from_this()] { self->finish(nullptr); });
}

bool Wait::abandon() { return static_cast<bool>(take()); }

Wait::Done Wait::take() {
  std::unique_ptr<runtime::Runtime::Subscription> subscription;
  Pool::Ticket alarm = 0;
  Done done;
  {
    const std::lock_guard lock(mutex_);
    if (!done_) return {};
    done.swap(done_);
    subscription = std::move(subscription_);
    std::swap(alarm, alarm_);
  }
  if (alarm != 0) pool_.cancel(alarm);
  return done;
}

void Wait::finish(std::shared_ptr<const runtime::Snapshot> at_rest) {
  if (const Done done = take()) done(std::move(at_rest));
}

}  // namespace saga::api
