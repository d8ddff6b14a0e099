// Who called for what: written before they are answered, read by GET /v1/audit.
#pragma once

#include <mutex>
#include <string>

#include "engine/api/context.h"

namespace saga::api {

/// What every entry begins with.
[[nodiscard]] store::AuditEntry audit_of(const Caller& caller, std::string_view verb, Timestamp at);

/// Writes `entry`, then gives `response` to `answer`, on the store thread; 503 where it cannot be written. While the
/// store is not writable there is nothing to be changed either: the answer is then given without.
void audit_then_answer(const Context& context, store::AuditEntry entry, Response response, Answer answer);

/// How many callers who are not let in are still written down this minute: strangers shall not fill the disk.
class StrangerAllowance {
 public:
  static constexpr int kPerMinute = 60;

  [[nodiscard]] bool take(Timestamp now);

 private:
  std::mutex mutex_;
  Timestamp minute_;  ///< Guarded by `mutex_`, as what is left of it.
  int left_ = 0;
};

}  // namespace saga::api
