#include <csignal>
#include <cstdio>

#include "workers/sdk/step_server.h"

using namespace saga::workers;

StepAnswer issue(const StepCall& call, Transaction& tx) {
  const std::string customer = call.input.at("customer_id");
  if (tx.execute("UPDATE budget SET coupons = coupons - 1 WHERE coupons > 0") == 0) {
    return Refused{"no_budget", "there are no coupons left this month"};
  }
  tx.execute("INSERT INTO coupons VALUES (?, ?, 'valid')", call.saga_id, customer);
  return Done{{{"coupon", "c-" + call.saga_id}}};
}

StepAnswer withdraw(const StepCall& call, Transaction& tx) {
  tx.execute("UPDATE coupons SET status = 'withdrawn' WHERE saga = ?", call.saga_id);
  tx.execute("UPDATE budget SET coupons = coupons + 1");
  return Done{};
}

int main() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);  // Before there are threads, so that only sigwait takes it.

  const auto store = open_sqlite_store("coupons.db", R"(
    CREATE TABLE IF NOT EXISTS budget (month INTEGER PRIMARY KEY, coupons INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS coupons (saga TEXT PRIMARY KEY, customer TEXT NOT NULL, status TEXT NOT NULL);
    INSERT OR IGNORE INTO budget VALUES (1, 100))");
  if (!store) return std::fprintf(stderr, "%s\n", store.error().message.c_str()), 1;

  StepServer server(**store, {.listen = "127.0.0.1:8090"});
  server.action("POST", "/coupons", issue);
  server.compensation("POST", "/coupons/withdraw", withdraw);
  if (const auto started = server.start(); !started)
    return std::fprintf(stderr, "%s\n", started.error().message.c_str()), 1;

  int signal = 0;
  sigwait(&stop, &signal);
  server.stop();
}
