#include "engine/api/pool.h"

#include "base/check.h"

namespace saga::api {

Pool::Pool(std::size_t threads) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Pool::~Pool() {
  std::map<Due, Task> dropped;  // Destroyed without the lock: a task's values may come back to us.
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(later_);
    tickets_.clear();
  }
  changed_.notify_all();
  if (threads_.empty()) {
    while (step()) {
    }
  }
  threads_.clear();
}

void Pool::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    ready_.push_back(std::move(task));
  }
  changed_.notify_one();
}

Pool::Ticket Pool::post_after(Millis delay, Task task) {
  Ticket ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = ++last_ticket_;
    if (stopping_) return ticket;
    const Due due{std::chrono::steady_clock::now() + delay, ticket};
    const auto at = later_.emplace(due, std::move(task)).first;
    tickets_.emplace(ticket, due);
    if (at != later_.begin()) return ticket;  // Whoever waits for the first wakes early enough for this one.
  }
  changed_.notify_one();
  return ticket;
}

void Pool::cancel(Ticket ticket) {
  Task dropped;
  const std::lock_guard lock(mutex_);
  const auto at = tickets_.find(ticket);
  if (at == tickets_.end()) return;
  const auto task = later_.find(at->second);
  dropped = std::move(task->second);
  later_.erase(task);
  tickets_.erase(at);
}

bool Pool::step() {
  SAGA_CHECK(threads_.empty(), "a step of a pool without threads");
  Task task;
  {
    const std::lock_guard lock(mutex_);
    task = take_due();
  }
  if (!task) return false;
  task();
  return true;
}

void Pool::work() {
  while (const Task task = next()) task();
}

Pool::Task Pool::take_due() {
  Task task;
  if (!later_.empty() && later_.begin()->first.first <= std::chrono::steady_clock::now()) {
    const auto first = later_.begin();
    task = std::move(first->second);
    tickets_.erase(first->first.second);
    later_.erase(first);
    if (!ready_.empty()) changed_.notify_one();  // Whom `post` woke may be us.
  } else if (!ready_.empty()) {
    task = std::move(ready_.front());
    ready_.pop_front();
  }
  return task;
}

Pool::Task Pool::next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (Task task = take_due()) return task;
    if (stopping_) return {};
    if (later_.empty()) {
      changed_.wait(lock);
    } else {
      const auto due = later_.begin()->first.first;  // A copy: `cancel` may erase it during the wait.
      changed_.wait_until(lock, due);
    }
  }
}

}  // namespace saga::api
