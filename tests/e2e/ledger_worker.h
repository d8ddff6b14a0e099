// A worker that writes down every call it sees, and checks on its own ledger what the orchestrator promised.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/local_server.h"

namespace saga::testing {

/// One call as it arrived.
struct LedgerEntry {
  std::string saga;
  std::string step;
  std::string phase;
  std::string outcome;  ///< Saga-Outcome; empty for actions.
  int attempt = 0;
  bool done = false;  ///< Answered 2xx.
};

/// Answers every action with 200, but `refused_step` of a saga whose id begins with "undo-" with 422; every
/// compensation with 200. Effects are remembered by key, so that a repeated call does nothing twice. Thread-safe.
class LedgerWorker {
 public:
  explicit LedgerWorker(std::string refused_step);
  [[nodiscard]] std::string url() const { return server_.url(); }
  [[nodiscard]] std::vector<LedgerEntry> entries() const;

 private:
  void take(const httplib::Request& request, httplib::Response& response);

  const std::string refused_step_;
  mutable std::mutex mutex_;
  std::vector<LedgerEntry> entries_;  ///< Guarded by mutex_.
  LocalServer server_;
};

/// What does not hold on the ledger, one sentence each, of sagas with the steps `steps` in order; empty when all does:
/// no attempt comes twice; a step begins when all before it are done; no action follows a compensation; compensations
/// come in reverse order, for every step that was done and for none that surely was not.
[[nodiscard]] std::vector<std::string> broken_promises(const std::vector<LedgerEntry>& entries,
                                                       const std::vector<std::string>& steps);

}  // namespace saga::testing
