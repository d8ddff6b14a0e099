// The whole engine but its sockets, on one thread, for counting instructions: starts come to the API as requests, the
// runtime turns, SQLite commits, calls become the bytes of a request, the bytes of an answer are read. Equal arguments
// give equal work, so that `benchmarks/instructions` can tell one version from another on a noisy machine.
//
//   engine_steps --folder DIR [--workflow bench] [--sagas 1000] [--concurrent 64]
//
// What is counted is what happens inside `run_counted`; before it some sagas run to fill caches and memory. Prints how
// many appends shared a commit.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/api/api.h"
#include "engine/telemetry/observer.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/writer.h"
#include "workers/dispatcher/answer_reader.h"
#include "workers/dispatcher/base_url.h"
#include "workers/dispatcher/request_text.h"
#include "workflows/load.h"

namespace saga::bench {

// Functions of their own, so that callgrind can tell what each part took.

/// A request to the API on its way to the engine.
[[gnu::noinline]] void take_request(api::Api& api, api::Request request, api::Answer answer) {
  api.handle(std::move(request), std::move(answer));
}

/// The body of the API's answer.
[[gnu::noinline]] std::string make_body(api::Response& response) { return api::take_body(response); }

/// A call as the bytes that its worker is sent.
[[gnu::noinline]] std::size_t write_request(const workers::WorkerCall& call, const workers::BaseUrl& base) {
  return workers::request_text(call, base, {}).size();
}

/// An answer from the bytes that its worker sent.
[[gnu::noinline]] workers::Answered read_answer(std::string_view bytes) {
  workers::AnswerReader reader(std::size_t{1} << 20, std::size_t{16} << 10);
  const std::span<char> space = reader.space();
  SAGA_CHECK(space.size() >= bytes.size(), "room for a short answer");
  std::memcpy(space.data(), bytes.data(), bytes.size());
  SAGA_CHECK(reader.received(bytes.size()) == workers::AnswerReader::State::kComplete, "a whole answer");
  return reader.take_answer();
}

namespace {

constexpr const char* kInput =
    R"({"sku":"book","quantity":2,"amount":1200,"customer_id":"c-1","email":"ann@example.org"})";

class SetClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return {ms_.load()}; }
  void pass(Millis time) { ms_ += time.count(); }

 private:
  std::atomic<std::int64_t> ms_{1'795'435'200'000};
};

/// A worker that is as far away as one turn of the loop: it refuses "/refuse" and does all else.
class LoopDispatcher final : public workers::Dispatcher {
 public:
  void send(workers::WorkerCall call, workers::CallDone done) override {
    bytes_ += write_request(call, base_);
    open_.push_back({call.path == "/refuse", std::move(done)});
  }
  void answer_all() {
    for (Open& call : std::exchange(open_, {})) {
      call.done({read_answer(call.refused ? kRefused : kDone), std::chrono::microseconds{1'000}});
    }
  }
  [[nodiscard]] bool has_instance(const std::string&) const override { return true; }
  [[nodiscard]] workers::Admits admits(const std::string&, const std::string&) const override {
    return workers::Admits::kAll;
  }
  [[nodiscard]] std::vector<workers::ServiceStatus> services() const override { return {}; }
  [[nodiscard]] std::vector<workers::InstanceStatus> urls() const override { return {}; }
  [[nodiscard]] std::size_t in_flight() const override { return open_.size(); }

 private:
  struct Open {
    bool refused = false;
    workers::CallDone done;
  };
  static constexpr std::string_view kDone =
      "HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}";
  static constexpr std::string_view kRefused =
      "HTTP/1.1 422 X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

  const workers::BaseUrl base_ = *workers::parse_base_url("http://127.0.0.1:9000");
  std::vector<Open> open_;
  std::size_t bytes_ = 0;
};

/// SQLite's writer, as a store opens it.
std::unique_ptr<store::sqlite::Writer> open_writer(const std::string& path) {
  store::SqliteOptions options;
  options.path = path;
  SAGA_CHECK(store::make_sqlite_store(options).has_value(), "a folder for a store");  // Makes the tables.
  auto connection = store::sqlite::Connection::open(path, "", store::sqlite::OpenMode::kReadWrite);
  SAGA_CHECK(connection.has_value(), "a store that opens");
  SAGA_CHECK((*connection)
                 ->execute("PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY;"
                           "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 0;")
                 .has_value(),
             "a connection as a store has it");
  auto writer = store::sqlite::Writer::create(std::move(*connection), options.checkpoint_pages);
  SAGA_CHECK(writer.has_value(), "a writer");
  return std::move(*writer);
}

store::CommitterOptions stepped() {
  store::CommitterOptions options;
  options.own_thread = false;
  return options;
}

runtime::RuntimeOptions unthreaded() {
  runtime::RuntimeOptions options;
  options.own_threads = false;
  options.seed = 7;
  return options;
}

/// All that sagad is, but its sockets and its threads. Nothing is read from the store, so its reading half is empty.
class SocketlessEngine {
 public:
  SocketlessEngine(const std::string& folder, const std::string& workflow)
      : writer_(open_writer(folder + "/engine_steps.db")),
        body_(fmt::format(R"({{"workflow":"{}","input":{}}})", workflow, kInput)) {
    store_.observe_commits([this](const store::CommitFacts& facts) {
      ++commits_;
      appends_ += facts.appends;
      metrics_.store_committed(facts);
    });
    const auto loaded = workflows::load_workflow_files({BENCH_WORKFLOWS});
    SAGA_CHECK(loaded.has_value() && registry_.add(*loaded, clock_.now()).has_value(), "the benchmark's workflows");
    auto runtime = runtime::Runtime::create(registry_, store_, dispatcher_, clock_, &observer_, unthreaded());
    SAGA_CHECK(runtime.has_value(), "a runtime");
    runtime_ = std::move(*runtime);
    runtime_->set_public_url("http://127.0.0.1:7070");
    api_ = std::make_unique<api::Api>(
        api::Context{*runtime_, reader_, registry_, store_, dispatcher_, clock_, metrics_, log_, draining_, pool_});
  }

  void run(int sagas, int concurrent) {
    int begun = 0;
    ended_ = 0;
    while (ended_ < sagas) {
      for (; begun < sagas && begun - ended_ < concurrent; ++begun) start();
      runtime_->turn();
      while (store_.step()) {
      }
      runtime_->turn();
      dispatcher_.answer_all();
      clock_.pass(Millis{1});
    }
  }

  void reset_counts() { commits_ = appends_ = 0; }
  [[nodiscard]] double appends_a_commit() const {
    return static_cast<double>(appends_) / static_cast<double>(std::max<std::size_t>(commits_, 1));
  }

 private:
  void start() {
    api::Request request;
    request.method = "POST";
    request.path = "/v1/sagas";
    request.query = "wait=30s";
    request.headers = {{"host", "127.0.0.1:7070"}, {"content-type", "application/json"}};
    request.body = body_;
    take_request(*api_, std::move(request), [this](api::Response response) {
      SAGA_CHECK(response.status == 201, "every start to be accepted");
      SAGA_CHECK(!make_body(response).empty(), "a body");
      ++ended_;
    });
  }

  SetClock clock_;
  LoopDispatcher dispatcher_;
  std::unique_ptr<store::sqlite::Writer> writer_;
  store::MemoryBackend unread_;
  store::StoreOverMemory store_{unread_, *writer_, stepped()};
  runtime::Registry registry_{store_};
  runtime::Reader reader_{store_, registry_};
  telemetry::Metrics metrics_{"bench"};
  telemetry::Log log_{telemetry::LogFormat::kText, telemetry::LogLevel::kWarn, [](std::string_view) {}};
  telemetry::EngineObserver observer_{metrics_, log_};
  std::atomic<bool> draining_{false};
  api::Pool pool_{1};
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<api::Api> api_;
  const std::string body_;
  int ended_ = 0;
  std::size_t commits_ = 0;
  std::size_t appends_ = 0;
};

}  // namespace

[[gnu::noinline]] void run_counted(void (*run)(void*), void* with) { run(with); }

}  // namespace saga::bench

int main(int argc, char** argv) {
  CLI::App app("The engine without sockets, for counting its instructions");
  std::string folder;
  std::string workflow = "bench";
  int sagas = 1'000;
  int concurrent = 64;
  app.add_option("--folder", folder, "For the store")->required()->check(CLI::ExistingDirectory);
  app.add_option("--workflow", workflow)->capture_default_str();
  app.add_option("--sagas", sagas)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--concurrent", concurrent)->capture_default_str()->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  saga::bench::SocketlessEngine engine(folder, workflow);
  engine.run(2 * concurrent, concurrent);
  engine.reset_counts();
  auto counted = [&] { engine.run(sagas, concurrent); };
  saga::bench::run_counted([](void* what) { (*static_cast<decltype(counted)*>(what))(); }, &counted);
  fmt::print("{{\"sagas\":{},\"appends_a_commit\":{:.1f}}}\n", sagas, engine.appends_a_commit());
}
