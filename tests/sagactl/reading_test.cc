// What is read of the server: lists, a saga's page, services and counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <set>

#include "tests/sagactl/shell.h"

namespace saga::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Reading : public ::testing::Test {
 protected:
  StubServer server_;
  Shell shell_{server_};
};

// list

TEST_F(Reading, ListPassesEveryFilterOn) {
  server_.always("GET /v1/sagas", {{"sagas", Json::array()}, {"next_cursor", nullptr}});
  EXPECT_EQ(shell_.run({"list", "--status", "failed,suspended", "--workflow", "order-saga/1", "--needs-attention",
                        "--step", "pay", "--code", "gateway_down", "--tag", "shop=7 & co", "--since", "2h", "--until",
                        "2026-11-23T03:00:00Z", "--limit", "7"}),
            0);
  EXPECT_EQ(server_.requests().at(0).query, (std::map<std::string, std::string>{{"status", "failed,suspended"},
                                                                                {"workflow", "order-saga/1"},
                                                                                {"needs_attention", "true"},
                                                                                {"step", "pay"},
                                                                                {"code", "gateway_down"},
                                                                                {"tag", "shop=7 & co"},
                                                                                {"since", "2026-11-23T01:21:20.000Z"},
                                                                                {"until", "2026-11-23T03:00:00.000Z"},
                                                                                {"limit", "7"}}));
  EXPECT_EQ(shell_.run({"list"}), 0);
  EXPECT_EQ(server_.requests().at(1).query, (std::map<std::string, std::string>{{"limit", "50"}}));
  EXPECT_EQ(shell_.run({"list", "--since", "yesterday"}), 2);
  EXPECT_EQ(shell_.run({"list", "--limit", "0"}), 2);
  EXPECT_EQ(server_.requests().size(), 2U);
}

TEST_F(Reading, ListGoesThroughPagesUpToTheLimit) {
  Json page = Json::array();
  for (int i = 0; i < 500; ++i) page.push_back(saga("s" + std::to_string(i), "completed"));
  Json rest = Json::array();
  for (int i = 500; i < 600; ++i) rest.push_back(saga("s" + std::to_string(i), "completed"));
  server_.script("GET /v1/sagas", {{200, Json({{"sagas", page}, {"next_cursor", "c/1"}}).dump()},
                                   {200, Json({{"sagas", rest}, {"next_cursor", "c/2"}}).dump()}});
  EXPECT_EQ(shell_.run({"list", "--limit", "600", "-o", "ids"}), 0);
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].query.at("limit"), "500");
  EXPECT_EQ(requests[1].query.at("limit"), "100");
  EXPECT_EQ(requests[1].query.at("cursor"), "c/1");
  EXPECT_EQ(std::count(shell_.out.begin(), shell_.out.end(), '\n'), 600);
  EXPECT_THAT(shell_.out, StartsWith("s0\ns1\n"));
}

TEST_F(Reading, ListSpeaksEveryFormat) {
  const Json sagas{saga("a", "completed"), saga("b", "failed")};
  server_.always("GET /v1/sagas", {{"sagas", sagas}, {"next_cursor", nullptr}});
  EXPECT_EQ(shell_.run({"list", "-o", "json"}), 0);
  EXPECT_EQ(Json::parse(shell_.out), Json({{"sagas", sagas}, {"next_cursor", nullptr}}));
  EXPECT_EQ(shell_.run({"-o", "jsonl", "list"}), 0);
  std::istringstream lines(shell_.out);
  std::string line;
  for (const Json& expected : sagas) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(Json::parse(line), expected);
  }
  EXPECT_EQ(shell_.run({"list", "-oyaml"}), 0);
  EXPECT_EQ(YAML::Load(shell_.out)["sagas"][1]["id"].as<std::string>(), "b");
  EXPECT_EQ(shell_.run({"list"}), 0);
  EXPECT_THAT(shell_.out, AllOf(StartsWith("ID\tWORKFLOW\tSTATUS\tATTN\tCREATED\tTOOK\tERROR\na\torder-saga/"
                                           "1\tcompleted\t\t2026-11-23T03:21:19.000Z\t"),
                                Not(HasSubstr("\x1b"))));
  EXPECT_EQ(shell_.run({"list", "-o", "xml"}), 2);
  EXPECT_THAT(shell_.err, HasSubstr("xml"));
}

TEST_F(Reading, ColourIsForTerminalsThatWantIt) {
  server_.always("GET /v1/sagas", {{"sagas", {saga("a", "failed")}}, {"next_cursor", nullptr}});
  shell_.terminal = true;
  EXPECT_EQ(shell_.run({"list"}), 0);
  EXPECT_THAT(shell_.out, HasSubstr("\x1b[1;31mfailed\x1b[0m"));
  shell_.environment["NO_COLOR"] = "1";
  EXPECT_EQ(shell_.run({"list"}), 0);
  EXPECT_THAT(shell_.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(shell_.out, StartsWith("ID  WORKFLOW"));
}

TEST_F(Reading, OnATerminalAttentionIsSummedUpOnStderr) {
  shell_.terminal = true;
  Json failed = saga("a", "failed");
  failed["needs_attention"] = true;
  server_.always("GET /v1/sagas", {{"sagas", {failed}}, {"next_cursor", "more"}});
  server_.always("GET /v1/stats", {{"attention",
                                    {{{"workflow", "order-saga"},
                                      {"step", "process_payment"},
                                      {"phase", "compensation"},
                                      {"code", "timeout"},
                                      {"count", 9}},
                                     {{"workflow", "order-saga"},
                                      {"step", "process_payment"},
                                      {"phase", "compensation"},
                                      {"code", "gateway_down"},
                                      {"count", 231}}}}});
  EXPECT_EQ(shell_.run({"list", "--needs-attention", "--limit", "1", "--step", "process_payment"}), 0);
  EXPECT_EQ(
      shell_.err,
      "process_payment compensation: 231 gateway_down, 9 timeout\nthe newest 1 shown; there are more: --limit 4\n");
  EXPECT_EQ(server_.requests().back().query.at("step"), "process_payment");
}

// inspect

TEST_F(Reading, InspectPutsThePageTogetherFromWhatTheServerSays) {
  Json failed = saga("order-42", "failed");
  failed["allowed"] = {"retry", "skip", "terminate"};
  failed["stuck"] = {{{"step", "process_payment"},
                      {"phase", "compensation"},
                      {"code", "gateway_down"},
                      {"message", "down"},
                      {"attempts", 1}}};
  failed["steps"] = {
      {{"name", "process_payment"},
       {"status", "completed"},
       {"attempts", 1},
       {"compensation",
        {{"status", "failed"}, {"attempts", 1}, {"error", {{"code", "gateway_down"}, {"http_status", 503}}}}}}};
  server_.always("GET /v1/sagas/order-42", failed);
  server_.always("GET /v1/sagas/order-42/events", {{"events",
                                                    {{{"seq", 1},
                                                      {"at", "2026-11-23T03:00:00.000Z"},
                                                      {"type", "attempt_begun"},
                                                      {"step", "process_payment"},
                                                      {"phase", "compensation"},
                                                      {"attempt", 1},
                                                      {"data", Json::object()}}}}});
  server_.always(
      "GET /v1/workflows/order-saga/1",
      {{"definition",
        {{"steps", {{{"name", "process_payment"}, {"service", "payment"}, {"compensation", "/refunds"}}}}}}});
  EXPECT_EQ(shell_.run({"inspect", "order-42", "--server", server_.url()}), 0);
  const std::string program = "sagactl --server " + server_.url();
  EXPECT_THAT(shell_.out, HasSubstr("Not undone   process_payment: 503 gateway_down"));
  EXPECT_THAT(shell_.out, HasSubstr("process_payment, compensation: POST /refunds at payment"));
  EXPECT_THAT(shell_.out, HasSubstr(program + " skip order-42 --step process_payment --reason TEXT"));
  EXPECT_EQ(shell_.run({"inspect", "order-42", "-o", "json"}), 0);
  EXPECT_EQ(Json::parse(shell_.out), failed);
}

TEST_F(Reading, EverySuggestedCommandIsOneThatWorks) {
  // One saga for each way of being stuck; what the page tells to paste is pasted, and must reach the server.
  const auto step = [](const char* name, const char* status, const char* undo) {
    return Json{
        {"name", name}, {"status", status}, {"attempts", 1}, {"compensation", {{"status", undo}, {"attempts", 1}}}};
  };
  const auto stuck = [](const char* name, const char* phase, const char* code) {
    return Json{{"step", name}, {"phase", phase}, {"code", code}, {"attempts", 1}};
  };
  std::vector<Json> sagas;
  for (const auto& [status, calls] : std::vector<std::pair<std::string, Json>>{
           {"failed", {stuck("a", "compensation", "503"), stuck("b", "compensation", "503")}},
           {"suspended", {stuck("a", "action", "pivot_unknown")}},
           {"suspended", {stuck("b", "action", "card_declined")}},
           {"running", Json::array()},
           {"pending", Json::array()}}) {
    Json one = saga("s1", status);
    one["stuck"] = calls;
    one["steps"] = {step("a", status == "running" ? "retrying" : "failed", "failed"), step("b", "failed", "none")};
    one["allowed"] = {"cancel", "suspend", "resume", "retry", "skip", "terminate"};
    sagas.push_back(one);
    one["allowed"] = {"resume"};
    sagas.push_back(one);
  }
  server_.always("GET /v1/sagas/s1/events", {{"events", Json::array()}});
  Json done = saga("s1", "completed");
  for (const char* verb : {"cancel", "retry", "skip", "suspend", "resume", "terminate"})
    server_.always(std::string("POST /v1/sagas/s1/") + verb, done);

  std::set<std::string> pasted;
  for (const Json& one : sagas) {
    server_.always("GET /v1/sagas/s1", one);
    ASSERT_EQ(shell_.run({"inspect", "s1"}), 0);
    std::istringstream page(shell_.out);
    server_.always("GET /v1/sagas/s1", done);
    std::string line;
    while (std::getline(page, line)) {
      if (line.rfind("  sagactl ", 0) != 0) continue;
      std::string command = line.substr(10);
      if (const auto effect = command.find("   "); effect != std::string::npos) command.resize(effect);
      std::vector<std::string> words;
      std::istringstream in(command);
      for (std::string word; in >> word;) words.push_back(word == "'{}'" ? "{}" : word);
      EXPECT_EQ(shell_.run(words), 0) << command << ": " << shell_.err;
      pasted.insert(command);
    }
  }
  EXPECT_THAT(pasted,
              ::testing::IsSupersetOf({"retry s1", "retry s1 --step b", "skip s1 --step a --reason TEXT",
                                       "skip s1 --step a --output '{}' --reason TEXT", "cancel s1 --reason TEXT",
                                       "suspend s1", "resume s1", "terminate s1 --reason TEXT", "wait s1"}));
}

// The server

TEST_F(Reading, ServicesAreShownWithTheirInstances) {
  server_.always("GET /v1/services", Json::parse(
                                         R"({"services":[{"name":"payment","known":true,"instances":[
                                                {"url":"http://a:1","health":"healthy","breaker":"closed"},
                                                {"url":"http://b:2","health":"unknown","breaker":"closed"}],
                                              "max_in_flight":200,"in_flight":3,"queued":1},
                                             {"name":"orders","known":false,"instances":[],"max_in_flight":0,"in_flight":0,"queued":0}]})"));
  EXPECT_EQ(shell_.run({"service", "list"}), 0);
  EXPECT_EQ(shell_.out,
            "SERVICE\tINSTANCE\tHEALTH\tBREAKER\tFAULTS\tIN FLIGHT\tQUEUED\tLAST ERROR\n"
            "payment\thttp://a:1\thealthy\tclosed\t\t3 of 200\t1\t\n"
            "payment\thttp://b:2\tnot called yet\tclosed\t\t\t\t\n"
            "orders\tnone: its steps wait\t\t\t\t0\t0\t\n");
  EXPECT_EQ(shell_.run({"service", "list", "-o", "json"}), 0);
  EXPECT_EQ(Json::parse(shell_.out)["services"][0]["instances"][0]["health"], "healthy");
  EXPECT_EQ(shell_.run({"service", "list", "-o", "ids"}), 0);
  EXPECT_EQ(shell_.out, "payment\norders\n");
}

TEST_F(Reading, StatsShowCountsAttentionAndQueues) {
  server_.always("GET /v1/stats",
                 Json::parse(R"({"counts":[{"workflow":"order-saga","status":"failed","count":2,"needing_attention":2},
                                           {"workflow":"order-saga","status":"completed","count":9,"needing_attention":0}],
                                 "attention":[{"workflow":"order-saga","step":"pay","phase":"compensation","code":"timeout","count":2}],
                                 "queues":{"store":5}})"));
  EXPECT_EQ(shell_.run({"stats"}), 0);
  EXPECT_EQ(shell_.out,
            "WORKFLOW\tSTATUS\tSAGAS\tATTN\norder-saga\tfailed\t2\t2\norder-saga\tcompleted\t9\t\n"
            "\nNeeds attention\n  pay compensation: 2 timeout\n\nQueues\n  store: 5\n");
}

TEST_F(Reading, HealthSaysWhatIsWrong) {
  server_.always("GET /health/live", {{"status", "live"}});
  server_.always("GET /health/ready",
                 {{"status", "ready"}, {"components", {{"store", {{"ok", true}, {"problem", nullptr}}}}}});
  EXPECT_EQ(shell_.run({"health"}), 0);
  EXPECT_EQ(shell_.out, "live   yes\nready  yes\n  store: ok\n");
  server_.script("GET /health/ready",
                 {{503, R"({"status":"not ready","components":{"store":{"ok":false,"problem":"the disk is full"}}})"}});
  EXPECT_EQ(shell_.run({"health"}), 5);
  EXPECT_EQ(shell_.out, "live   yes\nready  no\n  store: not ok, the disk is full\n");
}

}  // namespace
}  // namespace saga::ctl
