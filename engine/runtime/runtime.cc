#include "engine/runtime/runtime.h"

#include "engine/runtime/engine.h"

namespace saga::runtime {

namespace {
/// The longest the engine thread sleeps, so that awaited services and a stop are noticed.
constexpr Millis kPatience{250};
}  // namespace

class Runtime::Impl : public Engine {
  using Engine::Engine;
};

Result<std::unique_ptr<Runtime>> Runtime::create(Registry& registry, store::Store& store,
                                                 workers::Dispatcher& dispatcher, const Clock& clock,
                                                 RuntimeObserver* observer, RuntimeOptions options) {
  const auto epoch = store.take_over(options.shard, options.owner);
  if (!epoch) return tl::unexpected(epoch.error());
  return std::unique_ptr<Runtime>(
      new Runtime(std::make_unique<Impl>(registry, store, dispatcher, clock, observer, std::move(options), *epoch)));
}

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runtime::~Runtime() = default;

void Runtime::start(StartRequest request, StartDone done) {
  impl_->post_client(ClientStart{std::move(request), std::move(done)});
}

void Runtime::start_many(std::vector<StartRequest> requests, ManyStartedDone done) {
  impl_->post_batch(std::make_shared<ClientBatch>(std::move(requests), std::move(done)));
}

void Runtime::command(std::string saga_id, core::OperatorCommand command, CommandDone done) {
  impl_->post_client(ClientCommand{std::move(saga_id), std::move(command), std::move(done)});
}

std::unique_ptr<Runtime::Subscription> Runtime::subscribe(std::string saga_id, Subscriber subscriber) {
  return impl_->subscriptions().add(std::move(saga_id), std::move(subscriber));
}

void Runtime::drain() { impl_->drain(); }
bool Runtime::drained() const { return impl_->drained(); }
RuntimeStats Runtime::stats() const { return impl_->stats(); }

std::size_t Runtime::turn() { return impl_->turn(Millis{0}, true); }

void Runtime::run(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] { impl_->wake(); });
  impl_->start_recovery();
  while (!stop.stop_requested()) impl_->turn(kPatience, false);
}

}  // namespace saga::runtime
