#include "tests/store/contract/contract.h"

namespace saga::store::testing {
namespace {

using ::testing::ElementsAre;

class Registering : public StoreContract {
 protected:
  static WorkflowRow row(const std::string& name, std::int64_t version, const std::string& content = "{}") {
    return WorkflowRow{name, version, content, "# source\n" + content, kNoon};
  }
};
EVERY_STORE(Registering);

TEST_P(Registering, AWorkflowIsThereWhenItReturnsByNameAndVersion) {
  const auto b1 = row("b", 1);
  const auto a10 = row("a", 10);
  const auto a2 = row("a", 2);
  EXPECT_EQ(store().register_workflows({b1, a10}), true);
  EXPECT_EQ(store().register_workflows({a2}), true);
  EXPECT_THAT(*store().workflows(), ElementsAre(a2, a10, b1));
}

TEST_P(Registering, TheSameContentAgainIsFineAndKeepsTheFirstSource) {
  const auto first = row("a", 1, R"({"steps":[]})");
  ASSERT_EQ(store().register_workflows({first}), true);
  auto again = first;
  again.source = "other layout";
  again.registered_at = kNoon + Millis{1};
  EXPECT_EQ(store().register_workflows({again}), false);
  EXPECT_THAT(*store().workflows(), ElementsAre(first));
  EXPECT_EQ(store().register_workflows({}), false);
}

TEST_P(Registering, OtherContentIsAConflictAndNothingIsRegistered) {
  const auto first = row("a", 1);
  ASSERT_EQ(store().register_workflows({first}), true);
  EXPECT_THAT(store().register_workflows({row("b", 1), row("a", 1, "[]"), row("c", 1)}),
              FailsWith(ErrorCode::kConflict, "a/1"));
  EXPECT_THAT(store().register_workflows({row("d", 1), row("d", 1, "[]")}), FailsWith(ErrorCode::kConflict, "d/1"));
  EXPECT_THAT(*store().workflows(), ElementsAre(first));
  EXPECT_TRUE(store().health().writable);
}

TEST_P(Registering, ASecretIsKeptAsItWasFirstGiven) {
  EXPECT_EQ(store().keep_secret("callbacks", "first"), "first");
  EXPECT_EQ(store().keep_secret("callbacks", "second"), "first");
  EXPECT_EQ(store().keep_secret("other", "second"), "second");
}

TEST_P(Registering, AMixOfOldAndNewSaysThatSomethingIsNew) {
  ASSERT_EQ(store().register_workflows({row("a", 1)}), true);
  EXPECT_EQ(store().register_workflows({row("a", 1), row("a", 2)}), true);
  EXPECT_EQ(store().workflows()->size(), 2U);
}

}  // namespace
}  // namespace saga::store::testing
