#include "engine/webhook/attention_webhook.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>

#include "base/json.h"
#include "tests/engine/runtime/fixture.h"
#include "tests/store/sagas.h"
#include "tests/support/local_server.h"

namespace saga::webhook {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Takes messages and answers what a test says, then 204.
class Receiver {
 public:
  struct Taken {
    std::string id, timestamp, signature, body;
    int answered = 0;
    [[nodiscard]] Json json() const { return Json::parse(body); }
  };

  Receiver() {
    server_.http().Post("/hook", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      response.status = 204;
      if (!answers_.empty()) {
        response.status = answers_.front();
        answers_.pop_front();
      }
      taken_.push_back({request.get_header_value("webhook-id"), request.get_header_value("webhook-timestamp"),
                        request.get_header_value("webhook-signature"), request.body, response.status});
      changed_.notify_all();
    });
    server_.listen();
  }

  void answer(std::deque<int> statuses) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(statuses);
  }
  /// The first `count` messages, once they have come.
  std::vector<Taken> await(std::size_t count) {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, std::chrono::seconds{30}, [&] { return taken_.size() >= count; });
    EXPECT_TRUE(came) << taken_.size() << " of " << count << " messages came";
    return taken_;
  }
  [[nodiscard]] std::string url() const { return server_.url("/hook"); }

 private:
  std::mutex mutex_;  ///< Guards the three below.
  std::condition_variable changed_;
  std::deque<int> answers_;
  std::vector<Taken> taken_;
  testing::LocalServer server_;
};

class Webhook : public runtime::RuntimeTest {
 protected:
  std::unique_ptr<AttentionWebhook> open(const std::string& url) {
    WebhookOptions options;
    options.target = *parse_target(url);
    options.secret = *Secret::read("sixteen letters!");
    options.interval = options.between_rounds = options.first_retry = options.longest_retry = Millis{5};
    reader_ = std::make_unique<runtime::Reader>(*store_, *registry_);
    auto webhook = AttentionWebhook::start(*store_, *reader_, clock_, log_, options);
    EXPECT_TRUE(webhook);
    return std::move(*webhook);
  }
  /// A saga whose compensation failed for good.
  void fail_saga(const std::string& id) {
    ASSERT_TRUE(start(id));
    answer("hotel/action/1", 200, R"({"secret":"output"})");
    answer("flight/action/1", 422, R"({"code":"sold_out"})");
    answer("hotel/compensation/1", 503, R"({"code":"gateway_down","detail":"until 03:00"})");
    pass(Millis{100});
    answer("hotel/compensation/2", 503, R"({"code":"gateway_down","detail":"until 03:00"})");
    ASSERT_EQ(status(id), "failed");
  }
  /// Once everything that is due has been told.
  void await_all_told() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (!store_->notices_due(1)->empty()) {
      ASSERT_LT(std::chrono::steady_clock::now(), until);
      std::this_thread::yield();
    }
  }

  std::vector<std::string> lines_;
  std::mutex lines_mutex_;
  telemetry::Log log_{telemetry::LogFormat::kText, telemetry::LogLevel::kInfo, [this](std::string_view line) {
                        const std::lock_guard lock(lines_mutex_);
                        lines_.emplace_back(line);
                      }};
  std::unique_ptr<runtime::Reader> reader_;
};

TEST_F(Webhook, TellsWhatFailedWhereAndSinceWhen) {
  fail_saga("t1");
  Receiver receiver;
  const auto webhook = open(receiver.url());
  const Receiver::Taken taken = receiver.await(1).front();
  const Json message = taken.json();
  const std::string since = format_time(*store_->find("t1")->head.attention_since);
  EXPECT_EQ(message["type"], "saga.attention");
  EXPECT_EQ(message["timestamp"], since);
  const Json& data = message["data"];
  EXPECT_EQ(data["id"], "t1");
  EXPECT_EQ(data["workflow"], "trip");
  EXPECT_EQ(data["version"], 1);
  EXPECT_EQ(data["status"], "failed");
  EXPECT_EQ(data["since"], since);
  EXPECT_EQ(data["stuck"][0], (Json{{"step", "hotel"},
                                    {"phase", "compensation"},
                                    {"code", "gateway_down"},
                                    {"message", "until 03:00"},
                                    {"attempts", 2}}));
  EXPECT_EQ(data["error"]["code"], "sold_out");
  EXPECT_THAT(taken.body, Not(HasSubstr("Oslo"))) << "no input";
  EXPECT_THAT(taken.body, Not(HasSubstr("secret"))) << "no output";
  EXPECT_EQ(taken.timestamp, std::to_string(clock_.now().ms / 1'000));
  EXPECT_EQ(taken.signature, Secret::read("sixteen letters!")->sign(taken.id, taken.timestamp, taken.body));
}

TEST_F(Webhook, RepeatsUnderTheSameIdUntilItIsTaken) {
  fail_saga("t1");
  Receiver receiver;
  receiver.answer({500, 429, 302});
  {
    const auto webhook = open(receiver.url());
    const auto taken = receiver.await(4);
    EXPECT_EQ(taken[3].answered, 204);
    for (const auto& one : taken) EXPECT_EQ(one.id, taken[0].id);
    await_all_told();
  }
  const auto again = open(receiver.url());
  fail_saga("t2");
  const auto taken = receiver.await(5);
  EXPECT_EQ(taken[4].json()["data"]["id"], "t2") << "what was told is not told again by the next process";
  EXPECT_NE(taken[4].id, taken[0].id);
}

TEST_F(Webhook, ACrashBeforeTheRecordRepeatsTheMessage) {
  fail_saga("t1");
  const auto due = store_->notices_due(10);
  reader_ = std::make_unique<runtime::Reader>(*store_, *registry_);
  const auto before = compose(*store_, *reader_, *due);
  Receiver receiver;
  const auto webhook = open(receiver.url());
  EXPECT_EQ(receiver.await(1).front().id, before.front().id) << "the receiver knows it by its id";
}

TEST_F(Webhook, TellsWhenItIsOver) {
  fail_saga("t1");
  Receiver receiver;
  const auto webhook = open(receiver.url());
  receiver.await(1);
  await_all_told();
  ASSERT_TRUE(command("t1", core::Verb::kTerminate));
  const Json message = receiver.await(2)[1].json();
  EXPECT_EQ(message["type"], "saga.attention_over");
  EXPECT_EQ(message["data"]["id"], "t1");
  EXPECT_EQ(message["data"]["status"], "terminated");
}

TEST_F(Webhook, WhatIsOverBeforeItCouldBeToldIsNot) {
  fail_saga("t1");
  ASSERT_TRUE(command("t1", core::Verb::kTerminate));
  fail_saga("t2");
  Receiver receiver;
  const auto webhook = open(receiver.url());
  EXPECT_EQ(receiver.await(1).front().json()["data"]["id"], "t2");
}

TEST_F(Webhook, AStormIsAFewMessages) {
  for (int i = 0; i < 450; ++i) {
    const store::SagaKey key = store_->reserve_key();
    store::Append append = store::testing::start(key, "s" + std::to_string(i));
    append.head = store::testing::failed({{"pay", "action", "timeout"}});
    ASSERT_TRUE(store::testing::commit(*store_, std::move(append)));
  }
  Receiver receiver;
  const auto webhook = open(receiver.url());
  const auto taken = receiver.await(3);
  await_all_told();
  std::set<std::string> told;
  for (const auto& one : taken) {
    const Json batch = one.json();
    EXPECT_EQ(batch["type"], "saga.batch");
    EXPECT_EQ(batch["data"]["count"], batch["data"]["messages"].size());
    for (const Json& message : batch["data"]["messages"]) {
      EXPECT_EQ(message["type"], "saga.attention");
      EXPECT_EQ(message["data"]["stuck"][0]["code"], "timeout") << "also where the record does not replay";
      told.insert(message["data"]["id"].get<std::string>());
    }
  }
  EXPECT_EQ(told.size(), 450U);
  EXPECT_EQ(taken.size(), 3U) << "200, 200 and 50";
}

TEST_F(Webhook, OneMessageThatIsRefusedDoesNotHoldUpTheOthers) {
  fail_saga("t1");
  fail_saga("t2");
  Receiver receiver;
  receiver.answer({400, 204});
  const auto webhook = open(receiver.url());
  const auto taken = receiver.await(3);
  EXPECT_EQ(taken[1].json()["data"]["id"], "t2");
  EXPECT_EQ(taken[2].id, taken[0].id);
}

TEST_F(Webhook, ADeadReceiverDisturbsNobodyAndIsLoggedOnce) {
  fail_saga("t1");
  std::string url;
  {
    const Receiver gone;
    url = gone.url();
  }
  auto webhook = open(url);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  for (bool logged = false; !logged;) {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
    const std::lock_guard lock(lines_mutex_);
    logged = !lines_.empty();
  }
  fail_saga("t2");
  webhook.reset();  // Does not wait for the receiver.
  EXPECT_EQ(store_->notices_due(10)->size(), 2U) << "still due";
  EXPECT_THAT(lines_[0], HasSubstr("attention_webhook_failed"));
  EXPECT_THAT(lines_[0], Not(HasSubstr("/hook"))) << "the path may be secret";
  EXPECT_EQ(lines_.size(), 1U);
}

}  // namespace
}  // namespace saga::webhook
