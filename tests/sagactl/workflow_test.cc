// workflow apply, list, show, validate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sagactl/shell.h"

namespace saga::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kGood =
    "# a comment\nname: pay\nversion: 2\nsteps:\n  - name: charge\n    service: payment\n    action: /charges\n";
constexpr const char* kBad = "name: pay\nversion: 2\nstepps: []\n";

class WorkflowCommands : public ::testing::Test {
 protected:
  StubServer server_;
  Shell shell_{server_};
  TempFolder folder_;
};

TEST_F(WorkflowCommands, ValidateNeedsNoServer) {
  server_.down();
  const std::string good = folder_.write("good.yaml", kGood);
  EXPECT_EQ(shell_.run({"workflow", "validate", good}), 0) << shell_.err;
  EXPECT_EQ(shell_.out, "pay/2  valid, 1 step\n");
  const std::string bad = folder_.write("bad.yaml", kBad);
  EXPECT_EQ(shell_.run({"workflow", "validate", bad}), 4);
  EXPECT_THAT(shell_.err, HasSubstr(bad + ":3:1: error: unknown key 'stepps'"));
  EXPECT_THAT(shell_.out, IsEmpty());
}

TEST_F(WorkflowCommands, ApplySendsFilesAsTheyAre) {
  folder_.write("a.yaml", kGood);
  folder_.write("b.json", R"({"name":"ship","version":1,"steps":[{"name":"s","service":"x","action":"/s"}]})");
  folder_.write("notes.txt", "not a workflow");
  server_.script(
      "POST /v1/workflows",
      {{201,
        R"({"workflows":[{"name":"pay","version":2,"created":true}],"warnings":["service 'payment' is not known"]})"},
       {200, R"({"workflows":[{"name":"ship","version":1,"created":false}],"warnings":[]})"}});
  EXPECT_EQ(shell_.run({"workflow", "apply", folder_.path()}), 0) << shell_.err;
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].body, kGood);
  EXPECT_EQ(requests[0].query.at("file"), folder_.path() + "/a.yaml");
  EXPECT_EQ(requests[0].headers.at("Content-Type"), "application/yaml");
  EXPECT_EQ(requests[1].headers.at("Content-Type"), "application/json");
  EXPECT_EQ(shell_.out, "pay/2  registered\nship/1  is there already, unchanged\n");
  EXPECT_THAT(shell_.err, HasSubstr("a.yaml: warning: service 'payment' is not known"));
}

const std::string kChild = "name: child\nversion: 3\nsteps: [{ name: a, service: s, action: /a }]\n";
const std::string kParent =
    "name: parent\nversion: 1\nsteps:\n  - { name: a, saga: child/3 }\n  - { name: b, saga: elsewhere }\n";

TEST_F(WorkflowCommands, ValidateWarnsOfChildrenThatAreNotThere) {
  folder_.write("a.yaml", kParent);
  folder_.write("b.yaml", kChild);
  EXPECT_EQ(shell_.run({"workflow", "validate", folder_.path()}), 0) << shell_.err;
  EXPECT_EQ(shell_.err, folder_.path() +
                            "/a.yaml:5:22: warning: workflow 'elsewhere' is not in these files: it must be registered "
                            "before this one, or together with it\n");
  EXPECT_EQ(shell_.out, "parent/1  valid, 2 steps\nchild/3  valid, 1 step\n");
  folder_.write("b.yaml", "name: child\nversion: 3\nsteps: [{ name: a, service: s, action: /a, pivot: true }]\n");
  EXPECT_EQ(shell_.run({"workflow", "validate", folder_.path()}), 4);
  EXPECT_THAT(shell_.err, HasSubstr("a.yaml:4:22: error: child/3 cannot be undone"));
  EXPECT_THAT(shell_.out, IsEmpty());
}

TEST_F(WorkflowCommands, ApplySendsChildrenBeforeTheirParents) {
  folder_.write("a.yaml", kParent);
  folder_.write("b.yaml", kChild);
  server_.always("POST /v1/workflows", Json::parse(R"({"workflows":[],"warnings":[]})"));
  EXPECT_EQ(shell_.run({"workflow", "apply", folder_.path()}), 0) << shell_.err;
  auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].body, kChild);
  EXPECT_EQ(requests[1].body, kParent);
  EXPECT_EQ(requests[1].query.count("with"), 0U);
  EXPECT_EQ(shell_.run({"workflow", "apply", "--dry-run", folder_.path()}), 0) << shell_.err;
  requests = server_.requests();
  ASSERT_EQ(requests.size(), 4U);
  EXPECT_EQ(requests[2].query.count("with"), 0U);
  EXPECT_EQ(requests[3].query.at("with"), "child/3") << "the file before is not registered by a dry run";
}

TEST_F(WorkflowCommands, ApplySendsNothingOfASetWithAMistake) {
  folder_.write("a.yaml", kGood);
  folder_.write("b.yaml", kBad);
  EXPECT_EQ(shell_.run({"workflow", "apply", folder_.path()}), 4);
  EXPECT_THAT(shell_.err, HasSubstr("b.yaml:3:1: error: "));
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(WorkflowCommands, AClashIsSaidWithTheFile) {
  const std::string file = folder_.write("a.yaml", kGood);
  server_.script("POST /v1/workflows", {problem(409, "pay/2 is registered with other content")});
  EXPECT_EQ(shell_.run({"workflow", "apply", file}), 4);
  EXPECT_THAT(shell_.err,
              AllOf(HasSubstr(file + " was not registered"), HasSubstr("pay/2 is registered with other content")));
  server_.script(
      "POST /v1/workflows",
      {problem(422, "refused", {{"errors", {{{"line", 4}, {"column", 3}, {"detail", "a step too many"}}}}})});
  EXPECT_EQ(shell_.run({"workflow", "apply", file}), 4);
  EXPECT_THAT(shell_.err, StartsWith(file + ":4:3: error: a step too many\n"));
}

TEST_F(WorkflowCommands, DryRunSaysWhatWouldHappen) {
  const std::string file = folder_.write("a.yaml", kGood);
  server_.always("POST /v1/workflows",
                 Json::parse(R"({"workflows":[{"name":"pay","version":2,"created":true}],"warnings":[]})"));
  EXPECT_EQ(shell_.run({"workflow", "apply", "--dry-run", file}), 0);
  EXPECT_EQ(shell_.out, "pay/2  would be registered\n");
  EXPECT_EQ(server_.requests().front().query.at("dry_run"), "true");
  server_.script("POST /v1/workflows", {problem(409, "pay/2 is registered with other content")});
  EXPECT_EQ(shell_.run({"workflow", "apply", "--dry-run", file}), 4);
  EXPECT_THAT(shell_.err, HasSubstr(file + " would not be registered"));
}

TEST_F(WorkflowCommands, ShowPrintsTheSourceAsItWasWritten) {
  server_.always("GET /v1/workflows/pay", {{"name", "pay"}, {"version", 2}, {"source", kGood}});
  EXPECT_EQ(shell_.run({"workflow", "show", "pay"}), 0);
  EXPECT_EQ(shell_.out, kGood);
  server_.always("GET /v1/workflows/pay/2", {{"name", "pay"}, {"version", 2}, {"definition", {{"name", "pay"}}}});
  EXPECT_EQ(shell_.run({"workflow", "show", "pay/2"}), 0);
  EXPECT_EQ(shell_.out, "name: pay\n");
  EXPECT_EQ(shell_.run({"workflow", "show", "pay/3"}), 3);
}

TEST_F(WorkflowCommands, ListShowsVersions) {
  server_.always(
      "GET /v1/workflows",
      Json::parse(
          R"({"workflows":[{"name":"pay","version":2,"description":"Pays","steps":3,"registered_at":"2026-11-23T03:21:19.000Z"}]})"));
  EXPECT_EQ(shell_.run({"workflow", "list"}), 0);
  EXPECT_EQ(shell_.out, "WORKFLOW\tREGISTERED\tSTEPS\tDESCRIPTION\npay/2\t2026-11-23T03:21:19.000Z\t3\tPays\n");
}

}  // namespace
}  // namespace saga::ctl
