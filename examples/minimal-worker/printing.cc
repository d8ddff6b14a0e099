// A worker whose step is finished later: it takes print jobs, and the printer says on stdin, "KEY PAGES" a line, which
// one is through.
#include <cstdio>
#include <iostream>

#include "workers/sdk/step_server.h"

using namespace saga::workers;

/// Whoever prints finds the job in the table, after any restart.
StepAnswer print(const StepCall& call, Transaction& tx) {
  tx.execute("INSERT INTO jobs (key, file) VALUES (?, ?)", call.key, call.input.at("file"));
  return Taken{};
}

/// The job is through: on any thread, after any restart.
saga::Result<void> printed(StepServer& server, const std::string& key, int pages) {
  return server.finish(key, Phase::kAction, [&](Transaction& tx) -> StepAnswer {
    tx.execute("UPDATE jobs SET pages = ? WHERE key = ?", pages, key);
    return Done{{{"pages", pages}}};  // Or Refused, or Retry: then nothing of this transaction is kept.
  });
}

/// Also while the job is still open: from then on it cannot be finished.
StepAnswer cancel(const StepCall& call, Transaction& tx) {
  tx.execute("DELETE FROM jobs WHERE key = ?", call.key);
  return Done{};
}

int main() {
  const auto store = open_sqlite_store(
      "printing.db", "CREATE TABLE IF NOT EXISTS jobs (key TEXT PRIMARY KEY, file TEXT, pages INTEGER)");
  if (!store) return std::fprintf(stderr, "%s\n", store.error().message.c_str()), 1;

  StepServer server(**store, {.listen = "127.0.0.1:8091"});
  server.action("POST", "/jobs", print);
  server.compensation("POST", "/jobs/cancel", cancel);
  if (const auto started = server.start(); !started)
    return std::fprintf(stderr, "%s\n", started.error().message.c_str()), 1;

  std::string key;
  int pages = 0;
  while (std::cin >> key >> pages) {
    if (const auto finished = printed(server, key, pages); !finished)
      std::fprintf(stderr, "%s\n", finished.error().message.c_str());
  }
  server.stop();
}
