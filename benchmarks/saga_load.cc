// A client that costs next to nothing: keeps N starts in flight, each over a keep-alive connection of its own, or
// begins so many a second whatever comes back, and says how many sagas a second ended and how long each took. One
// thread, epoll.
//
//   saga_load --server http://127.0.0.1:7070 --workflow bench --concurrent 128 --seconds 5 [--no-wait] [--starts N]
//             [--idle N] [--waiting N] [--start-at TIME] [--input JSON] [--rate N] [--batch N] [--expect STATUS]
//
// Closed loop: a connection sends its next start when the last is answered. With --rate an open one: starts are due
// evenly, the connections take turns, a start that finds all of them busy waits for one, and its time counts from when
// it was due. With `?wait` an answer is the saga's end, which must be --expect; with --no-wait and with --batch, which
// has so many starts in a request, it is the durable acceptance. --idle opens that many further connections first,
// which send one request each and then nothing; those of --waiting are never without a saga whose end they wait for.
// Prints one JSON object. Exit 1 when any answer was not the expected one.

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <string_view>
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

struct Options {
  std::string server = "http://127.0.0.1:7070";
  std::string workflow = "bench";
  std::string input = "{}";
  std::string start_at;
  std::string expect = "completed";
  std::string waiting_workflow;
  int concurrent = 128;
  int idle = 0;
  int waiting = 0;
  int batch = 0;  ///< Starts a request; 0: one, not as a batch.
  double seconds = 5;
  double rate = 0;  ///< Starts a second; 0: closed loop.
  std::int64_t starts = 0;
  bool no_wait = false;
};

struct Connection {
  enum class Use { kMeasured, kIdle, kWaiting };
  int fd = -1;
  Use use = Use::kMeasured;
  std::string in;
  SteadyClock::time_point sent_at;
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options), server_(address_of(options.server)) {
    const std::string body = start_of(options.workflow);
    if (options.batch == 0) {
      start_ = post(options.no_wait ? "" : "?wait=30s", body);
    } else {
      std::string all = R"({"sagas":[)" + body;
      for (int i = 1; i < options.batch; ++i) all += "," + body;
      start_ = post("/batch", all + "]}");
    }
    waiting_start_ = post("?wait=30s", start_of(options.waiting_workflow));
    probe_ = fmt::format("GET /health/live HTTP/1.1\r\nHost: {}:{}\r\n\r\n", server_.host, server_.port);
    epoll_ = epoll_create1(0);
    SAGA_CHECK(epoll_ >= 0, "an epoll instance");
  }

  int run() {
    for (int i = 0; i < options_.idle; ++i) write_all(open(Connection::Use::kIdle), probe_);
    while (idle_answered_ < options_.idle) poll();
    for (int i = 0; i < options_.waiting; ++i) write_all(open(Connection::Use::kWaiting), waiting_start_);
    for (int i = 0; i < options_.concurrent; ++i) open(Connection::Use::kMeasured);
    const auto begin = SteadyClock::now();
    end_ = begin + std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(options_.seconds));
    begin_ = begin;
    for (Connection& c : connections_) {
      if (c.use != Connection::Use::kMeasured) continue;
      if (options_.rate > 0) {
        free_.push_back(&c);
      } else {
        send_start(c);
      }
    }
    while (send_due() || in_flight_ > 0) poll();
    report(std::chrono::duration<double>(SteadyClock::now() - begin).count());
    return bad_ == 0 ? 0 : 1;
  }

 private:
  [[nodiscard]] std::string start_of(const std::string& workflow) const {
    std::string start = fmt::format(R"({{"workflow":"{}","input":{})", workflow, options_.input);
    if (!options_.start_at.empty()) start += fmt::format(R"(,"start_at":"{}")", options_.start_at);
    return start + "}";
  }

  [[nodiscard]] std::string post(std::string_view where, std::string_view body) const {
    return fmt::format(
        "POST /v1/sagas{} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        where, server_.host, server_.port, body.size(), body);
  }

  Connection& open(Connection::Use use) {
    const int fd = connect_to(server_);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = connections_.size();
    SAGA_CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "a descriptor that can be watched");
    return connections_.emplace_back(Connection{fd, use, {}, {}});
  }

  static void write_all(const Connection& c, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(c.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) {
        std::perror("saga_load: send");
        std::exit(1);
      }
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  /// When start number `sent_` is due.
  [[nodiscard]] SteadyClock::time_point next_due() const {
    const std::chrono::duration<double> after(static_cast<double>(sent_) / options_.rate);
    return begin_ + std::chrono::duration_cast<SteadyClock::duration>(after);
  }

  /// Of an open loop: sends what is due as far as there are free connections. False once there is nothing more to come.
  bool send_due() {
    if (options_.rate <= 0) return false;
    while (next_due() < end_) {
      if (free_.empty() || SteadyClock::now() < next_due()) return true;
      Connection& c = *free_.front();
      free_.pop_front();
      c.sent_at = next_due();
      ++sent_;
      ++in_flight_;
      write_all(c, start_);
    }
    return false;
  }

  void send_start(Connection& c) {
    const bool enough =
        options_.starts > 0 ? sent_ * std::max(options_.batch, 1) >= options_.starts : SteadyClock::now() >= end_;
    if (enough) return;
    ++sent_;
    ++in_flight_;
    c.sent_at = SteadyClock::now();
    write_all(c, start_);
  }

  void poll() {
    epoll_event events[256];
    const bool open_loop = send_due() && !free_.empty();
    const int n = epoll_wait(epoll_, events, 256, open_loop ? 1 : 60'000);
    if (n == 0 && open_loop) return;
    if (n <= 0) {
      std::fprintf(stderr, "saga_load: nothing came for a minute, %lld starts unanswered\n",
                   static_cast<long long>(in_flight_));
      std::exit(1);
    }
    for (int i = 0; i < n; ++i) read(connections_[events[i].data.u64]);
  }

  void read(Connection& c) {
    char buffer[16384];
    const ssize_t n = recv(c.fd, buffer, sizeof(buffer), 0);
    if (n <= 0) {
      std::fprintf(stderr, "saga_load: the server closed a connection\n");
      std::exit(1);
    }
    c.in.append(buffer, static_cast<std::size_t>(n));
    while (const auto answer = saga::bench::front_answer(c.in)) {
      const auto now = SteadyClock::now();
      if (!is_expected(c, *answer) && ++bad_ == 1) {
        std::fprintf(stderr, "saga_load: unexpected answer: %.*s\n", 500, c.in.c_str());
      }
      c.in.erase(0, answer->size);
      if (c.use == Connection::Use::kIdle) {
        ++idle_answered_;
        continue;
      }
      if (c.use == Connection::Use::kWaiting) {
        ++waited_for_;
        if (now < end_) write_all(c, waiting_start_);
        continue;
      }
      latencies_.add(now - c.sent_at);
      --in_flight_;
      if (options_.rate > 0) {
        free_.push_back(&c);
      } else {
        send_start(c);
      }
    }
  }

  /// What a saga has become is the first thing that its JSON calls so; its steps follow.
  [[nodiscard]] bool is_expected(const Connection& c, const saga::bench::HttpAnswer& answer) const {
    if (answer.status != 200 && answer.status != 201) return false;
    const bool waits = c.use == Connection::Use::kWaiting || (!options_.no_wait && options_.batch == 0);
    if (c.use == Connection::Use::kIdle || !waits) return true;
    constexpr std::string_view kStatus = R"("status":")";
    const std::string_view expected = c.use == Connection::Use::kWaiting ? "completed" : options_.expect;
    const std::string_view bytes(c.in.data(), answer.size);
    const auto at = bytes.find(kStatus);
    return at != std::string_view::npos && bytes.substr(at + kStatus.size()).starts_with(fmt::format("{}\"", expected));
  }

  void report(double seconds) {
    fmt::print("{{\"concurrent\":{},{},\"waited_for\":{},\"bad\":{}}}\n", options_.concurrent,
               latencies_.summary(seconds, std::max(options_.batch, 1)), waited_for_, bad_);
  }

  const Options options_;
  const Address server_;
  std::string start_;
  std::string waiting_start_;
  std::string probe_;
  int epoll_ = -1;
  std::deque<Connection> connections_;
  std::deque<Connection*> free_;  ///< Of an open loop; the one that has been free longest goes first.
  SteadyClock::time_point begin_;
  SteadyClock::time_point end_;
  std::int64_t sent_ = 0;
  std::int64_t in_flight_ = 0;
  int idle_answered_ = 0;
  std::int64_t waited_for_ = 0;
  std::int64_t bad_ = 0;
  saga::bench::Latencies latencies_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Keeps starts of a workflow in flight and measures them");
  app.add_option("--server", options.server, "http://ADDRESS:PORT")->capture_default_str();
  app.add_option("--workflow", options.workflow)->capture_default_str();
  app.add_option("--input", options.input, "JSON")->capture_default_str();
  app.add_option("--start-at", options.start_at, "RFC 3339");
  app.add_option("--concurrent", options.concurrent)->capture_default_str();
  app.add_option("--expect", options.expect, "How a saga that is waited for must end")->capture_default_str();
  app.add_option("--batch", options.batch, "Starts a request")->check(CLI::Range(1, 1'000));
  app.add_option("--idle", options.idle, "Further connections that idle")->capture_default_str();
  app.add_option("--waiting", options.waiting, "Further connections that wait for the ends of sagas");
  app.add_option("--waiting-workflow", options.waiting_workflow, "Of those sagas");
  app.add_option("--seconds", options.seconds)->capture_default_str();
  app.add_option("--starts", options.starts, "Stop after so many sagas, whatever the time");
  app.add_option("--rate", options.rate, "Starts a second, whatever comes back")->check(CLI::NonNegativeNumber);
  app.add_flag("--no-wait", options.no_wait, "An answer is the acceptance, not the end");
  CLI11_PARSE(app, argc, argv);
  saga::bench::raise_file_limit();
  return Load(options).run();
}
