// Callbacks, signals, waits and child sagas through the real daemon, which is killed with -9 where it hurts.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <httplib.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "base/json.h"
#include "tests/support/local_server.h"
#include "tests/support/sagad_process.h"

namespace saga::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::chrono::seconds kPatience{30};

constexpr const char* kWorkflows = R"(
name: print
version: 1
steps:
  - { name: proof, service: shop, action: /taken, compensation: /undo }
  - { name: bind, service: shop, action: /done }
---
name: loan
version: 1
steps:
  - { name: check, service: shop, action: /done, compensation: /undo }
  - { name: approval, signal: approved }
  - { name: cooling_off, wait: 50ms }
---
name: order
version: 1
steps:
  - { name: reserve, service: shop, action: /done, compensation: /undo }
  - parallel:
      - - { name: printing, saga: print }
      - - { name: label, service: shop, action: /done, compensation: /undo }
)";

/// Takes what comes to /taken, does all else at once, and remembers who called.
class Shop {
 public:
  Shop() {
    server_.http().Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      const std::string call = request.get_header_value("Idempotency-Key");
      calls_.push_back(call);
      urls_[call] = request.get_header_value("Saga-Callback-Url");
      response.status = request.path == "/taken" ? 202 : 204;
      if (request.path == "/taken") response.set_header("Saga-Async", "true");
      changed_.notify_all();
    });
    server_.listen();
  }

  [[nodiscard]] std::string url() const { return server_.url(); }
  /// Where `call` is finished, when it has come.
  std::string await_url(const std::string& call) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return urls_.contains(call); })) << call << " never came";
    return urls_[call];
  }
  std::vector<std::string> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> calls_;
  std::map<std::string, std::string> urls_;
  LocalServer server_;
};

class Kinds : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.write("workflows.yaml", kWorkflows);
    start_sagad();
  }

  void start_sagad() {
    sagad_ = std::make_unique<SagadProcess>(std::vector<std::string>{"--store", "sqlite:" + folder_.path("saga.db"),
                                                                     "--workflows", folder_.path("workflows.yaml"),
                                                                     "--service", "shop=" + shop_.url()});
    ASSERT_TRUE(sagad_->ready()) << sagad_->child().stderr_text();
  }
  void kill_and_start() {
    sagad_->child().kill(SIGKILL);
    sagad_->child().wait();
    start_sagad();
  }

  struct Reply {
    int status = 0;
    Json json;
  };
  Reply post(const std::string& path, const Json& body) {
    httplib::Client http("127.0.0.1", sagad_->port());
    http.set_read_timeout(60);
    const auto answer = http.Post(path, body.is_null() ? "" : dump_json(body), "application/json");
    if (!answer) return {};
    const auto json = parse_json(answer->body);
    return {answer->status, json ? *json : Json()};
  }
  Json saga(const std::string& id, const std::string& query = "") {
    httplib::Client http("127.0.0.1", sagad_->port());
    http.set_read_timeout(60);
    const auto answer = http.Get("/v1/sagas/" + id + query);
    const auto json = answer ? parse_json(answer->body) : parse_json("null");
    return json ? *json : Json();
  }
  std::string end_of(const std::string& id) { return saga(id, "?wait=30s").value("status", ""); }
  /// Once `step` of the saga is `status`.
  void await_step(const std::string& id, std::size_t step, const std::string& status) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    std::string now;
    while (std::chrono::steady_clock::now() < until) {
      const Json shown = saga(id);
      now = shown.contains("steps") ? shown["steps"][step].value("status", "") : "";
      if (now == status) return;
      std::this_thread::yield();
    }
    FAIL() << "step " << step << " of " << id << " is " << now << ", not " << status;
  }
  void begin(const std::string& workflow, const std::string& id) {
    ASSERT_EQ(post("/v1/sagas", {{"workflow", workflow}, {"id", id}}).status, 201);
  }
  /// The path of a callback URL: after a restart the port is another one.
  static std::string path_of(const std::string& url) { return url.substr(url.find("/v1/")); }
  static Json succeeded() { return {{"status", "succeeded"}, {"output", {{"pages", 7}}}}; }

  TempFolder folder_;
  Shop shop_;
  std::unique_ptr<SagadProcess> sagad_;
};

TEST_F(Kinds, ACallbackFinishesACall) {
  begin("print", "p1");
  const std::string url = shop_.await_url("p1/proof/action");
  EXPECT_THAT(url, StartsWith(sagad_->url() + "/v1/callbacks/p1/proof/action/1/"));
  EXPECT_EQ(post(path_of(url), succeeded()).status, 204);
  EXPECT_EQ(end_of("p1"), "completed");
  EXPECT_EQ(post(path_of(url), succeeded()).status, 410);
  EXPECT_EQ(saga("p1")["steps"][0]["output"], (Json{{"pages", 7}}));
  EXPECT_THAT(shop_.calls(), ElementsAre("p1/proof/action", "p1/bind/action"));
}

TEST_F(Kinds, ADurable202IsNotCalledAgainAfterAKillAndItsCallbackStillCounts) {
  begin("print", "p1");
  const std::string url = shop_.await_url("p1/proof/action");
  await_step("p1", 0, "waiting");
  kill_and_start();
  EXPECT_EQ(post(path_of(url), succeeded()).status, 204);
  EXPECT_EQ(end_of("p1"), "completed");
  EXPECT_THAT(shop_.calls(), ElementsAre("p1/proof/action", "p1/bind/action"));
}

TEST_F(Kinds, ACallbackThatWasAnswered204OutlivesAKillRightAfterIt) {
  for (int i = 0; i < 10; ++i) {
    const std::string id = "p" + std::to_string(i);
    begin("print", id);
    const std::string url = shop_.await_url(id + "/proof/action");
    await_step(id, 0, "waiting");
    EXPECT_EQ(post(path_of(url), succeeded()).status, 204);
    kill_and_start();
    EXPECT_EQ(end_of(id), "completed");
    EXPECT_EQ(post(path_of(url), succeeded()).status, 410);
  }
}

TEST_F(Kinds, ACancelAndACallbackMeet) {
  begin("print", "p1");
  const std::string url = shop_.await_url("p1/proof/action");
  await_step("p1", 0, "waiting");
  EXPECT_EQ(post("/v1/sagas/p1/cancel", {{"reason", "not wanted"}}).status, 200);
  EXPECT_EQ(post(path_of(url), succeeded()).status, 410);
  EXPECT_EQ(end_of("p1"), "compensated");
  EXPECT_THAT(shop_.calls(), ElementsAre("p1/proof/action", "p1/proof/compensation"));
}

TEST_F(Kinds, NothingOfATokenIsToldToAnybody) {
  begin("print", "p1");
  const std::string url = shop_.await_url("p1/proof/action");
  const std::string token = url.substr(url.rfind('/') + 1);
  await_step("p1", 0, "waiting");
  EXPECT_EQ(post(path_of(url), succeeded()).status, 204);
  EXPECT_EQ(end_of("p1"), "completed");
  httplib::Client http("127.0.0.1", sagad_->port());
  for (const char* path : {"/v1/sagas/p1", "/v1/sagas/p1/events", "/metrics", "/v1/stats"}) {
    const auto answer = http.Get(path);
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->body.find(token), std::string::npos) << path;
  }
  sagad_->child().kill(SIGTERM);
  sagad_->child().wait();
  EXPECT_EQ(sagad_->child().stderr_text().find(token), std::string::npos);
}

TEST_F(Kinds, ASignalGoesThroughAKill) {
  begin("loan", "l1");
  EXPECT_EQ(post("/v1/sagas/l1/signals/approved", {{"payload", {{"by", "ann"}}}}).status, 200);
  kill_and_start();
  EXPECT_EQ(end_of("l1"), "completed");
  EXPECT_EQ(saga("l1")["steps"][1]["output"], (Json{{"by", "ann"}}));
  EXPECT_EQ(post("/v1/sagas/l1/signals/approved", {{"payload", {{"by", "ann"}}}}).status, 200);
  EXPECT_EQ(post("/v1/sagas/l1/signals/approved", {{"payload", {{"by", "bob"}}}}).status, 409);
  EXPECT_EQ(post("/v1/sagas/l1/signals/denied", nullptr).status, 422);
}

TEST_F(Kinds, AChildGoesThroughKillsWithItsParent) {
  begin("order", "o1");
  const std::string url = shop_.await_url("o1~printing/proof/action");
  await_step("o1~printing", 0, "waiting");
  kill_and_start();
  EXPECT_EQ(saga("o1")["steps"][1]["child"], "o1~printing");
  EXPECT_EQ(saga("o1~printing")["parent"], (Json{{"id", "o1"}, {"step", "printing"}}));
  EXPECT_EQ(post(path_of(url), succeeded()).status, 204);
  kill_and_start();
  EXPECT_EQ(end_of("o1"), "completed");
  EXPECT_EQ(end_of("o1~printing"), "completed");
}

TEST_F(Kinds, ACancelReachesTheChild) {
  begin("order", "o1");
  static_cast<void>(shop_.await_url("o1~printing/proof/action"));
  await_step("o1~printing", 0, "waiting");
  EXPECT_EQ(post("/v1/sagas/o1/cancel", {{"reason", "not wanted"}}).status, 200);
  EXPECT_EQ(end_of("o1"), "compensated");
  EXPECT_EQ(end_of("o1~printing"), "compensated");
  EXPECT_THAT(saga("o1~printing/events").dump(), HasSubstr("its parent o1 turns back"));
}

}  // namespace
}  // namespace saga::testing
