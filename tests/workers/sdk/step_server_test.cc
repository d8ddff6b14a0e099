#include "workers/sdk/step_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <mutex>
#include <stdexcept>

#include "tests/support/temp_folder.h"
#include "tests/workers/sdk/calls.h"

namespace saga::workers {
namespace {

using ::testing::HasSubstr;

/// A connection by hand, for what a client library would not send.
class RawConnection {
 public:
  explicit RawConnection(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("no connection");
  }
  ~RawConnection() { ::close(socket_); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  void send(const std::string& text) const {
    ASSERT_EQ(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }

  /// What came until `until` is in it, or the other side closed.
  std::string receive(const std::string& until) {
    char piece[4096];
    while (got_.find(until) == std::string::npos) {
      const ssize_t count = ::recv(socket_, piece, sizeof piece, 0);
      if (count <= 0) break;
      got_.append(piece, static_cast<std::size_t>(count));
    }
    return std::exchange(got_, {});
  }

 private:
  int socket_;
  std::string got_;
};

/// A handler that a test may replace while the server runs.
class Replaceable {
 public:
  explicit Replaceable(StepHandler handler) : handler_(std::move(handler)) {}
  Replaceable& operator=(StepHandler handler) {
    const std::lock_guard lock(mutex_);
    handler_ = std::move(handler);
    return *this;
  }
  [[nodiscard]] StepHandler now() const {
    const std::lock_guard lock(mutex_);
    return handler_;
  }

 private:
  mutable std::mutex mutex_;
  StepHandler handler_;
};

class StepServerTest : public ::testing::Test {
 protected:
  StepServerTest() {
    server_.action("POST", "/things", [this](const StepCall& call, Transaction& tx) { return act_.now()(call, tx); });
    server_.compensation("DELETE", "/things/:id",
                         [this](const StepCall& call, Transaction& tx) { return undo_.now()(call, tx); });
    server_.endpoint("GET", "/state", [](const PlainCall& call, Transaction& tx) -> Json {
      if (call.query.contains("fail")) throw std::runtime_error("asked to");
      return tx.query_json("SELECT what FROM effects ORDER BY rowid");
    });
    server_.endpoint("POST", "/echo/:what", [](const PlainCall& call, Transaction&) {
      return Json{{"what", call.path_parameters.at("what")}, {"body", call.body}};
    });
    const auto started = server_.start();
    if (!started) throw std::runtime_error(started.error().message);
  }

  httplib::Client client() const {
    httplib::Client made("127.0.0.1", server_.port());
    made.set_read_timeout(30);
    made.set_keep_alive(true);
    return made;
  }

  static httplib::Headers headers(const std::string& key) { return {{"Idempotency-Key", key}}; }

  httplib::Result post(const std::string& key, const std::string& body) const {
    return client().Post("/things", headers(key), body, "application/json");
  }

  std::unique_ptr<BarrierStore> open() {
    auto opened =
        open_sqlite_store(folder_.path("worker.db"), "CREATE TABLE IF NOT EXISTS effects (what TEXT NOT NULL)");
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }

  saga::testing::TempFolder folder_;
  std::unique_ptr<BarrierStore> store_ = open();
  Replaceable act_{[](const StepCall& call, Transaction& tx) -> StepAnswer {
    tx.execute("INSERT INTO effects VALUES (?)", call.saga_id);
    return Done{call.input};
  }};
  Replaceable undo_{[](const StepCall& call, Transaction& tx) -> StepAnswer {
    tx.execute("DELETE FROM effects WHERE what = ?", call.path_parameters.at("id"));
    return Done{};
  }};
  StepServer server_{*store_, {.drain = Millis{2'000}}};
};

Json problem_of(const httplib::Result& result) {
  EXPECT_EQ(result->get_header_value("Content-Type"), "application/problem+json");
  return Json::parse(result->body);
}

TEST_F(StepServerTest, AnActionIsAnsweredOnceDoneAndUndoneByItsCompensation) {
  const auto done = post("o1/make/action", R"({"n":1})");
  ASSERT_TRUE(done);
  EXPECT_EQ(done->status, 200);
  EXPECT_EQ(done->get_header_value("Content-Type"), "application/json");
  EXPECT_EQ(done->body, R"({"n":1})");
  EXPECT_EQ(post("o1/make/action", R"({"n":2})")->body, R"({"n":1})");
  EXPECT_EQ(client().Get("/state")->body, R"([{"what":"o1"}])");
  const auto undone = client().Delete("/things/o1", headers("o1/make/compensation"));
  ASSERT_TRUE(undone);
  EXPECT_EQ(undone->status, 204);
  EXPECT_EQ(undone->body, "");
  EXPECT_EQ(client().Get("/state")->body, "[]");
  EXPECT_EQ(post("o1/make/action", "{}")->status, 409);
}

TEST_F(StepServerTest, WhoLooksOnIsToldOfEveryCallAndAnswerThoseFromMemoryIncluded) {
  std::vector<std::string> seen;  // One call at a time comes here.
  StepServerOptions options;
  options.on_call = [&](const StepCall& call) { seen.push_back("call " + call.key); };
  options.on_answer = [&](const StepCall& call, const StepAnswer& answer) {
    seen.push_back((std::holds_alternative<Done>(answer) ? "done " : "not done ") + call.idempotency_key);
  };
  StepServer server(*store_, options);
  int runs = 0;
  server.action("POST", "/things", [&](const StepCall&, Transaction&) -> StepAnswer {
    ++runs;
    if (runs == 1) return Refused{"no", "not this time"};
    return Done{};
  });
  ASSERT_TRUE(server.start());
  httplib::Client http("127.0.0.1", server.port());
  for (const int status : {422, 204, 204}) {
    EXPECT_EQ(http.Post("/things", headers("o1/make/action"), "{}", "application/json")->status, status);
  }
  EXPECT_EQ(http.Post("/things", headers("nonsense"), "{}", "application/json")->status, 400);
  server.stop();
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(seen, (std::vector<std::string>{"call o1/make", "not done o1/make/action", "call o1/make",
                                            "done o1/make/action", "call o1/make", "done o1/make/action"}));
}

TEST_F(StepServerTest, AHandlerSeesTheWholeCall) {
  std::promise<StepCall> seen;
  undo_ = [&](const StepCall& call, Transaction&) -> StepAnswer {
    seen.set_value(call);
    return Done{};
  };
  httplib::Headers all = headers("order-42/make/compensation");
  for (const auto& [name, value] : {std::pair{"Saga-Id", "order-42"},
                                    {"Saga-Workflow", "order-saga/1"},
                                    {"Saga-Step", "make"},
                                    {"Saga-Phase", "compensation"},
                                    {"Saga-Attempt", "7"},
                                    {"Saga-Outcome", "done"},
                                    {"Saga-Timeout-Ms", "2500"},
                                    {"Saga-Callback-Url", "http://o/cb"},
                                    {"traceparent", "00-a-b-01"}}) {
    all.emplace(name, value);
  }
  ASSERT_TRUE(client().Delete("/things/a%2Fb%20c?x=1%202&y", all, R"({"output":null})", "application/json"));
  const StepCall call = seen.get_future().get();
  EXPECT_EQ(call.saga_id, "order-42");
  EXPECT_EQ(call.workflow, "order-saga/1");
  EXPECT_EQ(call.step, "make");
  EXPECT_EQ(call.phase, Phase::kCompensation);
  EXPECT_EQ(call.attempt, 7);
  EXPECT_EQ(call.key, "order-42/make");
  EXPECT_EQ(call.idempotency_key, "order-42/make/compensation");
  EXPECT_EQ(call.outcome, ActionOutcome::kDone);
  EXPECT_EQ(call.timeout, Millis{2'500});
  EXPECT_EQ(call.input, (Json{{"output", nullptr}}));
  EXPECT_EQ(call.path_parameters.at("id"), "a/b c");
  EXPECT_EQ(call.query.find("x")->second, "1 2");
  EXPECT_EQ(call.traceparent, "00-a-b-01");
  EXPECT_EQ(call.callback_url, "http://o/cb");
}

TEST_F(StepServerTest, AnswersBecomeWhatTheProtocolWants) {
  act_ = [](const StepCall& call, Transaction&) -> StepAnswer {
    if (call.saga_id == "taken") return Taken{};
    if (call.saga_id == "refused") return Refused{"sold_out", "nothing left"};
    if (call.saga_id == "later") return Retry{"busy", "come back", std::chrono::seconds(3)};
    throw std::runtime_error("oh");
  };
  const auto taken = post("taken/make/action", "");
  EXPECT_EQ(taken->status, 202);
  EXPECT_EQ(taken->get_header_value("Saga-Async"), "true");
  const auto refused = post("refused/make/action", "");
  EXPECT_EQ(refused->status, 422);
  EXPECT_EQ(problem_of(refused).at("code"), "sold_out");
  EXPECT_EQ(problem_of(refused).at("detail"), "nothing left");
  EXPECT_EQ(problem_of(refused).at("retryable"), false);
  const auto later = post("later/make/action", "");
  EXPECT_EQ(later->status, 503);
  EXPECT_EQ(later->get_header_value("Retry-After"), "3");
  EXPECT_EQ(problem_of(later).at("retryable"), true);
  const auto thrown = post("thrown/make/action", "");
  EXPECT_EQ(thrown->status, 500);
  EXPECT_EQ(problem_of(thrown).at("code"), "internal_error");
}

TEST_F(StepServerTest, AKeyThatIsNotOneIsRefusedSayingWhatWasExpected) {
  for (const char* key : {"", "o1", "o1/make", "o1/make/action/", "/make/action", "o1//action", "o1/make/undo",
                          "a/b/c/action", "o 1/make/action"}) {
    const auto refused = post(key, "{}");
    ASSERT_TRUE(refused) << key;
    EXPECT_EQ(refused->status, 400) << key;
    EXPECT_THAT(problem_of(refused).at("detail"), HasSubstr("'SAGA_ID/STEP/action'")) << key;
  }
  EXPECT_EQ(post(std::string(600, 'x') + "/make/action", "{}")->status, 400);
  EXPECT_EQ(client().Post("/things", "{}", "application/json")->status, 400);
  EXPECT_EQ(client().Get("/state")->body, "[]");
}

TEST_F(StepServerTest, HeadersThatContradictTheKeyAreRefused) {
  for (const auto& [name, value] : {std::pair{"Saga-Id", "o2"},
                                    {"Saga-Step", "other"},
                                    {"Saga-Phase", "compensation"},
                                    {"Saga-Attempt", "0"},
                                    {"Saga-Timeout-Ms", "soon"}}) {
    httplib::Headers wrong = headers("o1/make/action");
    wrong.emplace(name, value);
    const auto refused = client().Post("/things", wrong, "{}", "application/json");
    EXPECT_EQ(refused->status, 400) << name;
    EXPECT_THAT(problem_of(refused).at("detail"), HasSubstr(name));
  }
  EXPECT_EQ(client().Post("/things", headers("o1/make/compensation"), "{}", "application/json")->status, 400);
}

TEST_F(StepServerTest, ABodyThatIsNotJsonIsRefused) {
  for (const char* body : {"{", "{\"a\":1,\"a\":2}", "hello", "1 2"}) {
    const auto refused = post("o1/make/action", body);
    EXPECT_EQ(refused->status, 400) << body;
    EXPECT_THAT(problem_of(refused).at("detail"), HasSubstr("expected a JSON body"));
  }
  EXPECT_EQ(post("o1/make/action", std::string((16 << 20) + 1, ' '))->status, 413);
}

TEST_F(StepServerTest, APathThatIsNotServedIsToldWhatIs) {
  const auto missing = client().Post("/thing", headers("o1/make/action"), "{}", "application/json");
  EXPECT_EQ(missing->status, 404);
  EXPECT_THAT(problem_of(missing).at("detail"), HasSubstr("POST /things, DELETE /things/:id"));
  const auto method = client().Put("/things", headers("o1/make/action"), "{}", "application/json");
  EXPECT_EQ(method->status, 405);
  EXPECT_EQ(method->get_header_value("Allow"), "POST");
}

TEST_F(StepServerTest, AnEndpointThatIsNoStepNeedsNoKey) {
  EXPECT_EQ(client().Post("/echo/x%20y", R"([1])", "application/json")->body, R"({"body":[1],"what":"x y"})");
  EXPECT_EQ(client().Post("/echo/x", "{", "application/json")->status, 400);
  const auto failed = client().Get("/state?fail=1");
  EXPECT_EQ(failed->status, 500);
  EXPECT_EQ(problem_of(failed).at("detail"), "asked to");
}

TEST_F(StepServerTest, ADeleteWithoutContentLengthHasNoBody) {
  RawConnection connection(server_.port());
  connection.send("DELETE /things/o1 HTTP/1.1\r\nHost: w\r\nIdempotency-Key: o1/make/compensation\r\n\r\n");
  EXPECT_THAT(connection.receive("\r\n\r\n"), HasSubstr("HTTP/1.1 204"));
}

TEST_F(StepServerTest, AChunkedBodyAndOneInPiecesAreRead) {
  RawConnection connection(server_.port());
  connection.send(
      "POST /things HTTP/1.1\r\nHost: w\r\nidempotency-key: o1/make/action\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n");
  EXPECT_THAT(connection.receive("[1]"), HasSubstr("HTTP/1.1 200"));
  connection.send(
      "POST /things HTTP/1.1\r\nHost: w\r\nIdempotency-Key: o2/make/action\r\nContent-Length: 3\r\nExpect: "
      "100-continue\r\n\r\n");
  EXPECT_THAT(connection.receive("100 Continue\r\n\r\n"), HasSubstr("HTTP/1.1 100"));
  connection.send("[2");
  connection.send("]");
  EXPECT_THAT(connection.receive("[2]"), HasSubstr("HTTP/1.1 200"));
}

TEST_F(StepServerTest, RequestsSentAheadAreAnsweredInOrder) {
  RawConnection connection(server_.port());
  std::string all;
  for (int i = 0; i < 3; ++i) {
    all += "POST /things HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\nIdempotency-Key: o" + std::to_string(i) +
           "/make/action\r\n\r\n[1" + std::to_string(i) + "]";
  }
  connection.send(all + "GET /state HTTP/1.1\r\nHost: w\r\n\r\n");
  const std::string got = connection.receive("}]");
  EXPECT_LT(got.find("[10]"), got.find("[11]"));
  EXPECT_LT(got.find("[11]"), got.find("[12]"));
  EXPECT_THAT(got, HasSubstr(R"([{"what":"o0"},{"what":"o1"},{"what":"o2"}])"));
}

TEST_F(StepServerTest, AThousandRequestsGoThroughOneConnection) {
  RawConnection connection(server_.port());
  for (int i = 0; i < 1000; ++i) {
    connection.send("GET /state HTTP/1.1\r\nHost: w\r\n\r\n");
    ASSERT_THAT(connection.receive("[]"), HasSubstr("HTTP/1.1 200")) << i;
  }
}

TEST_F(StepServerTest, IdleConnectionsKeepNobodyOut) {
  std::vector<std::unique_ptr<RawConnection>> idle;
  for (int i = 0; i < 300; ++i) {
    idle.push_back(std::make_unique<RawConnection>(server_.port()));
    idle.back()->send("GET /state HTTP/1.1\r\nHost: w\r\n\r\n");
    ASSERT_THAT(idle.back()->receive("[]"), HasSubstr("HTTP/1.1 200"));
  }
  EXPECT_EQ(post("o1/make/action", "1")->status, 200);
  idle.front()->send("GET /state HTTP/1.1\r\nHost: w\r\n\r\n");
  EXPECT_THAT(idle.front()->receive("o1"), HasSubstr("HTTP/1.1 200"));
}

TEST_F(StepServerTest, StoppingLetsACallInWorkBeAnswered) {
  std::promise<void> started;
  std::promise<void> go;
  act_ = [&](const StepCall&, Transaction& tx) -> StepAnswer {
    started.set_value();
    go.get_future().wait();
    tx.execute("INSERT INTO effects VALUES ('late')");
    return Done{Json("late")};
  };
  RawConnection idle(server_.port());
  auto call = std::async(std::launch::async, [&] { return post("o1/make/action", "{}"); });
  started.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] { server_.stop(); });
  EXPECT_EQ(idle.receive("never"), "");  // Idle ones are closed at once.
  go.set_value();
  const auto answer = call.get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, R"("late")");
  EXPECT_EQ(answer->get_header_value("Connection"), "close");
  stopped.get();
  EXPECT_FALSE(client().Get("/state"));
}

TEST_F(StepServerTest, ACallerThatLeftFindsTheAnswerWhenItComesAgain) {
  std::promise<void> started;
  std::promise<void> go;
  std::atomic<int> runs{0};
  act_ = [&](const StepCall&, Transaction&) -> StepAnswer {
    ++runs;
    started.set_value();
    go.get_future().wait();
    return Done{Json("kept")};
  };
  {
    RawConnection left(server_.port());
    left.send("POST /things HTTP/1.1\r\nHost: w\r\nContent-Length: 2\r\nIdempotency-Key: o1/make/action\r\n\r\n{}");
    started.get_future().wait();
  }
  go.set_value();
  EXPECT_EQ(post("o1/make/action", "{}")->body, R"("kept")");
  EXPECT_EQ(runs, 1);
}

TEST_F(StepServerTest, ASecondServerOnThePortIsRefused) {
  StepServer second(*store_, {.listen = "127.0.0.1:" + std::to_string(server_.port())});
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(started.error().message, HasSubstr("cannot listen on 127.0.0.1:"));
}

TEST_F(StepServerTest, AnAddressThatIsNotOneIsRefused) {
  for (const char* address :
       {"", "8081", ":8081", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:99999", "no such host:1"}) {
    StepServer other(*store_, {.listen = address});
    const auto started = other.start();
    ASSERT_FALSE(started) << address;
    EXPECT_EQ(started.error().code, ErrorCode::kInvalid) << address;
  }
}

}  // namespace
}  // namespace saga::workers
