#include "engine/runtime/subscriptions.h"

#include <algorithm>
#include <ranges>
#include <utility>

namespace saga::runtime {
namespace {

std::size_t index_of(Interest interest) { return static_cast<std::size_t>(interest); }

}  // namespace

class Subscriptions::Handle final : public Runtime::Subscription {
 public:
  Handle(std::shared_ptr<Subscriptions> owner, std::string saga_id, Entry entry)
      : owner_(std::move(owner)), saga_id_(std::move(saga_id)), entry_(std::move(entry)) {}
  ~Handle() override {
    const std::lock_guard lock(owner_->mutex_);
    const auto [begin, end] = owner_->subscribers_.equal_range(saga_id_);
    owner_->subscribers_.erase(
        std::find_if(begin, end, [this](const auto& there) { return there.second.subscriber == entry_.subscriber; }));
    owner_->counts_[index_of(entry_.interest)].fetch_sub(1, std::memory_order_release);
  }

 private:
  const std::shared_ptr<Subscriptions> owner_;
  const std::string saga_id_;
  const Entry entry_;
};

std::unique_ptr<Runtime::Subscription> Subscriptions::add(std::string saga_id, Interest interest,
                                                          Subscriber subscriber) {
  Entry entry{interest, std::make_shared<const Subscriber>(std::move(subscriber))};
  {
    const std::lock_guard lock(mutex_);
    counts_[index_of(interest)].fetch_add(1, std::memory_order_release);
    subscribers_.emplace(saga_id, entry);
  }
  return std::make_unique<Handle>(shared_from_this(), std::move(saga_id), std::move(entry));
}

std::vector<Subscriptions::Told> Subscriptions::interested_in(const std::string& saga_id, bool at_rest) const {
  const auto is_told = [at_rest](Interest interest) { return interest == Interest::kEveryCommit || at_rest; };
  const auto any = [this, is_told](Interest interest) {
    return is_told(interest) && counts_[index_of(interest)].load(std::memory_order_acquire) > 0;
  };
  std::vector<Told> told;
  if (!any(Interest::kEveryCommit) && !any(Interest::kRest)) return told;
  const std::lock_guard lock(mutex_);
  const auto [begin, end] = subscribers_.equal_range(saga_id);
  for (const auto& [id, entry] : std::ranges::subrange(begin, end)) {
    if (is_told(entry.interest)) told.push_back(entry.subscriber);
  }
  return told;
}

}  // namespace saga::runtime
