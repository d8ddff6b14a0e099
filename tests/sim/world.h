// One simulated world: a plan, its people, its workers, its disk, and processes that come and go, on one thread. First
// things go wrong; then nothing does any more, and everything has to end.
#pragma once

#include <memory>

#include "tests/sim/definitions.h"
#include "tests/sim/operators.h"
#include "tests/sim/punctuality.h"

namespace saga::sim {

/// How a world went.
struct Report {
  std::optional<Violation> violation;
  std::vector<std::string> story;  ///< Where it was to be told.
  std::uint64_t hash = 0;
  Tally tally;
};

class World {
 public:
  World(const Plan& plan, Definitions& definitions, bool told);
  [[nodiscard]] Report run();

 private:
  void boot();
  void bury();
  void plan_deaths();
  void wait_for_drain(const std::shared_ptr<Life>& life, Timestamp until);
  void begin_calm();
  void mend_again();
  void step();
  [[nodiscard]] bool everything_ended() const;
  [[nodiscard]] bool is_over() const;
  void complain_about_the_endless();
  void check_end();

  Plan plan_;
  Setting setting_;
  std::vector<std::string> roots_;  ///< Names of the workflows that clients start.
  std::map<std::string, workflows::WorkflowRef> workflows_;
  Book book_;
  Punctuality punctuality_;
  Disk disk_;
  std::unique_ptr<Callbacks> callbacks_;
  Workers workers_;
  Network network_;
  Clients clients_;
  Operators operators_;
  Chance chance_;
  std::unique_ptr<Process> process_;
  int processes_ = 0;
  int deaths_left_ = 0;
  Millis wall_is_off_{0};
  bool doomed_ = false;  ///< The process that is there writes nothing any more.
  Timestamp calm_since_;
};

}  // namespace saga::sim
