// Those who start sagas, and what they know: which starts were accepted, which refused, and which nobody answered. They
// repeat a start until it is answered, by the same id, and some do what they should not.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/process.h"

namespace saga::sim {

/// The process that is there now, or none.
using Reach = std::function<Process*()>;

class Clients {
 public:
  Clients(Setting& setting, Book& book, Reach reach, std::vector<std::string> workflows);

  /// Puts all starts on the agenda.
  void begin();
  /// True when each has been answered for good, or gave up.
  [[nodiscard]] bool satisfied() const;
  /// What they know has to be so when everything has ended.
  void check() const;

 private:
  struct Wish {
    int number = 0;
    std::vector<runtime::StartRequest> starts;  ///< One, or a batch.
    std::vector<std::string> workflows;         ///< Of each.
    bool clashes = false;                       ///< A batch with an id that is taken by other content.
    bool is_there = false;                      ///< Its sagas were started before.
    bool unanswered = false;                    ///< Some try got no answer: it may have been accepted.
    bool accepted = false;
    bool refused = false;  ///< For good.
    bool gave_up = false;
    int created = 0;  ///< Answers that said 201.
    int tries = 0;
  };
  using WishRef = std::shared_ptr<Wish>;

  [[nodiscard]] runtime::StartRequest request(int number);
  void attempt(const WishRef& wish);
  void answered(const WishRef& wish, std::vector<bool> created);
  void refused(const WishRef& wish, const Error& error);
  void again(const WishRef& wish, Millis after);
  void misbehave(const WishRef& wish);

  Setting& setting_;
  Book& book_;
  Reach reach_;
  std::vector<std::string> workflows_;
  Chance chance_;
  std::vector<WishRef> wishes_;
};

}  // namespace saga::sim
