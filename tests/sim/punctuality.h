// That nothing is late: what is due, by the clock of the process, happens then, and not at some scan later. Where the
// process was away or its store did not write, it is given from when they were back.
#pragma once

#include <functional>
#include <queue>
#include <vector>

#include "tests/sim/book.h"

namespace saga::sim {

class Punctuality {
 public:
  Punctuality(Setting& setting, Book& book);

  /// From now on things can be expected to happen in time; `now` by the process's clock.
  void expect_from(Timestamp now) { since_ = now; }

  /// Before time goes on beyond `now`.
  void check(Timestamp now);

 private:
  struct Due {
    Timestamp at;
    SagaRecord* saga;
    std::int64_t seq;
    bool operator>(const Due& o) const { return at != o.at ? at > o.at : saga->key > o.saga->key; }
  };

  void note(SagaRecord& saga);

  Setting& setting_;
  Timestamp since_;
  Millis tolerance_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
};

}  // namespace saga::sim
