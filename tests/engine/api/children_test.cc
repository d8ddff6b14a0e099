// Registering workflows that run child sagas.
#include <gmock/gmock.h>

#include "tests/engine/api/api_fixture.h"

namespace saga::api {
namespace {

using ::testing::HasSubstr;

using Children = ApiFixture;

// What runs child sagas, and workflows without and with a pivot. The parent's
// `saga` stands at 4:22.
std::string parent_of(const std::string &child) {
  return "name: parent\nversion: 1\nsteps:\n  - { name: a, saga: " + child +
         " }\n";
}
std::string child_workflow(int version, bool pivot) {
  return "name: child\nversion: " + std::to_string(version) +
         "\nsteps: [{ name: a, service: inventory, action: /a" +
         (pivot ? ", pivot: true" : "") + " }]\n";
}

TEST_F(Children, AParentIsRefusedWithoutItsChild) {
  const Reply reply =
      call("POST", "/v1/workflows?file=parent.yaml", parent_of("child"));
  EXPECT_EQ(reply.status, 422) << reply.text;
  EXPECT_EQ(reply.json["detail"],
            "parent.yaml:4:22: error: there is no workflow 'child': register "
            "it before this workflow, or together with it");
  ASSERT_EQ(reply.json["errors"].size(), 1U);
  EXPECT_EQ(reply.json["errors"][0]["line"], 4);
  EXPECT_EQ(reply.json["errors"][0]["column"], 22);
  EXPECT_EQ(call("GET", "/v1/workflows/parent").status, 404);
  const Reply batch =
      call("POST", "/v1/workflows",
           child_workflow(1, false) + "---\n" + parent_of("child/2"));
  EXPECT_EQ(batch.status, 422) << batch.text;
  EXPECT_EQ(call("GET", "/v1/workflows/child").status, 404)
      << "nothing of it is registered";
}

TEST_F(Children, AParentIsRegisteredAfterOrWithItsChild) {
  EXPECT_EQ(call("POST", "/v1/workflows",
                 parent_of("child/1") + "---\n" + child_workflow(1, false))
                .status,
            201);
  EXPECT_EQ(call("POST", "/v1/workflows", parent_of("child/1")).status, 200);
}

TEST_F(Children, AChildWithAPivotIsRefusedBeforeTheParentsPivot) {
  EXPECT_EQ(call("POST", "/v1/workflows", child_workflow(1, true)).status, 201);
  const Reply reply = call("POST", "/v1/workflows", parent_of("child"));
  EXPECT_EQ(reply.status, 422) << reply.text;
  EXPECT_THAT(reply.json["errors"][0]["detail"].get<std::string>(),
              HasSubstr("child/1 cannot be undone"));
  EXPECT_EQ(
      call("POST", "/v1/workflows", parent_of("child, pivot: true")).status,
      201);
}

TEST_F(Children, ANewVersionThatAParentCannotRunIsWarnedOf) {
  ASSERT_EQ(call("POST", "/v1/workflows",
                 child_workflow(1, false) + "---\n" + parent_of("child"))
                .status,
            201);
  for (const char *target : {"/v1/workflows?dry_run=true", "/v1/workflows"}) {
    const Reply reply = call("POST", target, child_workflow(2, true));
    EXPECT_EQ(reply.status, std::string(target).ends_with("true") ? 200 : 201)
        << reply.text;
    EXPECT_THAT(reply.json["warnings"].dump(),
                HasSubstr("workflow 'parent/1', step 'a' runs 'child' without "
                          "a version and cannot start from now on"));
  }
  const Reply same = call("POST", "/v1/workflows", parent_of("child"));
  EXPECT_EQ(same.status, 200)
      << "what is registered is not checked again: " << same.text;
}

TEST_F(Children, ADryRunTakesWhatIsAnnouncedAsThere) {
  EXPECT_EQ(call("POST", "/v1/workflows?dry_run=true&with=child/1",
                 parent_of("child/1"))
                .status,
            200);
  EXPECT_EQ(call("POST", "/v1/workflows?dry_run=true&with=child/1",
                 parent_of("child"))
                .status,
            200);
  EXPECT_EQ(call("POST", "/v1/workflows?dry_run=true&with=child/1",
                 parent_of("child/2"))
                .status,
            422);
  EXPECT_EQ(
      call("POST", "/v1/workflows?dry_run=true&with=child", parent_of("child"))
          .status,
      422);
  const Reply no_dry_run =
      call("POST", "/v1/workflows?with=child/1", parent_of("child"));
  EXPECT_EQ(no_dry_run.status, 422);
  EXPECT_EQ(no_dry_run.json["errors"][0]["parameter"], "with");
}

} // namespace
} // namespace saga::api
