#include "examples/step-kinds/printer.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <vector>

namespace step_kinds {

using namespace saga::workers;

namespace {

constexpr std::chrono::milliseconds kPage{100};
constexpr std::chrono::seconds kPatience{5};

struct Job {
  std::string key;
  std::int64_t pages = 0;
  std::int64_t printed = 0;
  bool jams = false;
};

class Printer {
 public:
  Printer(StepServer& server, BarrierStore& store) : server_(server), store_(store) {}

  /// One page of every job.
  void work() {
    for (const Job& job : jobs()) {
      if (job.printed < job.pages) {
        print_page(job);
      } else {
        finish(job);
      }
    }
  }

 private:
  std::unique_ptr<BarrierTransaction> begin() {
    auto begun = store_.begin(std::chrono::steady_clock::now() + kPatience);
    if (!begun) throw SqlError(begun.error().message, true);
    return std::move(*begun);
  }

  std::vector<Job> jobs() {
    std::vector<Job> jobs;
    for (const Row& row : begin()->query("SELECT key, pages, printed, jams FROM prints WHERE status = 'waiting'"))
      jobs.push_back({row.text(0), row.integer(1), row.integer(2), row.integer(3) != 0});
    return jobs;
  }

  void print_page(const Job& job) {
    const auto tx = begin();
    tx->execute("UPDATE prints SET printed = printed + 1 WHERE key = ?", job.key);
    tx->commit();
    // Not heard, or nobody waits any more: no reason to stop, the compensation will say so.
    static_cast<void>(server_.heartbeat(job.key, Phase::kAction));
  }

  void finish(const Job& job) {
    const auto finished = server_.finish(job.key, Phase::kAction, [&job](Transaction& tx) -> StepAnswer {
      if (job.jams) return Refused{"paper_jam", "the last page is stuck in the printer"};
      tx.execute("UPDATE prints SET status = 'printed' WHERE key = ?", job.key);
      return Done{{{"pages", job.pages}}};
    });
    // After a kill it may have been told already.
    const bool over = finished || finished.error().code == saga::ErrorCode::kNotFound;
    if (job.jams && over) jam(job);
  }

  /// Nothing of the transaction of what is refused is kept.
  void jam(const Job& job) {
    const auto tx = begin();
    // Called again meanwhile, it waits to be printed anew.
    tx->execute("UPDATE prints SET status = 'jammed' WHERE key = ? AND status = 'waiting' AND printed = pages",
                job.key);
    tx->commit();
  }

  StepServer& server_;
  BarrierStore& store_;
};

}  // namespace

void queue_print(Transaction& tx, const StepCall& call, std::int64_t pages, bool jams) {
  tx.execute("INSERT OR REPLACE INTO prints VALUES (?, ?, 0, ?, 'waiting')", call.key, pages, jams ? 1 : 0);
}

void drop_print(Transaction& tx, const StepCall& call) {
  tx.execute("UPDATE prints SET status = 'cancelled' WHERE key = ?", call.key);
}

void run_printer(const std::stop_token& stop, StepServer& server, const std::string& db) {
  const auto store = open_sqlite_store(db, kPrinterSchema);
  if (!store) {
    std::fprintf(stderr, "desk: the printer does not work: %s\n", store.error().message.c_str());
    return;
  }
  Printer printer(server, **store);
  std::mutex mutex;
  std::condition_variable_any stopped;
  while (!stop.stop_requested()) {
    try {
      printer.work();
    } catch (const SqlError& error) {
      std::fprintf(stderr, "desk: the printer waits: %s\n", error.what());
    }
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, kPage, [] { return false; });
  }
}

}  // namespace step_kinds
