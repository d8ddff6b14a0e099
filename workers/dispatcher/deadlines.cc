#include "workers/dispatcher/deadlines.h"

namespace saga::workers {

Deadlines::Entries::iterator Deadlines::add(TimePoint when, Deadline& deadline) {
  const auto entry = entries_.emplace_hint(entries_.end(), when, &deadline);
  if (timer_ && (!waiting_ || when < waiting_until_)) wait_for_first();
  return entry;
}

void Deadlines::wait_for_first() {
  waiting_ = true;
  waiting_until_ = entries_.begin()->first;
  timer_->expires_at(waiting_until_);  // Cancels the wait before, whose handler then sees an error.
  timer_->async_wait([this](const error_code& error) {
    if (!error) expire_due();
  });
}

void Deadlines::expire_due() {
  waiting_ = false;
  const TimePoint now = SteadyClock::now();
  while (!entries_.empty() && entries_.begin()->first <= now) {
    Deadline& due = *entries_.begin()->second;
    entries_.erase(entries_.begin());
    due.expired_ = true;
    due.expiring_.expire();
  }
  if (!entries_.empty()) wait_for_first();
}

}  // namespace saga::workers
