// The API over the real runtime, a memory store and workers answered by hand; no sockets. Every answer is held against
// the API's description.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engine/api/api.h"
#include "engine/telemetry/observer.h"
#include "store/open.h"
#include "tests/engine/api/description.h"
#include "tests/support/fake_dispatcher.h"
#include "tests/support/manual_clock.h"
#include "workflows/load.h"

namespace saga::api {

inline constexpr const char* kOrderWorkflow = R"(
name: order
version: 1
input_schema:
  type: object
  required: [amount]
  properties: { amount: { type: integer, minimum: 1 } }
steps:
  - name: reserve
    service: inventory
    action: /reserve
    compensation: /release
  - name: pay
    service: payment
    action: /pay
)";

class ApiFixture : public ::testing::Test {
 protected:
  /// How long a test waits for what must come.
  static constexpr std::chrono::seconds kPatience{30};

  void SetUp() override {
    ASSERT_TRUE(registry_.load());
    const auto loaded = workflows::load_workflows(kOrderWorkflow, "order.yaml");
    ASSERT_TRUE(loaded) << workflows::format_problem(loaded.error().front());
    ASSERT_TRUE(registry_.add(*loaded, clock_.now()));
    auto runtime = runtime::Runtime::create(registry_, *store_, dispatcher_, clock_, &observer_, {});
    ASSERT_TRUE(runtime);
    runtime_ = std::move(*runtime);
    api_ = std::make_unique<Api>(
        Context{*runtime_, reader_, registry_, *store_, dispatcher_, clock_, metrics_, log_, draining_, *pool_});
    engine_ = std::jthread([this](const std::stop_token& token) { runtime_->run(token); });
  }

  void TearDown() override {
    engine_ = {};
    pool_.reset();
  }

  struct Reply {
    int status = 0;
    Headers headers;
    std::string content_type;
    std::string text;
    Json json;
    BeginStream stream;

    [[nodiscard]] std::string header(std::string_view name) const {
      for (const auto& [key, value] : headers) {
        if (key == name) return value;
      }
      return "";
    }
  };

  /// The answer when it comes.
  std::future<Reply> begin(const std::string& method, const std::string& target, std::string body = "",
                           Headers headers = {}) {
    Request request;
    request.method = method;
    const std::size_t query = target.find('?');
    request.path = target.substr(0, query);
    if (query != std::string::npos) request.query = target.substr(query + 1);
    request.headers = std::move(headers);
    request.body = std::move(body);
    auto promise = std::make_shared<std::promise<Reply>>();
    auto future = promise->get_future();
    api_->handle(request, [promise, request](Response response) {
      Reply reply;
      reply.status = response.status;
      reply.headers = response.headers;
      reply.content_type = response.content_type;
      reply.stream = response.stream;
      reply.text = take_body(response);
      for (const std::string& misfit : Description::of_server().misfits(request, response, reply.text))
        ADD_FAILURE() << request.method << " " << request.path << ": " << misfit << "\n" << reply.text;
      if (auto parsed = parse_json(reply.text)) reply.json = std::move(*parsed);
      promise->set_value(std::move(reply));
    });
    return future;
  }

  static Reply get(std::future<Reply> future) {
    if (future.wait_for(kPatience) != std::future_status::ready) {
      ADD_FAILURE() << "no answer came";
      return {};
    }
    return future.get();
  }

  Reply call(const std::string& method, const std::string& target, std::string body = "", Headers headers = {}) {
    return get(begin(method, target, std::move(body), std::move(headers)));
  }

  Reply start(const std::string& id, int amount = 5) {
    return call("POST", "/v1/sagas", Json{{"workflow", "order"}, {"id", id}, {"input", {{"amount", amount}}}}.dump());
  }

  /// The next call of a worker, when it comes.
  testing::FakeDispatcher::Sent next_call() {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
      if (auto sent = dispatcher_.take()) return std::move(*sent);
      std::this_thread::yield();
    }
    ADD_FAILURE() << "no worker was called";
    return {};
  }

  /// Every worker does at once what it is asked.
  void obliging_workers() {
    dispatcher_.answer_by([](const testing::FakeDispatcher::Sent& sent) { sent.answer(200, R"({"ok":true})"); });
  }

  std::int64_t stored_sagas() {
    std::int64_t sagas = 0;
    const auto counts = store_->count_by_status({});
    EXPECT_TRUE(counts);
    for (const auto& row : *counts) sagas += row.sagas;
    return sagas;
  }

  testing::ManualClock clock_;
  testing::FakeDispatcher dispatcher_;
  std::unique_ptr<store::Store> store_ = std::move(*store::open_store("memory"));
  runtime::Registry registry_{*store_};
  runtime::Reader reader_{*store_, registry_};
  telemetry::Metrics metrics_{"test"};
  telemetry::Log log_{telemetry::LogFormat::kText, telemetry::LogLevel::kError, [](std::string_view) {}};
  telemetry::EngineObserver observer_{metrics_, log_};
  std::atomic<bool> draining_{false};
  std::unique_ptr<Pool> pool_ = std::make_unique<Pool>(2);
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<Api> api_;
  std::jthread engine_;
};

}  // namespace saga::api
