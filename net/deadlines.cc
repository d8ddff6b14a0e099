#include "net/deadlines.h"

namespace saga::net {

void Deadlines::expire_due(TimePoint now) {
  while (!entries_.empty() && entries_.begin()->first <= now) {
    Deadline& due = *entries_.begin()->second;
    entries_.erase(entries_.begin());
    due.expired_ = true;
    due.expiring_.expire();
  }
}

}  // namespace saga::net
