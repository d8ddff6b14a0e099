// What the parts allow: the same calls and the same durable commits as a six-step saga, by a bare loop without an
// engine. One thread sends to the worker and reads its answers (epoll, a hand-written parser, a kept connection a
// saga), one writes rows in groups (SQLite, WAL, FULL); a call leaves only once the row before it is on disk. No rules,
// no JSON, no API, no timeouts: the sagas are begun in the process itself.
//
//   floor --worker http://127.0.0.1:9000 --db FILE --concurrent 128 --seconds 5 [--steps 6]
//
// Prints one JSON object, as saga_load does.

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/check.h"
#include "benchmarks/http_answer.h"
#include "benchmarks/latencies.h"
#include "benchmarks/sockets.h"

namespace {

using saga::bench::Address;
using saga::bench::address_of;
using saga::bench::connect_to;
using SteadyClock = std::chrono::steady_clock;

/// About what the engine writes a step.
constexpr std::string_view kRow =
    R"({"step":"reserve","attempt":1,"http_status":200,"output":{"ok":true},"duration_ms":1,"next":{"step":"pay","attempt":1,"phase":"action","key":"bench-00000000000000000000000000/pay/action"}})";

void must(int code, sqlite3* db) {
  if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return;
  std::fprintf(stderr, "floor: %s\n", sqlite3_errmsg(db));
  std::exit(1);
}

/// Rows that wait together share one commit; who waits is told through a descriptor.
class Journal {
 public:
  explicit Journal(const std::string& path) : told_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    must(sqlite3_open(path.c_str(), &db_), db_);
    for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA wal_autocheckpoint=4000",
                            "CREATE TABLE events(n INTEGER PRIMARY KEY, saga INTEGER, seq INTEGER, at INTEGER, "
                            "type TEXT, data TEXT)"}) {
      must(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr), db_);
    }
    must(sqlite3_prepare_v2(db_, "INSERT INTO events(saga, seq, at, type, data) VALUES(?, ?, ?, 'step_completed', ?)",
                            -1, &insert_, nullptr),
         db_);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~Journal() {
    thread_.request_stop();
    thread_.join();
    sqlite3_finalize(insert_);
    sqlite3_close(db_);
    ::close(told_);
  }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void write(std::size_t saga, int seq) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back({saga, seq});
    }
    wake_.notify_one();
  }

  [[nodiscard]] int told() const { return told_; }  ///< Readable when `take_durable` has something.
  std::vector<std::size_t> take_durable() {
    std::uint64_t count = 0;
    static_cast<void>(::read(told_, &count, sizeof(count)));
    const std::lock_guard lock(mutex_);
    return std::exchange(durable_, {});
  }

 private:
  struct Row {
    std::size_t saga;
    int seq;
  };

  void run(const std::stop_token& stop) {
    std::vector<Row> batch;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        if (!wake_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
        batch.swap(waiting_);
      }
      must(sqlite3_exec(db_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), db_);
      for (const Row& row : batch) {
        sqlite3_bind_int64(insert_, 1, static_cast<sqlite3_int64>(row.saga));
        sqlite3_bind_int(insert_, 2, row.seq);
        sqlite3_bind_int64(insert_, 3, SteadyClock::now().time_since_epoch().count());
        sqlite3_bind_text(insert_, 4, kRow.data(), static_cast<int>(kRow.size()), SQLITE_STATIC);
        must(sqlite3_step(insert_), db_);
        sqlite3_reset(insert_);
      }
      must(sqlite3_exec(db_, "COMMIT", nullptr, nullptr, nullptr), db_);
      {
        const std::lock_guard lock(mutex_);
        for (const Row& row : batch) durable_.push_back(row.saga);
      }
      const std::uint64_t one = 1;
      static_cast<void>(::write(told_, &one, sizeof(one)));
      batch.clear();
    }
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  const int told_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Row> waiting_;          ///< Guarded by `mutex_`, as the next.
  std::vector<std::size_t> durable_;  ///< The saga of each row.
  std::jthread thread_;
};

struct Saga {
  int fd = -1;
  std::string in;
  std::uint64_t number = 0;
  int done = 0;  ///< Steps whose answer has come.
  SteadyClock::time_point begun;
};

class Floor {
 public:
  Floor(const std::string& worker, const std::string& db, int concurrent, int steps, double seconds)
      : worker_(address_of(worker)),
        steps_(steps),
        seconds_(seconds),
        journal_(db),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    watch(journal_.told(), kJournal);
    sagas_.resize(static_cast<std::size_t>(concurrent));
    for (std::size_t i = 0; i < sagas_.size(); ++i) {
      sagas_[i].fd = connect_to(worker_);
      watch(sagas_[i].fd, i);
    }
  }

  void run() {
    const auto begin = SteadyClock::now();
    end_ = begin + std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(seconds_));
    for (std::size_t i = 0; i < sagas_.size(); ++i) start(i);
    std::vector<epoll_event> events(1'024);
    while (in_flight_ > 0) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 60'000);
      SAGA_CHECK(count > 0, "a worker and a disk that answer within a minute");
      for (int i = 0; i < count; ++i) {
        const std::uint64_t what = events[static_cast<std::size_t>(i)].data.u64;
        if (what != kJournal) {
          read(what);
        } else {
          for (const std::size_t saga : journal_.take_durable()) go_on(saga);
        }
      }
    }
    const double took = std::chrono::duration<double>(SteadyClock::now() - begin).count();
    fmt::print("{{\"concurrent\":{},{},\"bad\":0}}\n", sagas_.size(), latencies_.summary(took));
  }

 private:
  static constexpr std::uint64_t kJournal = ~std::uint64_t{0};

  void watch(int fd, std::uint64_t what) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = what;
    SAGA_CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "a descriptor that can be watched");
  }

  void start(std::size_t i) {
    if (SteadyClock::now() >= end_) return;
    Saga& saga = sagas_[i];
    saga.number = ++started_;
    saga.done = 0;
    saga.begun = SteadyClock::now();
    ++in_flight_;
    journal_.write(i, 0);
  }

  /// The row of its last step is on disk.
  void go_on(std::size_t i) {
    Saga& saga = sagas_[i];
    if (saga.done < steps_) return call(saga);
    latencies_.add(SteadyClock::now() - saga.begun);
    --in_flight_;
    start(i);
  }

  /// The request that the engine would send, header for header.
  void call(Saga& saga) {
    constexpr std::string_view kBody =
        R"({"sku":"book","quantity":2,"amount":1200,"customer_id":"c-1","email":"ann@example.org"})";
    const std::string request = fmt::format(
        "POST /step{0} HTTP/1.1\r\nHost: {1}:{2}\r\nIdempotency-Key: bench-{3:026}/step{0}/action\r\n"
        "Saga-Id: bench-{3:026}\r\nSaga-Workflow: bench/1\r\nSaga-Step: step{0}\r\nSaga-Phase: action\r\n"
        "Saga-Attempt: 1\r\nSaga-Timeout-Ms: 5000\r\n"
        "traceparent: 00-{3:032x}-{3:016x}-01\r\nContent-Type: application/json\r\nContent-Length: {4}\r\n\r\n{5}",
        saga.done, worker_.host, worker_.port, saga.number, kBody.size(), kBody);
    SAGA_CHECK(send(saga.fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()),
               "a worker that takes a request at once");
  }

  void read(std::size_t i) {
    Saga& saga = sagas_[i];
    char buffer[16384];
    const ssize_t n = recv(saga.fd, buffer, sizeof(buffer), 0);
    SAGA_CHECK(n > 0, "a worker that stays");
    saga.in.append(buffer, static_cast<std::size_t>(n));
    const auto answer = saga::bench::front_answer(saga.in);
    if (!answer) return;
    SAGA_CHECK(answer->status == 200, "a worker that does as told");
    saga.in.erase(0, answer->size);
    journal_.write(i, ++saga.done);
  }

  const Address worker_;
  const int steps_;
  const double seconds_;
  Journal journal_;
  const int epoll_;
  std::vector<Saga> sagas_;
  std::uint64_t started_ = 0;
  std::size_t in_flight_ = 0;
  SteadyClock::time_point end_;
  saga::bench::Latencies latencies_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The calls and commits of a saga by a bare loop: what an engine could reach at most");
  std::string worker;
  std::string db;
  int concurrent = 128;
  int steps = 6;
  double seconds = 5;
  app.add_option("--worker", worker, "http://ADDRESS:PORT")->required();
  app.add_option("--db", db, "A SQLite file that does not exist")->required()->check(CLI::NonexistentPath);
  app.add_option("--concurrent", concurrent)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--steps", steps)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--seconds", seconds)->capture_default_str()->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  saga::bench::raise_file_limit();
  Floor(worker, db, concurrent, steps, seconds).run();
}
