// For each way a saga can stop: it stops there, `sagactl inspect` says why and what can be done, a command pasted from
// that page mends it, it ends well, and the worker's own ledger agrees. With the real `sagad` and `sagactl`.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <httplib.h>
#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <sstream>

#include "base/json.h"
#include "tests/support/sagad_process.h"

namespace saga::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::chrono::seconds kPatience{60};

constexpr const char* kWorkflows = R"(
name: order
version: 1
defaults:
  retry: { max_attempts: 1 }
  compensation_retry: { max_attempts: 2, initial_interval: 1ms }
steps:
  - { name: reserve, service: shop, action: /reserve, compensation: /reserve/undo }
  - { name: charge, service: shop, action: /charge, compensation: /charge/undo }
  - { name: ship, service: shop, action: /ship, compensation: /ship/undo }
---
name: stops-undoing
version: 1
on_compensation_failure: suspend
defaults:
  retry: { max_attempts: 1 }
  compensation_retry: { max_attempts: 2, initial_interval: 1ms }
steps:
  - { name: reserve, service: shop, action: /reserve, compensation: /reserve/undo }
  - { name: charge, service: shop, action: /charge, compensation: /charge/undo }
  - { name: ship, service: shop, action: /ship, compensation: /ship/undo }
---
name: stops-at-charge
version: 1
defaults:
  retry: { max_attempts: 1 }
steps:
  - { name: reserve, service: shop, action: /reserve, compensation: /reserve/undo }
  - { name: charge, service: shop, action: /charge, compensation: /charge/undo, on_failure: suspend }
  - { name: ship, service: shop, action: /ship, compensation: /ship/undo }
---
name: transfer
version: 1
defaults:
  retry: { max_attempts: 1 }
  compensation_retry: { max_attempts: 2, initial_interval: 1ms }
steps:
  - { name: reserve, service: shop, action: /reserve, compensation: /reserve/undo }
  - { name: pay, service: shop, action: /pay, pivot: true }
  - { name: ship, service: shop, action: /ship }
---
name: revocable-transfer
version: 1
defaults:
  retry: { max_attempts: 1 }
  compensation_retry: { max_attempts: 2, initial_interval: 1ms }
steps:
  - { name: reserve, service: shop, action: /reserve, compensation: /reserve/undo }
  - { name: pay, service: shop, action: /pay, compensation: /pay/undo, pivot: true }
  - { name: ship, service: shop, action: /ship }
---
name: loan
version: 1
steps:
  - { name: reserve, service: shop, action: /reserve, compensation: /reserve/undo }
  - { name: approval, signal: approved }
  - { name: ship, service: shop, action: /ship, compensation: /ship/undo }
---
name: patient
version: 1
defaults:
  retry: { max_attempts: 1 }
  compensation_retry: { initial_interval: 1ms, max_interval: 1ms }
steps:
  - { name: reserve, service: shop, action: /reserve, compensation: /reserve/undo }
  - { name: ship, service: shop, action: /ship }
---
name: stubborn
version: 1
defaults:
  retry: { max_attempts: 1000, initial_interval: 1ms, max_interval: 1ms }
steps:
  - { name: reserve, service: shop, action: /reserve, compensation: /reserve/undo }
---
name: kit
version: 1
steps:
  - { name: reserve, service: shop, action: /reserve, compensation: /reserve/undo }
  - { name: kitting, saga: stops-at-charge }
  - { name: label, service: shop, action: /label, compensation: /label/undo }
---
name: bundle
version: 1
steps:
  - { name: reserve, service: shop, action: /reserve, compensation: /reserve/undo }
  - { name: ordering, saga: order }
  - { name: label, service: shop, action: /label, compensation: /label/undo }
)";

/// How the worker answers a call that it does not do, or does without saying so.
struct Trouble {
  int status = 503;
  std::string code;
  bool happens = false;              ///< It is done, though the answer does not say it.
  int retry_after_s = 0;             ///< 0: not said.
  std::size_t retry_after_from = 0;  ///< Said from this attempt on.
};

/// Does what it is called for, once a key, unless told otherwise. Its ledger is what really happened.
class Shop {
 public:
  Shop() {
    server_.Post(".*",
                 [this](const httplib::Request& request, httplib::Response& response) { take(request, response); });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Shop() {
    server_.stop();
    thread_.join();
  }
  Shop(const Shop&) = delete;
  Shop& operator=(const Shop&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// From now on calls of `path` end so.
  void break_down(const std::string& path, Trouble trouble) {
    const std::lock_guard lock(mutex_);
    troubles_[path] = std::move(trouble);
  }
  void mend() {
    const std::lock_guard lock(mutex_);
    troubles_.clear();
  }

  /// What happened, in order: "/charge", "/charge/undo".
  std::vector<std::string> effects() {
    const std::lock_guard lock(mutex_);
    return effects_;
  }
  /// Keys that came again after they had been answered as done.
  std::vector<std::string> called_after_done() {
    const std::lock_guard lock(mutex_);
    return called_after_done_;
  }

 private:
  void take(const httplib::Request& request, httplib::Response& response) {
    const std::lock_guard lock(mutex_);
    const std::string key = request.get_header_value("Idempotency-Key");
    if (answered_done_.contains(key)) called_after_done_.push_back(key);
    const auto trouble = troubles_.find(request.path);
    if (trouble == troubles_.end() || trouble->second.happens) {
      if (happened_.insert(key).second) effects_.push_back(request.path);
    }
    if (trouble == troubles_.end()) {
      answered_done_.insert(key);
      response.set_content(R"({"by":"the shop"})", "application/json");
      return;
    }
    const Trouble& how = trouble->second;
    response.status = how.status;
    response.set_content(dump_json({{"code", how.code}}), "application/json");
    const std::string attempt = request.get_header_value("Saga-Attempt");
    if (how.retry_after_s > 0 && std::stoul(attempt) >= how.retry_after_from)
      response.set_header("Retry-After", std::to_string(how.retry_after_s));
  }

  httplib::Server server_;
  int port_ = 0;
  std::mutex mutex_;
  std::map<std::string, Trouble> troubles_;
  std::set<std::string> happened_;
  std::set<std::string> answered_done_;
  std::vector<std::string> effects_;
  std::vector<std::string> called_after_done_;
  std::thread thread_;
};

/// What was typed, and what came of it.
struct Typed {
  int exit = -1;
  std::string out;
  std::string err;
};

/// A page of `sagactl inspect`.
struct Inspection {
  std::string text;
  std::vector<std::string> commands;  ///< Under "You can now", without what stands beside them.
};

Inspection read_inspection(std::string text) {
  Inspection page{std::move(text), {}};
  std::istringstream lines(page.text);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (inside && !line.starts_with("  sagactl ")) break;
    if (inside) page.commands.push_back(line.substr(2, line.find("   ", 2) - 2));  // Padded, then three spaces.
    if (line == "You can now") inside = true;
  }
  EXPECT_TRUE(inside) << page.text;
  return page;
}

/// The second word of each command that is an operator's verb.
std::set<std::string> verbs_of(const Inspection& page) {
  static const std::set<std::string> kVerbs{"cancel", "suspend", "resume", "retry", "skip", "terminate"};
  std::set<std::string> verbs;
  for (const std::string& command : page.commands) {
    std::istringstream words(command);
    std::string word;
    words >> word >> word;
    if (kVerbs.contains(word)) verbs.insert(word);
  }
  return verbs;
}

class Mending : public ::testing::Test {
 protected:
  void SetUp() override { folder_.write("workflows.yaml", kWorkflows); }
  void TearDown() override { EXPECT_THAT(shop_.called_after_done(), IsEmpty()); }

  void start_sagad(std::vector<std::string> services) {
    std::vector<std::string> arguments{"--store", "sqlite:" + folder_.path("saga.db"), "--workflows",
                                       folder_.path("workflows.yaml")};
    arguments.insert(arguments.end(), services.begin(), services.end());
    sagad_ = std::make_unique<SagadProcess>(std::move(arguments));
    ASSERT_TRUE(sagad_->ready()) << sagad_->child().stderr_text();
  }
  void start_sagad() { start_sagad({"--service", "shop=" + shop_.url()}); }
  void stop_sagad() {
    sagad_->child().kill(SIGTERM);
    EXPECT_EQ(sagad_->child().wait(), 0);
  }

  /// Runs `command` in a shell whose PATH finds the program.
  Typed type(const std::string& command) {
    const std::string setting = fmt::format(
        "PATH='{}':\"$PATH\" SAGACTL_SERVER={} SAGACTL_ACTOR=ann; export PATH "
        "SAGACTL_SERVER SAGACTL_ACTOR; ",
        BIN_DIR, sagad_->url());
    ChildProcess shell({"/bin/sh", "-c", setting + command});
    Typed typed;
    typed.out = shell.read_rest();
    typed.exit = shell.wait();
    typed.err = shell.stderr_text();
    return typed;
  }
  /// The same, with `TEXT` and `JSON` filled in; it has to work.
  void paste(std::string command) {
    for (const auto& [word, by] : {std::pair<std::string, std::string>{" TEXT", " 'seen to by ann'"},
                                   std::pair<std::string, std::string>{" JSON", R"( '{"by":"ann"}')"}}) {
      if (const std::size_t at = command.find(word); at != std::string::npos) command.replace(at, word.size(), by);
    }
    const Typed typed = type(command);
    EXPECT_EQ(typed.exit, 0) << command << "\n" << typed.out << typed.err;
  }

  Json saga(const std::string& id) {
    const Typed typed = type("sagactl inspect -o json " + id);
    const auto json = parse_json(typed.out);
    EXPECT_TRUE(json) << typed.out << typed.err;
    return json ? *json : Json::object();
  }
  void begin(const std::string& workflow, const std::string& id) {
    const Typed typed = type(fmt::format("sagactl start {} --id {} --input '{{}}'", workflow, id));
    ASSERT_EQ(typed.exit, 0) << typed.err;
  }

  /// The page of the saga once it says `why`, or what there is when it never does; `allowed` stayed the same meanwhile.
  Inspection inspect(const std::string& id, const std::string& why) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      const Json before = saga(id);
      const Typed typed = type("sagactl inspect " + id);
      const Json after = saga(id);
      const bool says = typed.out.find(why) != std::string::npos;
      const bool steady = before.value("status", "") == after.value("status", "") &&
                          before.value("allowed", Json()) == after.value("allowed", Json());
      if ((says && steady) || std::chrono::steady_clock::now() > until) {
        EXPECT_EQ(typed.exit, 0) << typed.err;
        EXPECT_THAT(typed.out, HasSubstr(why));
        Inspection page = read_inspection(typed.out);
        expect_commands_as_allowed(after, page);
        return page;
      }
    }
  }

  /// Each verb that is allowed is proposed, and no other. Only `resume` is left out where it is another word for retry.
  static void expect_commands_as_allowed(const Json& saga, const Inspection& page) {
    std::set<std::string> allowed = saga.value("allowed", std::set<std::string>{});
    const bool after_failure = page.text.find("Suspended    by ") == std::string::npos;
    if (after_failure && allowed.contains("retry")) allowed.erase("resume");
    EXPECT_EQ(verbs_of(page), allowed) << page.text;
    for (const std::string& command : page.commands) EXPECT_THAT(command, StartsWith("sagactl ")) << page.text;
  }

  /// Pastes `command`, which the page has to propose, word for word.
  void take(const Inspection& page, const std::string& command) {
    ASSERT_THAT(page.commands, Contains(command)) << page.text;
    paste(command);
  }

  /// Waits for the saga's end.
  void expect_end(const std::string& id, const std::string& status) {
    const Typed typed = type("sagactl wait --timeout 60s " + id);
    EXPECT_EQ(typed.exit, status == "completed" ? 0 : 1) << typed.out << typed.err;
    const Json ended = saga(id);
    EXPECT_EQ(ended.value("status", ""), status) << typed.out;
    EXPECT_FALSE(ended.value("needs_attention", true)) << typed.out;
    EXPECT_EQ(ended.value("allowed", Json()), Json::array()) << typed.out;
  }

  TempFolder folder_;
  Shop shop_;
  std::unique_ptr<SagadProcess> sagad_;
};

// Failed: a compensation could not be done.

class Failed : public Mending {
 protected:
  void SetUp() override {
    Mending::SetUp();
    start_sagad();
    shop_.break_down("/ship", {422, "no_carrier"});
    shop_.break_down("/charge/undo", {503, "gateway_down"});
    begin("order", "o1");
    page_ = inspect("o1", "Not undone   charge: 503 gateway_down");
    EXPECT_THAT(page_.text, HasSubstr("Turned back  ship: 422 no_carrier"));
    shop_.mend();
  }
  Inspection page_;
};

TEST_F(Failed, IsMendedByRetry) {
  take(page_, "sagactl retry o1");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/reserve/undo", "/charge/undo"));
}

TEST_F(Failed, IsMendedBySkip) {
  take(page_, "sagactl skip o1 --step charge --reason TEXT");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/reserve/undo"));
}

TEST_F(Failed, IsEndedByTerminate) {
  take(page_, "sagactl terminate o1 --reason TEXT");
  expect_end("o1", "terminated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/reserve/undo"));
}

// Suspended because a compensation failed.

class StoppedUndoing : public Mending {
 protected:
  void SetUp() override {
    Mending::SetUp();
    start_sagad();
    shop_.break_down("/ship", {422, "no_carrier"});
    shop_.break_down("/charge/undo", {503, "gateway_down"});
    begin("stops-undoing", "o1");
    page_ = inspect("o1", "a compensation failed, and the definition says to stop there");
    EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge"));
    shop_.mend();
  }
  Inspection page_;
};

TEST_F(StoppedUndoing, IsMendedByRetry) {
  take(page_, "sagactl retry o1");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/charge/undo", "/reserve/undo"));
}

TEST_F(StoppedUndoing, IsMendedBySkip) {
  take(page_, "sagactl skip o1 --step charge --reason TEXT");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/reserve/undo"));
}

// Suspended because a step failed, and the definition says so.

class StoppedAtAStep : public Mending {
 protected:
  void SetUp() override {
    Mending::SetUp();
    start_sagad();
    shop_.break_down("/charge", {402, "card_declined"});
    begin("stops-at-charge", "o1");
    page_ = inspect("o1", "a step failed, and the definition says to stop there");
    EXPECT_THAT(page_.text, HasSubstr("charge: 402 card_declined"));
    shop_.mend();
  }
  Inspection page_;
};

TEST_F(StoppedAtAStep, IsMendedByRetry) {
  take(page_, "sagactl retry o1");
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/ship"));
}

TEST_F(StoppedAtAStep, IsMendedBySkippingItAsDone) {
  take(page_, "sagactl skip o1 --step charge --output '{}' --reason TEXT");
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/ship"));
}

TEST_F(StoppedAtAStep, IsMendedByLeavingItOut) {
  take(page_, "sagactl skip o1 --step charge --reason TEXT");
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/ship"));
}

TEST_F(StoppedAtAStep, IsMendedByCancel) {
  take(page_, "sagactl cancel o1 --reason TEXT");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/reserve/undo"));
}

// Nobody knows whether the pivot happened.

class PivotUnknown : public Mending {
 protected:
  /// `happens`: what nobody knows.
  Inspection stop(const std::string& workflow, bool happens) {
    start_sagad();
    shop_.break_down("/pay", {500, "bank_hung_up", happens});
    shop_.break_down("/pay/undo", {503, "bank_closed"});
    begin(workflow, "t1");
    Inspection page = inspect("t1", "nobody knows whether the pivot happened");
    shop_.mend();
    return page;
  }
};

TEST_F(PivotUnknown, IsMendedByRetryWhenItHappened) {
  take(stop("transfer", true), "sagactl retry t1");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay", "/ship"));
}

TEST_F(PivotUnknown, IsMendedByRetryWhenItDidNot) {
  take(stop("transfer", false), "sagactl retry t1");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay", "/ship"));
}

TEST_F(PivotUnknown, IsMendedBySayingThatItHappened) {
  take(stop("transfer", true), "sagactl skip t1 --step pay --output '{}' --reason TEXT");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay", "/ship"));
}

TEST_F(PivotUnknown, IsMendedBySayingThatItDidNot) {
  const Inspection page = stop("transfer", false);
  EXPECT_THAT(page.commands, Not(Contains("sagactl skip t1 --step pay --reason TEXT")));  // It cannot be left out.
  take(page, "sagactl cancel t1 --reason TEXT");
  expect_end("t1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/reserve/undo"));
}

TEST_F(PivotUnknown, WhoseOwnCompensationFailedIsMendedByRetry) {
  take(stop("revocable-transfer", false), "sagactl retry t1");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay", "/ship"));
}

// Past the pivot nothing leads back.

class PastThePivot : public Mending {
 protected:
  void SetUp() override {
    Mending::SetUp();
    start_sagad();
    shop_.break_down("/ship", {422, "no_carrier"});
    begin("transfer", "t1");
    page_ = inspect("t1", "ship: 422 no_carrier");
    EXPECT_THAT(page_.text, HasSubstr("no way leads back"));
    EXPECT_THAT(verbs_of(page_), Not(Contains("cancel")));
    shop_.mend();
  }
  Inspection page_;
};

TEST_F(PastThePivot, IsMendedByRetry) {
  take(page_, "sagactl retry t1");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay", "/ship"));
}

TEST_F(PastThePivot, IsMendedBySkip) {
  take(page_, "sagactl skip t1 --step ship --reason TEXT");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay"));
}

// Signals and operators.

TEST_F(Mending, ASignalThatNobodySendsIsSentByHand) {
  start_sagad();
  begin("loan", "l1");
  take(inspect("l1", "approval awaits the signal 'approved'"), "sagactl signal l1 approved --payload JSON");
  expect_end("l1", "completed");
  EXPECT_EQ(saga("l1")["steps"][1]["output"], (Json{{"by", "ann"}}));
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/ship"));
}

TEST_F(Mending, WhatAnOperatorSuspendedIsResumed) {
  start_sagad();
  begin("loan", "l1");
  take(inspect("l1", "approval awaits the signal 'approved'"), "sagactl suspend l1");
  const Inspection suspended = inspect("l1", "Suspended    by ann");
  take(suspended, "sagactl signal l1 approved --payload JSON");  // It is kept until then.
  EXPECT_EQ(saga("l1").value("status", ""), "suspended");
  take(suspended, "sagactl resume l1");
  expect_end("l1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/ship"));
}

// What a saga waits for without an end.

TEST_F(Mending, AServiceWithoutAnInstanceIsGivenOne) {
  start_sagad({});
  begin("order", "o1");
  const Inspection page = inspect("o1", "reserve goes on by itself once shop has an instance");
  EXPECT_THAT(page.text, HasSubstr("needs attention"));
  stop_sagad();
  start_sagad();
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/ship"));
}

TEST_F(Mending, ACompensationThatFailedTenTimesIsRetriedNow) {
  start_sagad();
  shop_.break_down("/ship", {422, "no_carrier"});
  shop_.break_down("/reserve/undo", {503, "gateway_down", false, 3600, 10});
  begin("patient", "o1");
  const Inspection page = inspect("o1", R"(reserve, compensation: gateway_down "answered 503", 10 attempts)");
  EXPECT_THAT(page.text, HasSubstr("needs attention"));
  shop_.mend();
  take(page, "sagactl retry o1");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/reserve/undo"));
}

class OpenBreaker : public Mending {
 protected:
  /// The config with a breaker that opens after three faults.
  std::vector<std::string> breaker_open_for(const std::string& duration) {
    return {"--config", folder_.write("sagad.yaml",
                                      fmt::format("services: {{ shop: {{ urls: [{0}], breaker: {{ consecutive_faults: "
                                                  "3, open_for: {1}, max_open_for: {1} }} }} }}\n",
                                                  shop_.url(), duration))};
  }
};

TEST_F(OpenBreaker, ClosesByItselfOnceTheWorkerIsMended) {
  start_sagad(breaker_open_for("1s"));
  shop_.break_down("/reserve", {503, "gateway_down"});
  begin("stubborn", "o1");
  const Inspection page = inspect("o1", "needs attention");
  shop_.mend();
  take(page, "sagactl wait o1");
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve"));
}

TEST_F(OpenBreaker, IsClosedByARestart) {
  start_sagad(breaker_open_for("1h"));
  shop_.break_down("/reserve", {503, "gateway_down"});
  begin("stubborn", "o1");
  const Inspection page = inspect("o1", "needs attention");
  EXPECT_THAT(page.text, HasSubstr("breaker"));
  shop_.mend();
  take(page, "sagactl retry o1");  // Accepted, though the breaker holds the call back still.
  EXPECT_THAT(inspect("o1", "needs attention").text, HasSubstr("breaker"));
  EXPECT_THAT(shop_.effects(), IsEmpty());
  stop_sagad();
  start_sagad(breaker_open_for("1h"));
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve"));
}

// Children.

TEST_F(Mending, ASuspendedChildIsMendedWhereItsParentPointsTo) {
  start_sagad();
  shop_.break_down("/charge", {402, "card_declined"});
  begin("kit", "k1");
  const Inspection parent = inspect("k1", "the child saga of kitting, which waits for an operator");
  EXPECT_THAT(parent.text, HasSubstr("needs attention"));
  shop_.mend();
  take(parent, "sagactl inspect k1~kitting");
  const Inspection child = inspect("k1~kitting", "charge: 402 card_declined");
  EXPECT_THAT(child.commands, Contains("sagactl inspect k1"));
  take(child, "sagactl retry k1~kitting");
  expect_end("k1", "completed");
  expect_end("k1~kitting", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/reserve", "/charge", "/ship", "/label"));
}

TEST_F(Mending, AFailedChildIsMendedWhereItsParentPointsTo) {
  start_sagad();
  shop_.break_down("/ship", {422, "no_carrier"});
  shop_.break_down("/charge/undo", {503, "gateway_down"});
  begin("bundle", "b1");
  const Inspection parent = inspect("b1", "FAILED");  // Before, it proposes to wait.
  EXPECT_THAT(parent.text, HasSubstr("Not undone   ordering"));
  shop_.mend();
  take(parent, "sagactl inspect b1~ordering");
  const Inspection child = inspect("b1~ordering", "Not undone   charge: 503 gateway_down");
  take(child, "sagactl retry b1~ordering");
  expect_end("b1~ordering", "compensated");
  take(parent, "sagactl retry b1");
  expect_end("b1", "compensated");
  EXPECT_THAT(shop_.effects(),
              ElementsAre("/reserve", "/reserve", "/charge", "/reserve/undo", "/reserve/undo", "/charge/undo"));
}

// A record that does not replay.

TEST_F(Mending, ACorruptSagaIsTerminatedAndTheOthersGoOn) {
  start_sagad();
  begin("loan", "l1");
  begin("loan", "l2");
  inspect("l1", "approval awaits the signal");
  inspect("l2", "approval awaits the signal");
  stop_sagad();
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(folder_.path("saga.db").c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database,
                         "UPDATE events SET data = '{' WHERE saga = (SELECT key FROM sagas WHERE id = 'l1') "
                         "AND seq = 2",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  EXPECT_EQ(sqlite3_changes(database), 1);
  sqlite3_close(database);
  start_sagad();
  const Inspection page = inspect("l1", "corrupt");
  EXPECT_THAT(page.commands, ElementsAre("sagactl terminate l1 --reason TEXT"));
  take(page, "sagactl terminate l1 --reason TEXT");
  expect_end("l1", "terminated");
  take(inspect("l2", "approval awaits the signal"), "sagactl signal l2 approved --payload JSON");
  expect_end("l2", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/reserve", "/ship"));
}

}  // namespace
}  // namespace saga::testing
