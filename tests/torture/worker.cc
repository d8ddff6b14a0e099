// A worker to be killed: every step it is asked for it does, unless the saga's input asks for trouble there.
//
//   torture_worker --listen 127.0.0.1:PORT --db FILE
//
// It uses the SDK as any worker does: effects in the barrier's transaction (/do, /undo), effects at a gateway outside
// of it (/charge, /refund), a step that is finished later by callback (/later). What it saw and did stands in FILE,
// FILE-calls and FILE-gateway (ledger.h).
//
// `input.trouble` is an object: of "STEP" for the action, of "STEP_undo" for the compensation one of
//
//   refuse     422 always                        slow   done, but the first answer comes after its timeout
//   refuse409  409 always                        lost   done, but no answer comes in time, whatever the attempt
//   flaky      503 to the first two              late   the first waits past its timeout before anything is done
//   busy       429 to the first                  die    done, and the worker kills itself before the first answer
//   throws     the handler throws at first       die_mid   charged, and the worker kills itself before its own commit
//   gateway    charged, but 504 to the first two drop   taken, and never finished
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <thread>

#include "tests/torture/ledger.h"
#include "workers/sdk/step_server.h"

namespace saga::torture {
namespace {

using namespace saga::workers;

constexpr Millis kPastTimeout{200};  ///< How much later than its timeout a late answer comes.
constexpr Millis kLookForJobs{20};
constexpr int kManyJobs = 50;

/// What the saga's input wants to go wrong here.
std::string trouble_of(const StepCall& call) {
  const bool undo = call.phase == Phase::kCompensation;
  const Json* input = &call.input;
  if (undo && input->contains("action_input")) input = &input->at("action_input");
  if (!input->is_object() || !input->contains("trouble")) return {};
  return input->at("trouble").value(undo ? call.step + "_undo" : call.step, "");
}

void die() { ::kill(::getpid(), SIGKILL); }

/// Trouble that comes instead of the work.
std::optional<StepAnswer> instead(const StepCall& call, const std::string& trouble) {
  if (trouble == "refuse") return Refused{"refused", "asked to refuse"};
  if (trouble == "refuse409") return Refused{"out_of_stock", "asked to refuse", 409};
  if (trouble == "flaky" && call.attempt <= 2) return Retry{"flaky", "asked to fail"};
  if (trouble == "busy" && call.attempt == 1) return Retry{"busy", "asked to wait", std::nullopt, 429};
  if (trouble == "throws" && call.attempt == 1) throw std::runtime_error("asked to throw");
  return std::nullopt;
}

void note_effect(const StepCall& call, Transaction& tx) {
  const char* phase = call.phase == Phase::kAction ? "action" : "compensation";
  tx.execute("INSERT INTO effects VALUES (?, ?, ?, ?, ?)", call.saga_id, call.step, phase, call.attempt, now_ns());
}

StepAnswer act(const StepCall& call, Transaction& tx) {
  if (auto answer = instead(call, trouble_of(call))) return *answer;
  note_effect(call, tx);
  return Done{{{"did", call.step}}};
}

StepAnswer undo(const StepCall& call, Transaction& tx) {
  if (auto answer = instead(call, trouble_of(call))) return *answer;
  tx.execute("DELETE FROM jobs WHERE key = ?", call.key);
  note_effect(call, tx);
  return Done{};
}

/// The gateway takes a key once, as real ones do.
class Gateway {
 public:
  explicit Gateway(BarrierStore& ledger) : ledger_(ledger) {}

  void charge(const StepCall& call) {
    const auto tx = begin();
    tx->execute("INSERT OR IGNORE INTO charges VALUES (?, ?, ?, ?)", call.idempotency_key, call.saga_id,
                call.input.at("amount"), now_ns());
    tx->commit();
  }
  /// Whatever this saga was charged by this step, known or not.
  void refund(const StepCall& call) {
    const auto tx = begin();
    tx->execute("INSERT OR IGNORE INTO refunds SELECT key, ? FROM charges WHERE key = ?", now_ns(),
                call.key + "/action");
    tx->commit();
  }

 private:
  std::unique_ptr<BarrierTransaction> begin() {
    auto transaction = ledger_.begin(std::chrono::steady_clock::now() + std::chrono::seconds(10));
    if (!transaction) throw SqlError("the gateway: " + transaction.error().message, true);
    return std::move(*transaction);
  }

  BarrierStore& ledger_;
};

StepAnswer charge(Gateway& gateway, const StepCall& call, Transaction& tx) {
  const std::string trouble = trouble_of(call);
  if (auto answer = instead(call, trouble)) return *answer;
  gateway.charge(call);
  if (trouble == "die_mid" && call.attempt == 1) die();
  if (trouble == "gateway" && call.attempt <= 2) return Retry{"gateway_timeout", "charged, but who knows", {}, 504};
  note_effect(call, tx);
  return Done{{{"charge", call.idempotency_key}}};
}

StepAnswer refund(Gateway& gateway, const StepCall& call, Transaction& tx) {
  if (auto answer = instead(call, trouble_of(call))) return *answer;
  gateway.refund(call);
  note_effect(call, tx);
  return Done{};
}

/// To be finished after 20 to 200 ms, by this process or the next.
StepAnswer take(const StepCall& call, Transaction& tx) {
  const std::string trouble = trouble_of(call);
  if (trouble != "refuse") {  // That comes by callback.
    if (auto answer = instead(call, trouble)) return *answer;
  }
  const auto pause = 20 + static_cast<std::int64_t>(std::hash<std::string>{}(call.saga_id) % 180);
  const std::int64_t due = trouble == "drop" ? INT64_MAX : now_ns() + pause * 1'000'000;
  tx.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?)", call.key, call.saga_id, call.step, trouble, due);
  return Taken{};
}

/// Ends what was taken, when it is due.
void finish_jobs(const std::stop_token& stop, BarrierStore& store, StepServer& server) {
  while (!stop.stop_requested()) {
    std::vector<Row> due;
    if (auto tx = store.begin(std::chrono::steady_clock::now() + std::chrono::seconds(5))) {
      due = (*tx)->query("SELECT key, saga, step, trouble FROM jobs WHERE due <= ? LIMIT ?", now_ns(), kManyJobs);
    }
    for (const Row& job : due) {
      const auto finished = server.finish(job.text(0), Phase::kAction, [&](Transaction& tx) -> StepAnswer {
        if (job.text(3) == "refuse") return Refused{"refused", "asked to refuse"};
        tx.execute("INSERT INTO effects VALUES (?, ?, 'action', 0, ?)", job.text(1), job.text(2), now_ns());
        return Done{{{"did", job.text(2)}}};
      });
      const bool over =
          finished || finished.error().code == ErrorCode::kNotFound || finished.error().code == ErrorCode::kConflict;
      if (!over) continue;
      if (auto tx = store.begin(std::chrono::steady_clock::now() + std::chrono::seconds(5))) {
        (*tx)->execute("DELETE FROM jobs WHERE key = ?", job.text(0));
        (*tx)->commit();
      }
    }
    if (due.size() < kManyJobs) std::this_thread::sleep_for(kLookForJobs);
  }
}

int run(const std::string& listen, const std::string& db) {
  const auto complain = [](const Error& error) { return std::fprintf(stderr, "%s\n", error.message.c_str()), 1; };
  const auto store = open_sqlite_store(db, kEffectsSchema);
  if (!store) return complain(store.error());
  const auto money = open_sqlite_store(db + "-gateway", kGatewaySchema);
  if (!money) return complain(money.error());
  const auto file = CallFile::open(db + "-calls");
  if (!file) return complain(file.error());

  StepServerOptions options;
  options.listen = listen;
  options.on_call = [&](const StepCall& call) {
    file->came(call);
    if (call.attempt == 1 && trouble_of(call) == "late") std::this_thread::sleep_for(call.timeout + kPastTimeout);
  };
  options.on_answer = [&](const StepCall& call, const StepAnswer& answer) {
    file->answered(call, answer);
    const std::string trouble = trouble_of(call);
    if (trouble == "die" && call.attempt == 1) die();
    if (trouble == "lost" || (trouble == "slow" && call.attempt == 1))
      std::this_thread::sleep_for(call.timeout + kPastTimeout);
  };
  StepServer server(**store, options);
  Gateway gateway(**money);
  server.action("POST", "/do", act);
  server.compensation("POST", "/undo", undo);
  server.action("POST", "/later", take);
  const StepOptions outside{.effects = Effects::kOutside};
  server.action(
      "POST", "/charge", [&](const StepCall& call, Transaction& tx) { return charge(gateway, call, tx); }, outside);
  server.compensation(
      "POST", "/refund", [&](const StepCall& call, Transaction& tx) { return refund(gateway, call, tx); }, outside);
  if (const auto started = server.start(); !started) return complain(started.error());
  std::printf("ready\n");
  std::fflush(stdout);
  {
    const std::jthread jobs([&](const std::stop_token& stop) { finish_jobs(stop, **store, server); });
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    int signal = 0;
    sigwait(&signals, &signal);
  }
  server.stop();
  return 0;
}

}  // namespace
}  // namespace saga::torture

int main(int argc, char** argv) {
  sigset_t stop;  // Before there are threads, so that only the wait takes it.
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  std::string listen;
  std::string db;
  CLI::App app("A worker that keeps a ledger");
  app.add_option("--listen", listen, "HOST:PORT")->required();
  app.add_option("--db", db, "Its database")->required();
  CLI11_PARSE(app, argc, argv);
  return saga::torture::run(listen, db);
}
