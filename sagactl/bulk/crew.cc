#include "sagactl/bulk/crew.h"

namespace saga::ctl {

Crew::Crew(const Client& client, std::size_t size) {
  threads_.reserve(size);
  for (std::size_t i = 0; i < size; ++i) threads_.emplace_back([this, &client] { work(client); });
}

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  threads_.clear();
}

bool Crew::give(Job& job, Millis patience) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, patience, [this] { return busy_ < threads_.size() && !next_; })) return false;
  next_ = std::move(job);
  ++busy_;
  changed_.notify_all();
  return true;
}

bool Crew::idle(Millis patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [this] { return busy_ == 0; });
}

void Crew::work(const Client& client) {
  std::optional<Client> own;  // Opened with the first job: a crew may be larger than what there is to do.
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return next_ || closing_; });
    if (!next_) return;
    const Job job = std::move(*next_);
    next_.reset();
    changed_.notify_all();
    lock.unlock();
    if (!own) own = client.another();
    job(*own);
    lock.lock();
    --busy_;
    changed_.notify_all();
  }
}

}  // namespace saga::ctl
