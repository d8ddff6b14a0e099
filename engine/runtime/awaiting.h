// The calls that wait for an instance to take them: their service has none, or every breaker is open. Decides who of
// them goes when: one where a breaker lets a single call through, and in growing batches once it has closed, so that
// ten thousand that waited neither wake for every probe nor fall upon a worker that has only just come back. Engine
// thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "engine/core/decide.h"
#include "store/store.h"
#include "workers/dispatcher/dispatcher.h"

namespace saga::runtime {

class AwaitedCalls {
 public:
  /// What is waited for: a service, or the URL of steps that name one.
  struct Where {
    std::string service;
    std::string url;

    auto operator<=>(const Where&) const = default;
  };
  struct Call {
    store::SagaKey saga = 0;
    core::AwaitService what;
    std::uint64_t ticket = 0;
  };

  /// `kind`: calls of one kind go to the same endpoint. The kinds take turns, so that an endpoint that always fails
  /// does not take every probe of its instance. Returns the call's ticket; no two are equal, and none is 0.
  std::uint64_t add(Where where, std::string kind, store::SagaKey saga, core::AwaitService what);

  /// The calls to try now, which wait no longer then. One of which `still_waits` is false is dropped.
  [[nodiscard]] std::vector<Call> take(Timestamp now, const std::function<workers::Admits(const Where&)>& admits,
                                       const std::function<bool(const Call&)>& still_waits);

  [[nodiscard]] bool empty() const { return waiting_.empty(); }

 private:
  struct Kind {
    std::string name;
    std::deque<Call> calls;  ///< In the order they came; never empty.
  };
  struct Waiting {
    std::deque<Kind> kinds;  ///< The next to go at the front.
    std::size_t batch = 0;   ///< How many went last time, all being admitted.
    Timestamp not_before{};
  };

  static void take_from(Waiting& waiting, std::size_t most, const std::function<bool(const Call&)>& still_waits,
                        std::vector<Call>& taken);

  std::map<Where, Waiting> waiting_;
  std::uint64_t tickets_ = 0;
};

}  // namespace saga::runtime
