// The server at the edge, over real sockets and with a handler that answers when the test says.
#include "engine/api/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/http_socket.h"

namespace saga::api {
namespace {

using ::testing::HasSubstr;
using testing::HttpSocket;
using ::testing::Not;

constexpr std::chrono::seconds kPatience{30};

/// Answers "/now…" at once with the request's own text; keeps the others for the test.
class HoldingHandler final : public Handler {
 public:
  void handle(Request request, Answer answer) override {
    if (request.path.starts_with("/now")) {
      Response response;
      response.content_type = "text/plain";
      response.body = request.method + " " + request.path + "?" + request.query + " " + request.body;
      return answer(std::move(response));
    }
    {
      const std::lock_guard lock(mutex_);
      held_.push_back(std::move(answer));
    }
    changed_.notify_all();
  }

  [[nodiscard]] std::size_t max_body(std::string_view method, std::string_view path) const override {
    return std::size_t{method == "POST" && path == "/now/many" ? 2U : 1U} << 20;
  }

  /// The oldest request that was not answered, when it has come.
  Answer next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return !held_.empty(); })) {
      ADD_FAILURE() << "no request came";
      return [](Response) {};
    }
    Answer answer = std::move(held_.front());
    held_.pop_front();
    return answer;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Answer> held_;
};

Response text(std::string body) {
  Response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

class ServerTest : public ::testing::Test {
 protected:
  void listen(ServerOptions options = {}) {
    auto listening = Server::listen(handler_, options);
    ASSERT_TRUE(listening) << listening.error().message;
    server_ = std::move(*listening);
    server_->start();
  }
  HttpSocket connect() {
    HttpSocket socket(server_->port());
    EXPECT_TRUE(socket.connected());
    return socket;
  }

  HoldingHandler handler_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, ServesSeveralRequestsOnOneConnection) {
  listen();
  HttpSocket client = connect();
  for (int i = 0; i < 3; ++i) {
    client.send("GET /now/" + std::to_string(i) + "?a=b HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto answer = client.read_answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "GET /now/" + std::to_string(i) + "?a=b ");
    EXPECT_THAT(answer.head, HasSubstr("Connection: keep-alive"));
    EXPECT_THAT(answer.head, HasSubstr("\r\nDate: "));
  }
}

TEST_F(ServerTest, AnswersPipelinedRequestsInTheirOrder) {
  listen();
  HttpSocket client = connect();
  client.send(
      "GET /held HTTP/1.1\r\nHost: x\r\n\r\nGET /now/2 HTTP/1.1\r\nHost: x\r\n\r\nPOST /now/3 HTTP/1.1\r\nHost: "
      "x\r\nContent-Length: 3\r\n\r\nabc");
  std::thread later([answer = handler_.next()] { answer(text("first")); });
  EXPECT_EQ(client.read_answer().body, "first");
  EXPECT_EQ(client.read_answer().body, "GET /now/2? ");
  EXPECT_EQ(client.read_answer().body, "POST /now/3? abc");
  later.join();
}

TEST_F(ServerTest, TakesChunkedBodiesAndOldClientsAndAbsoluteTargets) {
  listen();
  HttpSocket client = connect();
  client.send("POST /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_answer().body, "POST /now? abcde");
  client.send("GET http://x/now?q HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_answer().body, "GET /now?q ");
  client.send("GET /now HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_answer().head, HasSubstr("Connection: close"));
  EXPECT_TRUE(client.closed());
}

TEST_F(ServerTest, TakesAChunkedBodyThatComesByteByByte) {
  listen();
  for (int round = 0; round < 200; ++round) {  // Where the pieces are cut is the kernel's choice.
    HttpSocket client = connect();
    ASSERT_TRUE(client.send("POST /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
    const bool empty = round % 2 == 0;
    for (const char byte : std::string(empty ? "0\r\n\r\n" : "2\r\nab\r\n0\r\nX: y\r\n\r\n")) {
      ASSERT_TRUE(client.send(std::string_view(&byte, 1)));
    }
    EXPECT_EQ(client.read_answer().body, empty ? "POST /now? " : "POST /now? ab");
  }
}

TEST_F(ServerTest, HeadHasTheLengthAndNoBody) {
  listen();
  HttpSocket client = connect();
  client.send("HEAD /now HTTP/1.1\r\nHost: x\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_answer(true).head, HasSubstr("Content-Length: 10"));
  EXPECT_EQ(client.read_answer().body, "GET /now? ");
}

TEST_F(ServerTest, AsksForTheBodyOfWhoExpectsToBeAsked) {
  listen();
  HttpSocket client = connect();
  client.send("POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  EXPECT_EQ(client.read_answer().body, "POST /now? abc");
}

TEST_F(ServerTest, ATooLargeBodyIs413BeforeItIsRead) {
  listen();
  HttpSocket announced = connect();
  announced.send("POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n");
  const auto answer = announced.read_answer();
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.head, HasSubstr("application/problem+json"));
  EXPECT_TRUE(announced.closed());

  HttpSocket sent = connect();
  sent.send("POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n" + std::string(2 << 20, 'x'));
  EXPECT_EQ(sent.read_answer().status, 413) << "a client that sends it all still reads the answer";

  HttpSocket chunked = connect();
  chunked.send("POST /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" +
               std::string(0x200000, 'x'));
  EXPECT_EQ(chunked.read_answer().status, 413);

  HttpSocket fits = connect();
  fits.send("POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n" + std::string(1 << 20, 'x'));
  EXPECT_EQ(fits.read_answer().status, 200);
}

TEST_F(ServerTest, HowLargeABodyMayBeDependsOnWhatItIsFor) {
  listen();
  const auto post = [&](const std::string& target, std::size_t size) {
    HttpSocket client = connect();
    client.send("POST " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
                std::string(size, 'x'));
    return client.read_answer();
  };
  EXPECT_EQ(post("/now/many?a=b", 2 << 20).status, 200);
  EXPECT_EQ(post("/now/few", 2 << 20).status, 413);
  const auto answer = post("/now/many", (2 << 20) + 1);
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, HasSubstr("at most 2 MiB"));
}

TEST_F(ServerTest, ATooLargeHeaderIs431AndNonsenseIs400) {
  listen();
  HttpSocket large = connect();
  large.send("GET /now HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(large.read_answer().status, 431);
  for (const char* nonsense : {"\r\n\r\n\r\n\r\nnonsense\r\n\r\n", "GET /now HTTP/9.1\r\n\r\n", "GET\r\n\r\n",
                               "POST /now HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                               "POST /now HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    HttpSocket client = connect();
    client.send(nonsense);
    EXPECT_EQ(client.read_answer().status, 400) << nonsense;
    EXPECT_TRUE(client.closed());
  }
}

TEST_F(ServerTest, ASlowRequestIsGivenUp) {
  ServerOptions options;
  options.header_time = std::chrono::seconds{1};
  options.body_time = std::chrono::seconds{1};
  listen(options);
  HttpSocket header = connect();
  header.send("GET /now HT");
  EXPECT_TRUE(header.closed());
  HttpSocket body = connect();
  body.send("POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(body.closed());
}

TEST_F(ServerTest, AnIdleConnectionIsClosedWithoutAWord) {
  ServerOptions options;
  options.idle = std::chrono::seconds{1};
  listen(options);
  HttpSocket client = connect();
  EXPECT_TRUE(client.closed());
}

TEST_F(ServerTest, AClientThatLeavesBeforeItsAnswerHurtsNobody) {
  listen();
  std::vector<Answer> answers;
  for (int i = 0; i < 20; ++i) {
    HttpSocket client = connect();
    client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    answers.push_back(handler_.next());
  }
  for (const Answer& answer : answers) answer(text(std::string(100'000, 'x')));
  HttpSocket client = connect();
  client.send("GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST_F(ServerTest, AClientThatLeavesWhileItWaitsMakesRoomForAnother) {
  ServerOptions options;
  options.max_connections = 2;
  options.look_after = std::chrono::milliseconds{10};
  for (const bool with_reset : {false, true}) {
    listen(options);  // Anew: the last client of the round before may not have been missed yet.
    std::vector<Answer> never;
    for (int i = 0; i < 2; ++i) {
      HttpSocket client = connect();
      client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
      never.push_back(handler_.next());
      if (with_reset) client.reset();
    }
    const auto until = std::chrono::steady_clock::now() + kPatience;
    int status = 0;
    while (status != 200 && std::chrono::steady_clock::now() < until) {
      HttpSocket other = connect();
      other.send("GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
      status = other.read_answer().status;
    }
    EXPECT_EQ(status, 200);
    for (const Answer& answer : never) answer(text("to nobody"));
  }
}

TEST_F(ServerTest, AClientThatWaitsLongIsStillAnswered) {
  ServerOptions options;
  options.look_after = std::chrono::milliseconds{1};
  listen(options);
  HttpSocket client = connect();
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n");
  const Answer answer = handler_.next();
  HttpSocket other = connect();
  for (int i = 0; i < 200; ++i) {  // Meanwhile it is looked after many times.
    other.send("GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_EQ(other.read_answer().status, 200);
  }
  answer(text("at last"));
  EXPECT_EQ(client.read_answer().body, "at last");
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST_F(ServerTest, AThousandIdleClientsShutNobodyOut) {
  listen();
  std::vector<HttpSocket> idle;
  for (int i = 0; i < 1'000; ++i) {
    idle.push_back(connect());
    if (i % 2 == 0) {
      idle.back().send("GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
      ASSERT_EQ(idle.back().read_answer().status, 200);
    }
  }
  const auto begun = std::chrono::steady_clock::now();
  HttpSocket client = connect();
  for (int i = 0; i < 100; ++i) {
    client.send("POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    ASSERT_EQ(client.read_answer().status, 200);
  }
  const auto took = std::chrono::steady_clock::now() - begun;
  RecordProperty("microseconds_a_request",
                 static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(took).count() / 100));
  idle.front().send("GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(idle.front().read_answer().status, 200);
}

TEST_F(ServerTest, MoreThanTheMostAreTurnedAway) {
  ServerOptions options;
  options.max_connections = 2;
  listen(options);
  std::vector<HttpSocket> there;
  for (int i = 0; i < 2; ++i) {
    there.push_back(connect());
    there.back().send("GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_EQ(there.back().read_answer().status, 200);
  }
  HttpSocket more = connect();
  const auto answer = more.read_answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.head, HasSubstr("Retry-After: "));
  EXPECT_TRUE(more.closed());
  there.front().send("GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(there.front().read_answer().status, 200);
}

TEST_F(ServerTest, ALargeAnswerArrivesWhole) {
  listen();
  HttpSocket client = connect();
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  Response response;
  response.late_body = [] { return std::string(5 << 20, 'y'); };
  handler_.next()(std::move(response));
  EXPECT_EQ(client.read_answer().body.size(), std::size_t{5} << 20);
}

/// Keeps the sink of a stream for the test, and counts how often it is told that the stream is over.
struct Streamed {
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<EventSink> sink;
  int over = 0;

  Response response() {
    Response made;
    made.content_type = "text/event-stream";
    made.stream = [this](std::shared_ptr<EventSink> opened) {
      const std::lock_guard lock(mutex);
      sink = std::move(opened);
      changed.notify_all();
      return [this] {
        const std::lock_guard inner(mutex);
        ++over;
        changed.notify_all();
      };
    };
    return made;
  }
  std::shared_ptr<EventSink> opened() {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, kPatience, [&] { return sink != nullptr; });
    return sink;
  }
  bool is_over() {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kPatience, [&] { return over > 0; });
  }
};

TEST_F(ServerTest, AStreamIsWrittenAsItComesUntilItsEnd) {
  listen();
  Streamed streamed;
  HttpSocket client = connect();
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  handler_.next()(streamed.response());
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Content-Type: text/event-stream"));
  const auto sink = streamed.opened();
  ASSERT_TRUE(sink);
  sink->write("one", [](bool) {});
  EXPECT_EQ(client.read_until("one\r\n"), "3\r\none\r\n");
  sink->write("two", [sink](bool) { sink->close(); });
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "3\r\ntwo\r\n0\r\n\r\n");
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(streamed.is_over());
}

TEST_F(ServerTest, AStreamWhoseClientLeavesIsOver) {
  listen();
  Streamed streamed;
  HttpSocket client = connect();
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  handler_.next()(streamed.response());
  client.read_until("\r\n\r\n");
  ASSERT_TRUE(streamed.opened());
  client.close();
  EXPECT_TRUE(streamed.is_over());
  streamed.sink->write("to nobody", [](bool) {});
}

TEST_F(ServerTest, StoppingLetsAnAnswerUnderWayFinish) {
  listen();
  HttpSocket idle = connect();
  HttpSocket busy = connect();
  busy.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const Answer answer = handler_.next();
  std::thread stopping([&] { server_->stop(std::chrono::seconds{30}); });
  EXPECT_TRUE(idle.closed());
  answer(text("done"));
  EXPECT_EQ(busy.read_answer().body, "done");
  stopping.join();
  answer(text("too late"));  // Dropped.
}

TEST_F(ServerTest, SaysWhyItCannotListen) {
  listen();
  ServerOptions taken;
  taken.port = server_->port();
  const auto second = Server::listen(handler_, taken);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("127.0.0.1:" + std::to_string(server_->port())));
  EXPECT_THAT(second.error().message, HasSubstr("in use"));
  ServerOptions nowhere;
  nowhere.host = "no-such-host";
  EXPECT_THAT(Server::listen(handler_, nowhere).error().message, HasSubstr("expected an IP address"));
}

}  // namespace
}  // namespace saga::api
