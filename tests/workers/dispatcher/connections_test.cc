// The dispatcher's connections, to workers of raw sockets: which call goes over which, whose answer is whose, and when
// one is closed.
#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <string>
#include <vector>

#include "tests/workers/dispatcher/caller.h"
#include "tests/workers/dispatcher/scripted_worker.h"

namespace saga::workers::testing {
namespace {

TEST(Connections, ReusesAConnection) {
  ScriptedWorker worker(answer_always(http_answer(200, "{}")));
  Caller caller({worker.url()});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(status_of(caller.call()), 200);
  EXPECT_EQ(worker.count("request"), 100);
  EXPECT_EQ(worker.connections(), 1);
}

TEST(Connections, KeepsNoConnectionThatTheWorkerWillClose) {
  for (const char* answer : {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1",
                             "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1",
                             "HTTP/1.1 200 OK\r\nKeep-Alive: max=9, timeout=0\r\nContent-Length: 1\r\n\r\n1"}) {
    ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
      peer.read_request();
      peer.send(answer);
      peer.wait_closed();
      self.note("closed");
    });
    Caller caller({worker.url()});
    EXPECT_EQ(status_of(caller.call()), 200);
    EXPECT_TRUE(worker.wait_for("closed"));
    EXPECT_EQ(status_of(caller.call()), 200);
    EXPECT_EQ(worker.connections(), 2);
  }
}

TEST(Connections, LosesNoCallToAConnectionThatTheWorkerHasClosed) {
  for (const bool with_reset : {false, true}) {
    ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
      if (!peer.read_request()) return;
      self.note("request");
      peer.send(http_answer(200, "{}"));
      // Not before the answer is read: a reset would take it away.
      if (with_reset && !self.wait_for("read " + std::to_string(peer.number()))) return;
      with_reset ? peer.reset() : peer.close();
      self.note("closed");
    });
    Caller caller({worker.url()});
    for (int i = 1; i <= 50; ++i) {
      EXPECT_EQ(status_of(caller.call()), 200);
      worker.note("read " + std::to_string(i));
      ASSERT_TRUE(worker.wait_for("closed", i));
    }
    EXPECT_EQ(worker.count("request"), 50);
    EXPECT_EQ(worker.connections(), 50);
  }
}

TEST(Connections, TakesNoAnswerForThatOfALaterCall) {
  const std::string answer = http_answer(200, "1");
  const std::string extras[] = {answer + http_answer(200, "2"), answer + "x"};
  for (const std::string& bytes : extras) {
    ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
      peer.read_request();
      peer.send(peer.number() == 1 ? bytes : http_answer(200, "3"));
      peer.wait_closed();
      self.note("closed");
    });
    Caller caller({worker.url()});
    EXPECT_EQ(body_of(caller.call()), "1");
    EXPECT_EQ(body_of(caller.call()), "3");
    EXPECT_TRUE(worker.wait_for("closed"));
  }
}

TEST(Connections, TakesNoLateAnswerForThatOfALaterCall) {
  ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
    peer.read_request();
    if (peer.number() > 1) {
      peer.send(http_answer(200, "3"));
      return;
    }
    peer.send(http_answer(200, "1"));
    if (!self.wait_for("one is read")) return;
    peer.send(http_answer(200, "2"));
    self.note("two is sent");
    peer.wait_closed();
  });
  Caller caller({worker.url()});
  EXPECT_EQ(body_of(caller.call()), "1");
  worker.note("one is read");
  ASSERT_TRUE(worker.wait_for("two is sent"));
  EXPECT_EQ(body_of(caller.call()), "3");
}

TEST(Connections, ClosesIdleConnections) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker& self) {
    std::optional<std::string> request = peer.read_request();
    if (!request) return;
    self.note("request");
    if (!self.wait_for("go")) return;
    peer.send(http_answer(200, "{}"));
    peer.wait_closed();
    self.note("closed");
  });
  Caller caller({worker.url()}, {.idle_connection = std::chrono::seconds(1)});
  std::vector<std::future<CallReport>> calls;
  for (int i = 0; i < 20; ++i) calls.push_back(caller.begin(Caller::post()));
  ASSERT_TRUE(worker.wait_for("request", 20));
  worker.note("go");
  for (auto& call : calls) EXPECT_EQ(status_of(Caller::wait(std::move(call)).outcome), 200);
  EXPECT_TRUE(worker.wait_for("closed", 20)) << "the pool did not shrink after the burst";
}

TEST(Connections, UsesAConnectionNoLongerThanTheWorkerKeepsIt) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker& self) {
    peer.read_request();
    peer.send(http_answer(200, "{}", "Keep-Alive: timeout=1, max=100\r\n"));
    peer.wait_closed();
    self.note("closed");
  });
  Caller caller({worker.url()}, {.idle_connection = std::chrono::seconds(3'600)});
  EXPECT_EQ(status_of(caller.call()), 200);
  EXPECT_TRUE(worker.wait_for("closed"));
}

}  // namespace
}  // namespace saga::workers::testing
