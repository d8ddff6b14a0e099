// People who command and signal sagas at random while things go wrong, and one who afterwards looks at everything that
// has stopped and brings it to an end. What was answered is kept: a refused command must have left nothing behind.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/clients.h"

namespace saga::sim {

class Operators {
 public:
  Operators(Setting& setting, Book& book, Reach reach);

  /// Puts what they do in the turmoil on the agenda.
  void begin();
  /// Once over all that has not ended: resumes, retries, skips, signals.
  void mend();
  /// `audit`: what the store has of operators' calls.
  void check(const std::vector<store::AuditRow>& audit) const;

 private:
  enum class Answer { kNone, kRefused, kChanged, kNothing };
  struct Deed {
    std::string saga;
    std::string actor;
    bool command = false;  ///< Not a signal.
    Answer answer = Answer::kNone;
  };

  void command_something();
  void signal_something();
  void command(const std::string& saga, core::Verb verb, const std::string& step, JsonRef output);
  void signal(const std::string& saga, const std::string& name, Json payload);
  void deliver(const std::string& saga, core::Input input, std::string actor);
  void mend(SagaRecord& saga);
  [[nodiscard]] std::string new_actor() { return "somebody" + std::to_string(deeds_.size()); }
  [[nodiscard]] SagaRecord* any_saga();

  Setting& setting_;
  Book& book_;
  Reach reach_;
  Chance chance_;
  std::vector<Deed> deeds_;
  std::map<std::string, int> mended_;  ///< How often, by saga.
};

}  // namespace saga::sim
