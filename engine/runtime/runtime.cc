#include "engine/runtime/runtime.h"

#include "engine/runtime/engine.h"

namespace saga::runtime {

namespace {

/// What the store keeps the key of callback URLs as.
constexpr const char* kCallbackKey = "callback_key";

}  // namespace

class Runtime::Impl : public Engine {
  using Engine::Engine;
};

Result<std::unique_ptr<Runtime>> Runtime::create(Registry& registry, store::Store& store,
                                                 workers::Dispatcher& dispatcher, const Clock& clock,
                                                 RuntimeObserver* observer, RuntimeOptions options) {
  const auto epoch = store.take_over(options.shard, options.owner);
  if (!epoch) return tl::unexpected(epoch.error());
  const bool simulated = options.seed && !options.own_threads;
  const auto key = store.keep_secret(
      kCallbackKey, simulated ? CallbackTokens::key_of_seed(*options.seed) : CallbackTokens::fresh_key());
  if (!key) return tl::unexpected(key.error());
  if (!CallbackTokens::is_key(*key)) {
    return fail(ErrorCode::kCorruption, "the store's secret 'callback_key' is not 32 bytes as hex");
  }
  return std::unique_ptr<Runtime>(new Runtime(std::make_unique<Impl>(
      registry, store, dispatcher, clock, observer, std::move(options), *epoch, CallbackTokens(*key))));
}

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runtime::~Runtime() = default;

void Runtime::start(StartRequest request, StartDone done) {
  impl_->post_client(ClientStart{std::move(request), std::move(done)});
}

void Runtime::start_many(std::vector<StartRequest> requests, ManyStartedDone done) {
  impl_->post_batch(std::make_shared<ClientBatch>(std::move(requests), std::move(done)));
}

void Runtime::deliver(Delivery delivery, DeliveryDone done) {
  impl_->post_client(ClientDelivery{std::move(delivery), std::move(done), false, false, false});
}

const CallbackTokens& Runtime::callback_tokens() const { return impl_->callback_tokens(); }
void Runtime::set_public_url(std::string url) { impl_->set_public_url(std::move(url)); }

std::unique_ptr<Runtime::Subscription> Runtime::subscribe(std::string saga_id, Interest interest,
                                                          Subscriber subscriber) {
  return impl_->subscriptions().add(std::move(saga_id), interest, std::move(subscriber));
}

void Runtime::drain() { impl_->drain(); }
bool Runtime::drained() const { return impl_->drained(); }
RuntimeStats Runtime::stats() const { return impl_->stats(); }
Result<std::size_t> Runtime::count_overdue() { return impl_->count_overdue(); }

Result<bool> Runtime::hold_some(const core::Actor& actor) { return impl_->hold_some(actor); }

std::optional<Timestamp> Runtime::next_due() const { return impl_->next_due(); }

std::size_t Runtime::turn() { return impl_->turn(Millis{0}, true); }

void Runtime::run(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] { impl_->wake(); });
  const bool recovers_here = !impl_->options().own_threads;
  if (!recovers_here) impl_->start_recovery();
  while (!stop.stop_requested()) impl_->turn(kLongestSleep, recovers_here);
}

}  // namespace saga::runtime
