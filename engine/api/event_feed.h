// One client that follows a saga's events: what is in the journal after the last one it has, then what becomes durable,
// until the saga has ended or the client is gone. A slow client is read for no faster than it takes.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "engine/api/context.h"
#include "engine/api/http.h"

namespace saga::api {

class EventFeed : public std::enable_shared_from_this<EventFeed> {
 public:
  /// Begins after event number `after`. Returns what the server calls when the stream is over.
  [[nodiscard]] static std::function<void()> begin(const Context& context, const store::SagaRow& saga,
                                                   std::int64_t after, std::shared_ptr<EventSink> sink);

  EventFeed(const Context& context, store::SagaKey saga, std::int64_t after, std::shared_ptr<EventSink> sink)
      : context_(context), saga_(saga), last_(after), sink_(std::move(sink)) {}

 private:
  enum class Activity { kIdle, kBusy, kBusyAndMore };

  /// Something may be there to send.
  void poke();
  /// Sends what the journal has; on the pool, one at a time.
  void pump();
  void keep_alive();
  void written(bool client_is_there);
  void over();

  const Context& context_;
  const store::SagaKey saga_;
  std::int64_t last_;  ///< Seq of the last event sent; touched by `pump` only.

  std::mutex mutex_;  ///< Guards the rest.
  Activity activity_ = Activity::kIdle;
  bool over_ = false;
  std::shared_ptr<EventSink> sink_;
  Pool::Ticket alarm_ = 0;
  std::unique_ptr<runtime::Runtime::Subscription> subscription_;
};

/// True when nothing follows an event of this type but by an operator who reopens the saga.
[[nodiscard]] bool ends_saga(std::string_view event_type);

}  // namespace saga::api
