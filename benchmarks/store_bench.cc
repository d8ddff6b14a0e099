// What a durable append costs. One iteration submits `range` appends, each the one event of a step (200 bytes of data)
// of another saga, and waits for their acknowledgement: they share a commit or two.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "base/check.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/support/temp_folder.h"

namespace saga::store {
namespace {

constexpr int kActiveSagas = 10'000;
constexpr Timestamp kNow{1'795'435'200'000};

double cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

/// A store with sagas under way, in a folder of its own.
class Bench {
 public:
  explicit Bench(bool sqlite) {
    if (sqlite) {
      SqliteOptions options;
      options.path = folder_.path("saga.db");
      store_ = std::move(*make_sqlite_store(options));
    } else {
      store_ = make_memory_store();
    }
    SAGA_CHECK(store_->take_over(0, "bench").has_value(), "a store to take over");
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Append start() {
    const SagaKey key = store_->reserve_key();
    Append append = step_of(key, 1);
    append.create =
        Identity{"order-" + std::to_string(key), "order-saga", 1, {{"customer", std::to_string(key % 1'000)}}, kNow, 0};
    append.head = Head{"running", false, false, {}, {}, kNow, {}, kNow};
    return append;
  }
  void start_active() {
    std::vector<Append> appends;
    for (int i = 0; i < kActiveSagas; ++i) {
      appends.push_back(start());
      sagas_.emplace_back(appends.back().saga, 1);
      if (appends.size() == 500 || i + 1 == kActiveSagas) write(std::exchange(appends, {}));
    }
  }
  /// The next step of any saga under way.
  Append next_step() {
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    auto& [key, seq] = sagas_[(random_ >> 33) % sagas_.size()];
    return step_of(key, ++seq);
  }
  static Append step_of(SagaKey key, std::int64_t seq) {
    Append append;
    append.saga = key;
    append.fence = {0, 1};
    append.first_seq = seq;
    append.events.push_back(Record{seq, kNow, "step_completed", kStepText});
    return append;
  }
  /// Submits one by one and waits for all.
  void write(std::vector<Append> appends) {
    std::mutex mutex;
    std::condition_variable settled;
    std::size_t left = appends.size();
    for (Append& append : appends) {
      const Result<void> accepted = store_->submit(std::move(append), [&](const Result<void>& result) {
        SAGA_CHECK(result.has_value(), "every append to be written");
        const std::lock_guard lock(mutex);
        if (--left == 0) settled.notify_one();
      });
      SAGA_CHECK(accepted.has_value(), "room in the queue");
    }
    std::unique_lock lock(mutex);
    settled.wait(lock, [&] { return left == 0; });
  }

 private:
  static const std::string kStepText;

  saga::testing::TempFolder folder_;  // Goes after the store in it.
  std::unique_ptr<Store> store_;
  std::vector<std::pair<SagaKey, std::int64_t>> sagas_;
  std::uint64_t random_ = 1;
};

const std::string Bench::kStepText = R"({"step":"process_payment","output":")" + std::string(160, 'x') + R"("})";

template <typename Make>
void measure(benchmark::State& state, Bench& bench, Make make) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  double cpu = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<Append> appends;
    for (std::size_t i = 0; i < batch; ++i) appends.push_back(make());
    state.ResumeTiming();
    const double before = cpu_us();
    bench.write(std::move(appends));
    cpu += cpu_us() - before;
  }
  const auto appends = static_cast<double>(state.iterations()) * static_cast<double>(batch);
  state.counters["appends/s"] = benchmark::Counter(appends, benchmark::Counter::kIsRate);
  state.counters["cpu_us/append"] = cpu / appends;
}

void steps_sqlite(benchmark::State& state) {
  Bench bench(true);
  bench.start_active();
  measure(state, bench, [&] { return bench.next_step(); });
}
void starts_sqlite(benchmark::State& state) {
  Bench bench(true);
  measure(state, bench, [&] { return bench.start(); });
}
/// The start and the end of a saga, each with its head, as two appends.
void lives_sqlite(benchmark::State& state) {
  Bench bench(true);
  std::optional<SagaKey> begun;
  measure(state, bench, [&] {
    if (!begun) {
      Append append = bench.start();
      begun = append.saga;
      return append;
    }
    Append append = Bench::step_of(*begun, 2);
    append.head = Head{"completed", true, false, {}, {}, kNow, kNow, {}};
    begun = std::nullopt;
    return append;
  });
}
void steps_memory(benchmark::State& state) {
  Bench bench(false);
  bench.start_active();
  measure(state, bench, [&] { return bench.next_step(); });
}

BENCHMARK(steps_sqlite)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(starts_sqlite)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(lives_sqlite)->Arg(100)->Arg(1000)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(steps_memory)->Arg(1)->Arg(100)->Arg(1000)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace saga::store

BENCHMARK_MAIN();
