#include "net/event_loop.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/check.h"

namespace saga::net {
namespace {

/// At most as many are told of before what was posted, and deadlines, have their turn.
constexpr int kMostBatches = 40;

}  // namespace

std::error_code last_system_error() { return {errno, std::system_category()}; }

EventLoop::~EventLoop() {
  if (wake_up_ >= 0) ::close(wake_up_);
  if (epoll_ >= 0) ::close(epoll_);
}

Result<void> EventLoop::open() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ >= 0) wake_up_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_ < 0 || wake_up_ < 0)
    return fail(ErrorCode::kOverloaded, "no event loop: " + last_system_error().message());
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;  // Each write is an event: it need never be read.
  event.data.ptr = nullptr;
  SAGA_CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_up_, &event) == 0, "an eventfd that epoll takes");
  return {};
}

void EventLoop::run() {
  // What a broken connection has to say, an error says.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  while (take_posted()) {
    // All that is ready is told before what was posted runs: who posts has seen no more than the watchers have.
    for (int batch = 0, wait = taken_.empty() ? wait_ms() : 0; batch < kMostBatches; ++batch, wait = 0) {
      const int count = ::epoll_wait(epoll_, batch_.data(), static_cast<int>(batch_.size()), wait);
      SAGA_CHECK(count >= 0 || errno == EINTR, "an epoll that can be waited for");
      tell(static_cast<std::size_t>(std::max(count, 0)));
      if (batch_end_ < batch_.size()) break;
    }
    for (const auto& task : taken_) task();
    taken_.clear();
    deadlines_.expire_due(SteadyClock::now());
  }
}

/// False: the loop is to stop.
bool EventLoop::take_posted() {
  const std::lock_guard lock(mutex_);
  taken_.swap(posted_);
  return !stopped_;
}

void EventLoop::tell(std::size_t count) {
  batch_end_ = count;
  for (batch_at_ = 0; batch_at_ < batch_end_;) {
    const epoll_event& event = batch_[batch_at_++];
    if (event.data.ptr != nullptr) static_cast<Watcher*>(event.data.ptr)->ready(event.events);
  }
}

/// Until the first deadline, rounded up: what is woken early would find nothing due.
int EventLoop::wait_ms() const {
  const TimePoint next = deadlines_.next();
  if (next == TimePoint::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - SteadyClock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX));
}

void EventLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake();
}

void EventLoop::post(std::function<void()> task) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(task));
  }
  if (first) wake();
}

void EventLoop::wake() {
  const std::uint64_t one = 1;
  // Full it is after 2^64 - 2 writes.
  SAGA_CHECK(::write(wake_up_, &one, sizeof one) == sizeof one, "an eventfd that takes a write");
}

std::error_code EventLoop::watch(int socket, Watcher& watcher) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watcher;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) == 0 ? std::error_code{} : last_system_error();
}

void EventLoop::forget(const Watcher& watcher) {
  for (std::size_t i = batch_at_; i < batch_end_; ++i) {
    if (batch_[i].data.ptr == &watcher) batch_[i].data.ptr = nullptr;
  }
}

}  // namespace saga::net
