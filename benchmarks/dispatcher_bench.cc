// What a call costs the dispatcher: a fixed number of calls is kept in flight against noop_worker, each report sending
// the next call, and the process's CPU time is divided by the calls.
//
//   dispatcher_bench --url http://127.0.0.1:PORT [--in-flight 16,128,1024,9500] [--seconds 3]

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <latch>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/sockets.h"
#include "workers/dispatcher/dispatcher.h"

namespace {

using saga::workers::Answered;
using saga::workers::CallReport;
using saga::workers::Dispatcher;
using saga::workers::WorkerCall;
using Clock = std::chrono::steady_clock;

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double resident_megabytes() {
  std::ifstream statm("/proc/self/statm");
  long all = 0, resident = 0;
  statm >> all >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / 1e6;
}

/// About what a step's call is: nine headers and 300 bytes.
WorkerCall sample_call() {
  WorkerCall call;
  call.service = "worker";
  call.method = "POST";
  call.path = "/reservations";
  call.headers = {{"Idempotency-Key", "0190b8f0-7c1e-7000-8000-2b7e151628ae/reserve_inventory/action"},
                  {"Saga-Id", "0190b8f0-7c1e-7000-8000-2b7e151628ae"},
                  {"Saga-Workflow", "order-saga/1"},
                  {"Saga-Step", "reserve_inventory"},
                  {"Saga-Phase", "action"},
                  {"Saga-Attempt", "1"},
                  {"Saga-Timeout-Ms", "30000"},
                  {"Saga-Callback-Url", "http://127.0.0.1:7070/v1/callbacks/dGhpcyBpcyBhIHRva2Vu"},
                  {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}};
  call.body = R"({"customer_id":"c-1","sku":"A-1","quantity":2,"note":")" + std::string(240, 'x') + "\"}";
  call.timeout = std::chrono::seconds(30);
  return call;
}

struct Load {
  Dispatcher& dispatcher;
  const WorkerCall call = sample_call();
  Clock::time_point measure_from;
  Clock::time_point until;
  std::latch ended;
  // Only the dispatcher thread writes what follows until `ended`.
  std::uint64_t calls = 0;
  std::uint64_t failures = 0;
  std::vector<std::uint32_t> micros{};
  double cpu_from = 0;

  void send() {
    dispatcher.send(call, [this](const CallReport& report) { finished(report); });
  }

  void finished(const CallReport& report) {
    const auto now = Clock::now();
    if (now >= measure_from) {
      if (calls++ == 0) cpu_from = cpu_seconds();
      if (!std::holds_alternative<Answered>(report.outcome)) ++failures;
      micros.push_back(static_cast<std::uint32_t>(report.duration.count()));
    }
    now < until ? send() : ended.count_down();
  }
};

void measure(Dispatcher& dispatcher, std::ptrdiff_t in_flight, std::chrono::seconds length) {
  const auto from = Clock::now() + std::chrono::seconds(1);
  Load load{.dispatcher = dispatcher, .measure_from = from, .until = from + length, .ended = std::latch(in_flight)};
  for (std::ptrdiff_t i = 0; i < in_flight; ++i) load.send();
  load.ended.wait();
  const double cpu = cpu_seconds() - load.cpu_from;
  const double seconds = std::chrono::duration<double>(Clock::now() - from).count();
  std::ranges::sort(load.micros);
  const auto percentile = [&](double p) {
    return load.micros.empty()
               ? 0.0
               : load.micros[static_cast<std::size_t>(p * static_cast<double>(load.micros.size() - 1))] / 1e3;
  };
  fmt::print("{:>9} {:>10.0f} {:>11.1f} {:>9.2f} {:>9.2f} {:>8.0f} {:>9}\n", in_flight,
             static_cast<double>(load.calls) / seconds, cpu * 1e6 / static_cast<double>(load.calls), percentile(0.5),
             percentile(0.99), resident_megabytes(), load.failures);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What a call costs the dispatcher"};
  std::string url;
  std::vector<std::ptrdiff_t> in_flight = {16, 128, 1'024, 9'500};
  int seconds = 3;
  app.add_option("--url", url, "Where noop_worker listens")->required();
  app.add_option("--in-flight", in_flight, "Calls in flight, one run each")->delimiter(',')->check(CLI::PositiveNumber);
  app.add_option("--seconds", seconds, "Length of a run")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);

  saga::bench::raise_file_limit();

  fmt::print("in flight    calls/s CPU us/call    p50 ms    p99 ms   RSS MB  failures\n");
  for (const std::ptrdiff_t count : in_flight) {
    saga::workers::Service worker;
    worker.urls = {url};
    worker.max_in_flight = static_cast<std::size_t>(count);
    auto dispatcher = saga::workers::make_http_dispatcher({{"worker", worker}}, {});
    if (!dispatcher) {
      fmt::print(stderr, "dispatcher_bench: {}\n", dispatcher.error().message);
      return 2;
    }
    measure(**dispatcher, count, std::chrono::seconds(seconds));
  }
}
