// The workers of all services, as the protocol asks of them: recognised by its key a call is done once, a compensation
// of something never seen is remembered, an action that comes after its compensation is refused. What they did is the
// ledger.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "tests/sim/answers.h"
#include "tests/sim/book.h"
#include "tests/sim/setting.h"

namespace saga::sim {

/// How the orchestrator's API is reached from outside. An answer may never come.
class Callbacks {
 public:
  struct Callback {
    bool heartbeat = false;
    bool succeeded = false;
    Json output;
    std::string code;
    std::optional<bool> retryable;
  };
  virtual ~Callbacks() = default;
  /// `answered` is told the HTTP status; 0 where there was none.
  virtual void post(const std::string& url, const Callback& callback, std::function<void(int)> answered) = 0;
};

/// What one step of one saga has come to at its worker.
struct Deed {
  std::string saga;
  std::string step;
  bool done = false;     ///< Its effect is there.
  bool undone = false;   ///< Its compensation was done: no effect, now or later.
  bool at_work = false;  ///< Some attempt is being worked on.
  bool will_call_back = false;
  bool undoing = false;  ///< A compensation that was taken is being worked on.
  std::string url;       ///< Where to call back: of the action's newest attempt that was taken.
  std::string undo_url;  ///< The same of its compensation.
  Json output;
  std::set<int> seen;  ///< Attempts of the action that have come.
  int times_done = 0;
};

class Workers {
 public:
  using Reply = std::function<void(End)>;

  Workers(Setting& setting, Callbacks& callbacks) : setting_(setting), callbacks_(callbacks) {}

  /// A call reaches its worker. `reply` runs when it answers.
  void arrive(const std::shared_ptr<const WireCall>& call, Reply reply);

  /// By what stands before the last '/' of their keys.
  [[nodiscard]] const std::unordered_map<std::string, Deed>& ledger() const { return ledger_; }

 private:
  struct Visit;  ///< One arrival of one call.

  void act(Visit visit);
  void undo(Visit visit);
  void take(Visit visit);
  void finish_taken(const Visit& visit, bool well);
  void call_back(const std::string& url, Callbacks::Callback callback, int tries);
  void work(const Visit& visit, std::function<void()> then);
  void do_it(Deed& deed, const Visit& visit);
  void undo_it(Deed& deed);
  [[nodiscard]] bool goes_wrong(const Visit& visit, Fault fault) const;

  Setting& setting_;
  Callbacks& callbacks_;
  std::unordered_map<std::string, Deed> ledger_;
};

}  // namespace saga::sim
