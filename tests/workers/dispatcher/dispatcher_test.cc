// The dispatcher against workers of raw sockets: what it sends, what it reports, and that it never sends a call twice.
#include "workers/dispatcher/dispatcher.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <latch>

#include "tests/workers/dispatcher/caller.h"
#include "tests/workers/dispatcher/scripted_worker.h"

namespace saga::workers::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Unknown = OutcomeUnknown::Reason;

Service at(std::vector<std::string> urls) {
  Service service;
  service.urls = std::move(urls);
  return service;
}

// ---- what it sends and reads ----------------------------------------------------------------------------------------

TEST(Dispatcher, SendsTheCallAndReportsTheAnswer) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker& self) {
    self.note(*peer.read_request());
    peer.send(
        "HTTP/1.1 503 Busy\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 7\r\nContent-Length: "
        "4\r\n\r\nbusy");
  });
  Caller caller(Services{{"w", {.urls = {worker.url() + "/api/"}, .headers = {{"Authorization", "Bearer s3cret"}}}}});
  WorkerCall call = Caller::post(R"({"a":1})");
  call.headers = {{"Saga-Id", "order-42"}, {"traceparent", "00-1-2-03"}};
  const CallReport report = Caller::wait(caller.begin(call));

  Answered expected;
  expected.status = 503;
  expected.content_type = "text/plain; charset=utf-8";
  expected.body = "busy";
  expected.retry_after = "7";
  EXPECT_EQ(report.outcome, CallOutcome(expected));
  EXPECT_GT(report.duration.count(), 0);
  const std::string request = worker.notes().at(0);
  EXPECT_THAT(request,
              StartsWith("POST /api/do HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(worker.port()) + "\r\n"));
  for (const char* line : {"User-Agent: sagad", "Authorization: Bearer s3cret", "Saga-Id: order-42",
                           "traceparent: 00-1-2-03", "Content-Type: application/json", "Content-Length: 7"}) {
    EXPECT_THAT(request, HasSubstr(std::string("\r\n") + line + "\r\n"));
  }
  EXPECT_THAT(request, EndsWith("\r\n\r\n{\"a\":1}"));
}

TEST(Dispatcher, ReadsSagaAsync) {
  ScriptedWorker worker(answer_always(http_answer(202, "", "saga-async: True\r\n")));
  Caller caller({worker.url()});
  const CallOutcome outcome = caller.call();
  EXPECT_TRUE(std::get<Answered>(outcome).async);
}

TEST(Dispatcher, CallsAStepsOwnUrl) {
  ScriptedWorker worker(answer_always(http_answer(200, "1")));
  Caller caller(Services{});
  WorkerCall call = Caller::post();
  call.service.clear();
  call.url = worker.url();
  EXPECT_EQ(status_of(caller.call(call)), 200);
  EXPECT_EQ(status_of(caller.call(call)), 200);
  EXPECT_EQ(worker.connections(), 1);
  call.url = "ftp://127.0.0.1";
  EXPECT_TRUE(is_not_sent(caller.call(call), NotSent::Reason::kUnreachable));
}

TEST(Dispatcher, ReadsBodiesOfEveryFraming) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  const std::pair<std::string, std::string> framings[] = {
      {head + "Content-Length: 5\r\n\r\nhello", "hello"},
      {head + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nRetry-After: 9\r\n\r\n", "hello"},
      {head + "\r\nuntil the end", "until the end"},
      {"HTTP/1.0 200 OK\r\n\r\nold", "old"},
      {"HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", ""},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + head +
           "Content-Length: 2\r\n\r\nok",
       "ok"},
  };
  for (const auto& [bytes, body] : framings) {
    for (const bool dripped : {false, true}) {
      SCOPED_TRACE(bytes);
      ScriptedWorker worker([&](Peer& peer, ScriptedWorker&) {
        peer.read_request();
        dripped ? peer.drip(bytes) : static_cast<void>(peer.send(bytes));
        peer.close();
      });
      Caller caller({worker.url()});
      const CallOutcome outcome = caller.call();
      EXPECT_EQ(body_of(outcome), body);
      ASSERT_TRUE(std::holds_alternative<Answered>(outcome));
      EXPECT_EQ(std::get<Answered>(outcome).retry_after, std::nullopt) << "a trailer is no header";
    }
  }
}

TEST(Dispatcher, ReportsARedirectAndFollowsNone) {
  ScriptedWorker worker(answer_always("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"));
  Caller caller({worker.url()});
  EXPECT_EQ(status_of(caller.call()), 302);
  EXPECT_EQ(worker.count("request"), 1);
}

TEST(Dispatcher, SendsAndReadsLargeBodies) {
  const std::string sent(3 << 20, 's'), answered(1 << 20, 'a');
  ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
    while (const auto request = peer.read_request()) {
      self.note(request->ends_with("\r\n\r\n" + sent) ? "whole" : "torn");
      peer.send(http_answer(200, answered));
    }
  });
  Caller caller({worker.url()});
  EXPECT_EQ(body_of(caller.call(Caller::post(sent))), answered);
  EXPECT_EQ(body_of(caller.call(Caller::post(sent))), answered);
  EXPECT_THAT(worker.notes(), ElementsAre("whole", "whole"));
  EXPECT_EQ(worker.connections(), 1);
}

TEST(Dispatcher, StopsReadingABodyBeyondTheLimit) {
  const std::string too_much = std::string((1 << 20) + 1, 'x');
  const std::string framings[] = {
      http_answer(200, too_much),
      "HTTP/1.1 200 OK\r\n\r\n" + too_much,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n" + too_much,
  };
  for (const std::string& bytes : framings) {
    ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
      peer.read_request();
      peer.send(bytes);
      peer.wait_closed();
      self.note("closed");
    });
    Caller caller({worker.url()});
    const CallOutcome outcome = caller.call();
    ASSERT_EQ(status_of(outcome), 200);
    EXPECT_TRUE(std::get<Answered>(outcome).body_over_limit);
    EXPECT_EQ(body_of(outcome), "");
    EXPECT_TRUE(worker.wait_for("closed"));
  }
}

TEST(Dispatcher, TakesTheAnswerOfAWorkerThatRefusesALargeBodyHalfway) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker&) {
    peer.read_some(1'000);
    peer.send(http_answer(413, "{}"));
    peer.reset();
  });
  Caller caller({worker.url()});
  EXPECT_EQ(status_of(caller.call(Caller::post(std::string(16 << 20, 'x')))), 413);
}

// ---- what goes wrong ------------------------------------------------------------------------------------------------

TEST(Dispatcher, ReportsAnUnknownServiceAsNotSent) {
  Caller caller(Services{{"empty", at({})}});
  WorkerCall call = Caller::post();
  EXPECT_TRUE(is_not_sent(caller.call(call), NotSent::Reason::kNoInstance));
  call.service = "empty";
  EXPECT_TRUE(is_not_sent(caller.call(call), NotSent::Reason::kNoInstance));
  EXPECT_FALSE(caller->has_instance("w"));
  EXPECT_FALSE(caller->has_instance("empty"));
  EXPECT_TRUE(caller->has_instance(""));
}

TEST(Dispatcher, ReportsARefusedConnectionAsNotSent) {
  std::string url;
  { url = ScriptedWorker(answer_always("")).url(); }
  Caller caller({url});
  const CallOutcome outcome = caller.call();
  ASSERT_TRUE(is_not_sent(outcome, NotSent::Reason::kUnreachable));
  EXPECT_THAT(std::get<NotSent>(outcome).message, HasSubstr(url + ": Connection refused"));
}

TEST(Dispatcher, ReportsAConnectTimeoutAsNotSent) {
  // A socket that listens and never accepts: once its short queue is full, the kernel answers no further connection.
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    ::connect(fillers.back(), reinterpret_cast<sockaddr*>(&address), size);
  }
  Caller caller({"http://127.0.0.1:" + std::to_string(ntohs(address.sin_port))});
  EXPECT_TRUE(is_not_sent(caller.call(Caller::post("{}", Millis(100))), NotSent::Reason::kUnreachable));
  for (const int fd : fillers) ::close(fd);
  ::close(listener);
}

TEST(Dispatcher, ReportsANameWithoutAddressAsNotSent) {
  Caller caller({"http://no-such-host.invalid:8081"});
  const CallOutcome outcome = caller.call(Caller::post("{}", Millis(2'000)));
  ASSERT_TRUE(is_not_sent(outcome, NotSent::Reason::kUnreachable));
  EXPECT_THAT(std::get<NotSent>(outcome).message, HasSubstr("no-such-host.invalid"));
}

TEST(Dispatcher, FindsAWorkerByName) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker& self) {
    self.note(*peer.read_request());
    peer.send(http_answer(200, "{}"));
    peer.wait_closed();
  });
  Caller caller({worker.url("localhost")});
  EXPECT_EQ(status_of(caller.call()), 200);
  EXPECT_THAT(worker.notes().at(0), HasSubstr("\r\nHost: localhost:" + std::to_string(worker.port()) + "\r\n"));
}

TEST(Dispatcher, ReportsATimeoutAfterTheRequestAsUnknownAndClosesTheConnection) {
  std::string nearly = http_answer(200, "{}");
  nearly.pop_back();
  const std::string stages[] = {"", "HTTP/1.1 200 OK\r\nContent-Le", nearly};
  for (const std::string& sent : stages) {
    ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
      peer.read_request();
      self.note("request");
      peer.send(sent);
      peer.wait_closed();
      self.note("closed");
    });
    Caller caller({worker.url()});
    EXPECT_TRUE(is_unknown(caller.call(Caller::post("{}", Millis(1'000))), Unknown::kTimeout));
    EXPECT_TRUE(worker.wait_for("closed"));
    EXPECT_EQ(worker.count("request"), 1);
  }
}

TEST(Dispatcher, TimesOutAWorkerThatDoesNotReadTheRequest) {
  ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
    peer.read_some(10);
    EXPECT_TRUE(self.wait_for("done"));
  });
  Caller caller({worker.url()});
  EXPECT_TRUE(is_unknown(caller.call(Caller::post(std::string(16 << 20, 'x'), Millis(2'000))), Unknown::kTimeout));
  worker.note("done");
}

TEST(Dispatcher, NeverRepeatsACallThatWasLostAfterAByte) {
  const std::string whole = http_answer(200, R"({"a":1})");
  const std::string stages[] = {"", "HTTP/1.1 2", whole.substr(0, 60), whole.substr(0, whole.size() - 1),
                                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n"};
  for (const bool reused : {false, true}) {
    for (const bool with_reset : {false, true}) {
      for (const std::string& sent : stages) {
        SCOPED_TRACE(sent);
        ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
          while (const auto request = peer.read_request()) {
            if (request->find("/lose") == std::string::npos) {
              self.note("kept");
              peer.send(whole);
              continue;
            }
            self.note("lost");
            peer.send(sent);
            with_reset ? peer.reset() : peer.close();
            return;
          }
        });
        Caller caller({worker.url()});
        if (reused) {
          ASSERT_EQ(status_of(caller.call()), 200);
        }
        WorkerCall call = Caller::post();
        call.path = "/lose";
        EXPECT_TRUE(is_unknown(caller.call(call), Unknown::kConnectionLost));
        EXPECT_EQ(status_of(caller.call()), 200);
        EXPECT_EQ(worker.count("lost"), 1);
        EXPECT_EQ(worker.connections(), 2);
      }
    }
  }
}

TEST(Dispatcher, ReportsWhatIsNotHttpAsABadAnswer) {
  std::string endless_header = "HTTP/1.1 200 OK\r\n", endless_line = "HTTP/1.1 200 OK\r\nX: ";
  while (endless_header.size() < (256 << 10)) endless_header += "X-Filler: something that goes on and on\r\n";
  endless_line += std::string(256 << 10, 'x');
  const std::string answers[] = {
      "garbage\r\n\r\n",
      "SSH-2.0-OpenSSH_9.2p1\r\n",
      "HTTP/2.0 200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
      endless_header,
      endless_line,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;" + std::string(256 << 10, 'x'),
  };
  for (const std::string& bytes : answers) {
    SCOPED_TRACE(bytes.substr(0, 60));
    ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
      peer.read_request();
      peer.send(bytes);
      peer.wait_closed();
      self.note("closed");
    });
    Caller caller({worker.url()});
    EXPECT_TRUE(is_unknown(caller.call(), Unknown::kBadAnswer));
    EXPECT_TRUE(worker.wait_for("closed"));
  }
}

TEST(Dispatcher, IsHeldUpByNoEndlessStreamOfInterimAnswers) {
  ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
    peer.read_request();
    while (peer.send("HTTP/1.1 103 Early Hints\r\n\r\n")) {
    }
    self.note("closed");
  });
  ScriptedWorker other(answer_always(http_answer(200, "{}")));
  Caller caller(Services{{"w", at({worker.url()})}, {"other", at({other.url()})}});
  auto endless = caller.begin(Caller::post("{}", Millis(1'500)));
  WorkerCall call = Caller::post();
  call.service = "other";
  EXPECT_EQ(status_of(caller.call(call)), 200);
  EXPECT_TRUE(is_unknown(Caller::wait(std::move(endless)).outcome, Unknown::kTimeout));
  EXPECT_TRUE(worker.wait_for("closed"));
}

// ---- instances, queues, counts --------------------------------------------------------------------------------------

TEST(Dispatcher, GoesRoundTheInstances) {
  ScriptedWorker one(answer_always(http_answer(200, "1"))), two(answer_always(http_answer(200, "2"))),
      three(answer_always(http_answer(200, "3")));
  Caller caller(std::vector{one.url(), two.url(), three.url()});
  std::string order;
  for (int i = 0; i < 9; ++i) order += body_of(caller.call());
  EXPECT_EQ(order, "123123123");
}

TEST(Dispatcher, ReportsADeadInstanceForItsTurnOnly) {
  std::string dead;
  { dead = ScriptedWorker(answer_always("")).url(); }
  ScriptedWorker alive(answer_always(http_answer(200, "{}")));
  Caller caller(std::vector{dead, alive.url()});
  EXPECT_TRUE(is_not_sent(caller.call(), NotSent::Reason::kUnreachable));
  EXPECT_EQ(status_of(caller.call()), 200);
  EXPECT_TRUE(is_not_sent(caller.call(), NotSent::Reason::kUnreachable));
}

TEST(Dispatcher, QueuesBehindMaxInFlightInOrder) {
  ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
    int answered = 0;
    while (const auto request = peer.read_request()) {
      self.note(request->substr(request->size() - 2));
      if (++answered == 1 && !self.wait_for("go")) return;
      peer.send(http_answer(200, "{}"));
    }
  });
  Caller caller({worker.url()}, {}, 1);
  std::vector<std::future<CallReport>> calls;
  for (int i = 10; i < 60; ++i) calls.push_back(caller.begin(Caller::post(std::to_string(i))));
  ASSERT_TRUE(worker.wait_for("10"));
  const ServiceStatus status = caller->services().at(0);
  EXPECT_EQ(status.name, "w");
  ASSERT_EQ(status.instances.size(), 1U);
  EXPECT_EQ(status.instances[0].url, worker.url());
  EXPECT_EQ(status.max_in_flight, 1U);
  EXPECT_EQ(status.in_flight, 1U);
  EXPECT_EQ(status.queued, 49U);
  EXPECT_EQ(caller->in_flight(), 1U);
  worker.note("go");
  for (auto& call : calls) EXPECT_EQ(status_of(Caller::wait(std::move(call)).outcome), 200);
  std::vector<std::string> seen = worker.notes(), expected;
  std::erase(seen, "go");
  for (int i = 10; i < 60; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(worker.connections(), 1);
  EXPECT_EQ(caller->services().at(0).queued, 0U);
  EXPECT_EQ(caller->in_flight(), 0U);
}

TEST(Dispatcher, CountsATimeoutFromLeavingTheQueue) {
  ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
    while (const auto request = peer.read_request()) {
      if (request->find("/hold") == std::string::npos) peer.send(http_answer(200, "{}"));
      self.note("request");
    }
  });
  Caller caller({worker.url()}, {}, 1);
  WorkerCall held = Caller::post("{}", Millis(2'500));
  held.path = "/hold";
  auto first = caller.begin(held);
  auto second = caller.begin(Caller::post("{}", Millis(2'400)));  // Waits longer than its own timeout.
  EXPECT_TRUE(is_unknown(Caller::wait(std::move(first)).outcome, Unknown::kTimeout));
  EXPECT_EQ(status_of(Caller::wait(std::move(second)).outcome), 200);
}

TEST(Dispatcher, TakesCallsFromItsOwnReports) {
  ScriptedWorker worker(answer_always(http_answer(200, "{}")));
  Caller caller({worker.url()});
  std::latch all(100);
  std::function<void(CallReport)> again = [&](const CallReport& report) {
    EXPECT_EQ(status_of(report.outcome), 200);
    all.count_down();
    if (!all.try_wait()) caller->send(Caller::post(), again);
  };
  caller->send(Caller::post(), again);
  all.wait();
  EXPECT_EQ(worker.connections(), 1);
}

TEST(Dispatcher, CanGoWhileCallsAreInEveryStage) {
  ScriptedWorker holding([](Peer& peer, ScriptedWorker& self) {
    peer.read_request();
    self.note("request");
    peer.wait_closed();
  });
  ScriptedWorker answering(answer_always(http_answer(200, "{}")));
  Caller caller(Services{{"w", {.urls = {holding.url()}, .headers = {}, .max_in_flight = 5}},
                         {"named", at({"http://no-such-host.invalid"})},
                         {"kept", at({answering.url()})}});
  WorkerCall call = Caller::post();
  call.service = "kept";
  EXPECT_EQ(status_of(caller.call(call)), 200);
  auto report = std::make_shared<int>();  // Held by every `done`: all are let go of, none is called.
  for (const char* service : {"w", "w", "w", "w", "w", "w", "named"}) {
    call.service = service;
    call.timeout = Millis(3'600'000);
    caller->send(call, [report](const CallReport& came) {
      if (!std::holds_alternative<NotSent>(came.outcome)) ADD_FAILURE() << "a call was reported";
    });
  }
  ASSERT_TRUE(holding.wait_for("request", 5));
  caller.destroy();
  EXPECT_EQ(report.use_count(), 1);
}

TEST(Dispatcher, RefusesAServiceWhoseUrlIsNone) {
  const auto made = make_http_dispatcher({{"inventory", at({"127.0.0.1:8081"})}}, {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(made.error().message, StartsWith("service 'inventory': expected http://host[:port][/prefix]"));
}

}  // namespace
}  // namespace saga::workers::testing
