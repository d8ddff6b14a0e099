// What a purge costs the commits beside it: how long a durable append takes while nothing else goes on, and while ended
// sagas are purged.
//
//   purge_latency FILE [SAGAS]
//
// Fills a fresh SQLite store with SAGAS (50,000) ended sagas of 15 events each, then has one writer append steps for
// five seconds without and with a purge, and prints one JSON object. The file is removed.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "engine/runtime/purger.h"
#include "store/sqlite/sqlite_store.h"

namespace {

using namespace saga;
using std::chrono::steady_clock;

constexpr Timestamp kThen{1'795'435'200'000};
constexpr Timestamp kLater{1'795'500'000'000};
constexpr std::int64_t kEvents = 15;
constexpr std::chrono::seconds kMeasured{5};
const std::string kData = R"({"step":"process_payment","output":")" + std::string(160, 'x') + R"("})";

store::Append make(store::SagaKey key, bool ended) {
  store::Append append;
  append.saga = key;
  append.fence = {0, 1};
  for (std::int64_t seq = 1; seq <= (ended ? kEvents : 1); ++seq)
    append.events.push_back({seq, kThen, "step_completed", kData});
  append.create =
      store::Identity{fmt::format("018f2c3a-1111-7000-8000-{:012x}", key), "order-saga", 1, {{"k", "v"}}, kThen, 0};
  append.head = ended ? store::Head{"completed", true, false, {}, {}, kThen, kThen, {}}
                      : store::Head{"running", false, false, {}, {}, kThen, {}, kThen};
  return append;
}

/// Waits for the disk.
void write(store::Store& store, std::vector<store::Append> appends) {
  std::promise<void> done;
  const auto accepted = store.submit_all(std::move(appends), [&done](const Result<void>& result) {
    SAGA_CHECK(result.has_value(), "every append to be written");
    done.set_value();
  });
  SAGA_CHECK(accepted.has_value(), "room in the queue");
  done.get_future().wait();
}

void fill(store::Store& store, int sagas) {
  std::vector<store::Append> appends;
  for (int i = 0; i < sagas; ++i) {
    appends.push_back(make(store.reserve_key(), true));
    if (appends.size() == 200 || i + 1 == sagas) write(store, std::exchange(appends, {}));
  }
}

/// Appends one after the other until `stop` says so; how long each took.
template <typename Stop>
std::vector<std::int64_t> append_steps(store::Store& store, store::SagaKey saga, std::int64_t& seq, Stop stop) {
  std::vector<std::int64_t> us;
  while (!stop()) {
    store::Append append;
    append.saga = saga;
    append.fence = {0, 1};
    append.first_seq = ++seq;
    append.events.push_back({seq, kThen, "step_completed", kData});
    std::vector<store::Append> one;
    one.push_back(std::move(append));
    const auto begun = steady_clock::now();
    write(store, std::move(one));
    us.push_back(std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begun).count());
  }
  std::sort(us.begin(), us.end());
  return us;
}

std::string shown(const std::vector<std::int64_t>& us) {
  return fmt::format(R"({{"appends":{},"p50_us":{},"p99_us":{},"max_us":{}}})", us.size(), us[us.size() / 2],
                     us[us.size() * 99 / 100], us.back());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: purge_latency FILE [SAGAS]\n");
    return 2;
  }
  store::SqliteOptions options;
  options.path = argv[1];
  auto opened = store::make_sqlite_store(options);
  if (!opened) {
    std::fprintf(stderr, "purge_latency: %s\n", opened.error().message.c_str());
    return 1;
  }
  store::Store& store = **opened;
  SAGA_CHECK(store.take_over(0, "bench").has_value(), "a store to take over");
  const int sagas = argc > 2 ? std::stoi(argv[2]) : 50'000;
  const store::SagaKey busy = store.reserve_key();
  std::vector<store::Append> first;
  first.push_back(make(busy, false));
  write(store, std::move(first));
  fill(store, sagas);
  const std::int64_t full = store.size_bytes();

  std::int64_t seq = 1;
  const auto until = steady_clock::now() + kMeasured;
  const auto alone = append_steps(store, busy, seq, [until] { return steady_clock::now() >= until; });

  std::atomic<bool> purging{true};
  std::size_t removed = 0;
  const auto begun = steady_clock::now();
  std::jthread purger([&] {
    store::PurgeFilter filter;
    filter.ended_before = kLater;
    const auto step = runtime::purge_for(store, filter, {}, runtime::PurgeMode::kRemove, Millis{600'000},
                                         [](Millis pause) { std::this_thread::sleep_for(pause); });
    SAGA_CHECK(step.has_value(), "a store to purge");
    removed = step->sagas;
    purging = false;
  });
  const auto beside = append_steps(store, busy, seq, [&purging] { return !purging.load(); });
  const std::chrono::duration<double> took = steady_clock::now() - begun;
  purger.join();
  const std::int64_t purged = store.size_bytes();
  fill(store, sagas);
  fmt::print(
      R"({{"alone":{},"beside_a_purge":{},"purged":{},"purge_s":{:.1f},"mb_full":{},"mb_purged":{},"mb_full_again":{}}})"
      "\n",
      shown(alone), shown(beside), removed, took.count(), full >> 20, purged >> 20, store.size_bytes() >> 20);
  opened->reset();
  for (const char* end : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(std::string(argv[1]) + end);
  return 0;
}
