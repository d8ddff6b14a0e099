#include "engine/runtime/subscriptions.h"

#include <vector>

namespace saga::runtime {

class Subscriptions::Handle final : public Runtime::Subscription {
 public:
  Handle(std::shared_ptr<Subscriptions> owner, Map::iterator at) : owner_(std::move(owner)), at_(at) {}
  ~Handle() override {
    const std::lock_guard lock(owner_->mutex_);
    owner_->subscribers_.erase(at_);
    owner_->count_.fetch_sub(1, std::memory_order_release);
  }

 private:
  std::shared_ptr<Subscriptions> owner_;
  Map::iterator at_;
};

std::unique_ptr<Runtime::Subscription> Subscriptions::add(std::string saga_id, Subscriber subscriber) {
  auto shared = std::make_shared<const Subscriber>(std::move(subscriber));
  const std::lock_guard lock(mutex_);
  count_.fetch_add(1, std::memory_order_release);
  return std::make_unique<Handle>(shared_from_this(), subscribers_.emplace(std::move(saga_id), std::move(shared)));
}

void Subscriptions::tell(const std::string& saga_id, const CommitNotice& notice) const {
  std::vector<std::shared_ptr<const Subscriber>> told;
  {
    const std::lock_guard lock(mutex_);
    for (auto [at, end] = subscribers_.equal_range(saga_id); at != end; ++at) told.push_back(at->second);
  }
  for (const auto& subscriber : told) (*subscriber)(notice);
}

}  // namespace saga::runtime
