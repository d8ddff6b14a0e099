// The real binary: a disk that fails, a restored backup, retention, the attention webhook, --check.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "base/json.h"
#include "tests/support/local_server.h"
#include "tests/support/sagad_process.h"

namespace saga::sagad {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using testing::SagadProcess;
using testing::TempFolder;

/// Nobody says where `payment` is, so that its sagas wait.
constexpr const char* kWorkflow =
    "name: order\nversion: 1\nsteps:\n  - name: pay\n    service: payment\n    action: /pay\n";
constexpr std::chrono::seconds kPatience{60};

class Housekeeping : public ::testing::Test {
 protected:
  void SetUp() override { folder_.write("order.yaml", kWorkflow); }

  std::unique_ptr<SagadProcess> start_sagad(std::vector<std::string> more = {},
                                            const std::vector<std::string>& environment = {}) {
    std::vector<std::string> arguments{"--store",     "sqlite:" + folder_.path("saga.db"),
                                       "--workflows", folder_.path("order.yaml"),
                                       "--log-level", "error"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto sagad = std::make_unique<SagadProcess>(arguments, environment);
    EXPECT_TRUE(sagad->ready()) << sagad->child().stderr_text();
    return sagad;
  }
  static int post(const SagadProcess& sagad, const std::string& path, const Json& body) {
    httplib::Client http("127.0.0.1", sagad.port());
    http.set_read_timeout(kPatience);
    const auto answer = http.Post(path, body.dump(), "application/json");
    return answer ? answer->status : 0;
  }
  static int start_saga(const SagadProcess& sagad, const std::string& id) {
    return post(sagad, "/v1/sagas", {{"workflow", "order"}, {"id", id}});
  }
  static Json get(const SagadProcess& sagad, const std::string& path) {
    httplib::Client http("127.0.0.1", sagad.port());
    const auto answer = http.Get(path);
    return answer ? Json::parse(answer->body) : Json();
  }
  static std::string status(const SagadProcess& sagad, const std::string& id) {
    return get(sagad, "/v1/sagas/" + id).value("status", "");
  }

  TempFolder folder_;
};

TEST_F(Housekeeping, ADiskThatFailsEndsItAndNothingAcknowledgedIsLost) {
  const std::string trigger = folder_.path("broken");
  const std::vector<std::string> environment{"LD_PRELOAD=" FAILING_SYNC, "FAIL_SYNC=" + trigger,
                                             "ASAN_OPTIONS=verify_asan_link_order=0"};
  {
    const auto sagad = start_sagad({}, environment);
    for (int i = 0; i < 20; ++i) ASSERT_EQ(start_saga(*sagad, "s" + std::to_string(i)), 201);
    folder_.write("broken", "");
    EXPECT_NE(start_saga(*sagad, "late"), 201) << "what did not reach the disk is not acknowledged";
    EXPECT_EQ(sagad->child().wait(), 75);
    EXPECT_THAT(sagad->child().stderr_text(), MatchesRegex("sagad: the store failed and takes nothing more: [^\n]+\n"));
  }
  std::filesystem::remove(trigger);
  const auto again = start_sagad();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(status(*again, "s" + std::to_string(i)), "running") << i;
}

TEST_F(Housekeeping, HoldSuspendsARestoredBackupUntilItIsResumed) {
  {
    const auto sagad = start_sagad();
    for (const char* id : {"a", "b"}) ASSERT_EQ(start_saga(*sagad, id), 201);
    sagad->child().kill(SIGKILL);
  }
  {
    const auto held = start_sagad({"--hold"});
    EXPECT_EQ(status(*held, "a"), "suspended");
    EXPECT_EQ(status(*held, "b"), "suspended");
    const Json events = get(*held, "/v1/sagas/a/events")["events"];
    const auto by_hold =
        std::find_if(events.begin(), events.end(), [](const Json& event) { return event["type"] == "saga_suspended"; });
    ASSERT_NE(by_hold, events.end()) << events.dump();
    EXPECT_EQ((*by_hold)["actor"]["name"], "sagad");
    EXPECT_EQ((*by_hold)["reason"], "held at the start (--hold)");
    EXPECT_EQ(start_saga(*held, "c"), 201) << "what is new is not held";
    EXPECT_EQ(status(*held, "c"), "running");
    held->child().kill(SIGKILL);
  }
  const auto after = start_sagad();
  EXPECT_EQ(status(*after, "a"), "suspended") << "also for the next process";
  EXPECT_EQ(post(*after, "/v1/sagas/a/resume", Json::object()), 200);
  EXPECT_EQ(status(*after, "a"), "running");
}

TEST_F(Housekeeping, RetentionPurgesWhatEndedAndKeepsTheRest) {
  const auto sagad = start_sagad({"--retention", "1s"});
  for (const char* id : {"ended", "running", "stuck"}) ASSERT_EQ(start_saga(*sagad, id), 201);
  ASSERT_EQ(post(*sagad, "/v1/sagas/ended/terminate", {{"reason", "test"}}), 200);
  ASSERT_EQ(post(*sagad, "/v1/sagas/stuck/suspend", Json::object()), 200);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  Json gone;
  do gone = get(*sagad, "/v1/sagas/ended");
  while (gone["status"] != 404 && std::chrono::steady_clock::now() < until);
  EXPECT_EQ(gone["detail"], "there is no saga 'ended': 'ended' was purged");
  EXPECT_EQ(start_saga(*sagad, "ended"), 409);
  EXPECT_EQ(status(*sagad, "running"), "running");
  EXPECT_EQ(status(*sagad, "stuck"), "suspended");
}

TEST_F(Housekeeping, TheWebhookIsToldOnceAcrossAKill) {
  std::mutex mutex;
  std::condition_variable came;
  std::vector<std::string> told;
  testing::LocalServer receiver;
  receiver.http().Post("/hook", [&](const httplib::Request& request, httplib::Response& response) {
    const std::lock_guard lock(mutex);
    told.push_back(Json::parse(request.body)["data"]["id"].get<std::string>());
    EXPECT_THAT(request.get_header_value("webhook-signature"), ::testing::StartsWith("v1,"));
    response.status = 200;
    came.notify_all();
  });
  receiver.listen();
  const std::vector<std::string> arguments{"--attention-webhook", receiver.url("/hook"),
                                           "--attention-webhook-secret-file",
                                           folder_.write("secret", "whsec_c2l4dGVlbiBsZXR0ZXJzIQ==")};
  const auto await = [&](std::size_t count) {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(came.wait_for(lock, kPatience, [&] { return told.size() >= count; }));
  };
  {
    const auto sagad = start_sagad(arguments);
    ASSERT_EQ(start_saga(*sagad, "a"), 201);
    ASSERT_EQ(post(*sagad, "/v1/sagas/a/suspend", Json::object()), 200);
    await(1);
    // The next look finds `a` recorded, else it would be told before `b`.
    ASSERT_EQ(start_saga(*sagad, "b"), 201);
    ASSERT_EQ(post(*sagad, "/v1/sagas/b/suspend", Json::object()), 200);
    await(2);
    sagad->child().kill(SIGKILL);
    sagad->child().wait();
  }
  {
    const auto again = start_sagad(arguments);
    ASSERT_EQ(start_saga(*again, "c"), 201);
    ASSERT_EQ(post(*again, "/v1/sagas/c/suspend", Json::object()), 200);
    await(3);
    std::unique_lock lock(mutex);
    came.wait_for(lock, kPatience, [&] { return told.back() == "c"; });
    EXPECT_EQ(told.back(), "c");
    EXPECT_EQ(std::count(told.begin(), told.end(), "a"), 1);
    EXPECT_LE(std::count(told.begin(), told.end(), "b"), 2) << "killed before it was recorded: told again";
  }
}

TEST_F(Housekeeping, CheckSaysWhetherAllIsGoodAndTouchesNoStore) {
  const std::string secret = folder_.write("secret", "sixteen letters!");
  const auto check = [this](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--check", "--store", "sqlite:" + folder_.path("none.db")});
    auto sagad = std::make_unique<SagadProcess>(arguments);
    const std::string said = sagad->child().read_rest();
    return std::pair(sagad->child().wait(), said + sagad->child().stderr_text());
  };
  const auto good = check({"--workflows", folder_.path("order.yaml"), "--attention-webhook", "http://h/x",
                           "--attention-webhook-secret-file", secret, "--retention", "30d"});
  EXPECT_EQ(good.first, 0) << good.second;
  EXPECT_THAT(good.second, HasSubstr("are good (workflows: 1"));
  const auto bad = check({"--workflows", folder_.write("bad.yaml", "name: order\n")});
  EXPECT_EQ(bad.first, 2);
  EXPECT_THAT(bad.second, HasSubstr("bad.yaml:1:1: error:"));
  EXPECT_EQ(check({"--attention-webhook", "http://h/x", "--attention-webhook-secret-file", "/none"}).first, 2);
  EXPECT_FALSE(std::filesystem::exists(folder_.path("none.db")));
}

}  // namespace
}  // namespace saga::sagad
