// Pages against files: golden/NAME.json holds what the server said, NAME.terminal.txt and NAME.plain.txt what people
// see. SAGACTL_WRITE_GOLDEN=1 writes them anew, for a person to read before they are committed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

#include "sagactl/render/audit.h"
#include "sagactl/render/inspect.h"
#include "sagactl/render/lists.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

const Page kTerminal{true, true, 100};
const Page kPlain{false, false, 80};

std::string golden_path(const std::string& file) { return std::string(GOLDEN_DIR) + "/" + file; }

std::optional<std::string> content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Json facts_of(const std::string& name) {
  const auto source = content_of(golden_path(name + ".json"));
  if (!source) return nullptr;
  auto facts = parse_json(*source);
  return facts ? *facts : Json(nullptr);
}

void expect_golden(const std::string& file, const std::string& shown) {
  if (std::getenv("SAGACTL_WRITE_GOLDEN") != nullptr) {
    std::ofstream(golden_path(file), std::ios::binary) << shown;
    return;
  }
  const auto expected = content_of(golden_path(file));
  ASSERT_TRUE(expected) << "no " << golden_path(file) << "; SAGACTL_WRITE_GOLDEN=1 writes it";
  EXPECT_EQ(shown, *expected) << "in " << file;
}

class InspectPage : public ::testing::TestWithParam<const char*> {};

TEST_P(InspectPage, LooksAsItShould) {
  const std::string name = GetParam();
  const Json facts = facts_of(name);
  ASSERT_TRUE(facts.is_object()) << name;
  Inspected inspected;
  inspected.saga = member(facts, "saga");
  inspected.events = member(facts, "events");
  inspected.definition = member(facts, "definition");
  inspected.now = *time(facts, "now");
  expect_golden(name + ".terminal.txt", render_inspect(inspected, kTerminal));
  expect_golden(name + ".plain.txt", render_inspect(inspected, kPlain));
}

INSTANTIATE_TEST_SUITE_P(States, InspectPage,
                         ::testing::Values("failed", "completed", "compensated", "suspended_pivot_unknown",
                                           "suspended_by_operator", "running_retry", "running_in_flight",
                                           "pending_start_at", "no_instance", "running_kinds", "child_suspended"),
                         [](const auto& name) { return std::string(name.param); });

TEST(OutcomePage, SaysHowItEnded) {
  for (const std::string name : {"failed", "completed", "compensated", "suspended_pivot_unknown"}) {
    const Json facts = facts_of(name);
    ASSERT_TRUE(facts.is_object()) << name;
    expect_golden(name + ".outcome.txt", render_outcome(member(facts, "saga"), kPlain));
  }
}

TEST(EventLines, SayWhatAStepWaitsFor) {
  const Json facts = facts_of("running_kinds");
  ASSERT_TRUE(facts.is_object());
  std::string lines;
  for (const Json& event : member(facts, "events")) lines += render_event(event, kPlain);
  expect_golden("events_kinds.plain.txt", lines);
}

TEST(EventLines, LookAsTheyShould) {
  const Json facts = facts_of("failed");
  ASSERT_TRUE(facts.is_object());
  for (const auto& [suffix, page] : {std::pair<std::string, Page>("terminal", kTerminal), {"plain", kPlain}}) {
    std::string lines;
    for (const Json& event : member(facts, "events")) lines += render_event(event, page);
    expect_golden("events." + suffix + ".txt", lines);
  }
}

TEST(SagaTable, LooksAsItShould) {
  const Json facts = facts_of("list");
  ASSERT_TRUE(facts.is_object());
  const Timestamp now = *time(facts, "now");
  Json attention = Json::array();
  for (const Json& saga : list(facts, "sagas")) {
    if (flag(saga, "needs_attention")) attention.push_back(saga);
  }
  ASSERT_EQ(attention.size(), 3U);
  expect_golden("list.terminal.txt", render_sagas(list(facts, "sagas"), false, now, kTerminal));
  expect_golden("list.plain.txt", render_sagas(list(facts, "sagas"), false, now, kPlain));
  expect_golden("list_attention.terminal.txt", render_sagas(attention, true, now, kTerminal));
  expect_golden("list_attention.plain.txt", render_sagas(attention, true, now, kPlain));
}

TEST(ServiceTable, LooksAsItShould) {
  const Json answer = facts_of("services");
  ASSERT_TRUE(answer.is_object());
  const Timestamp now = *time(answer, "now");
  expect_golden("services.terminal.txt", render_services(answer, now, {true, true, 140}));
  expect_golden("services.plain.txt", render_services(answer, now, kPlain));
}

TEST(ServiceTable, HasARowForWhatAnotherVersionOfTheServerSays) {
  const Json answer{{"services", {{{"name", "payment"}, {"instances", {{{"url", "http://a:1"}}, 7}}}, "x"}}};
  EXPECT_THAT(render_services(answer, {}, kPlain), ::testing::HasSubstr("payment\thttp://a:1\t"));
}

TEST(AuditTable, LooksAsItShould) {
  const Json facts = facts_of("audit");
  ASSERT_TRUE(facts.is_object());
  const Timestamp now = *time(facts, "now");
  expect_golden("audit.terminal.txt", render_audit(list(facts, "audit"), now, kTerminal));
  expect_golden("audit.plain.txt", render_audit(list(facts, "audit"), now, kPlain));
}

TEST(Pages, ATerminalLineNeverIsWiderThanTheTerminal) {
  for (const std::string name : {"failed", "no_instance", "running_retry", "completed"}) {
    const Json facts = facts_of(name);
    Inspected inspected{member(facts, "saga"), member(facts, "events"), member(facts, "definition"),
                        *time(facts, "now"), "sagactl"};
    const std::string page = render_inspect(inspected, {true, false, 60});
    std::size_t begin = page.find('\n') + 1;  // The header may wrap: all of it matters.
    const std::size_t commands = page.find("You can now");
    while (begin < std::min(commands, page.find("All attempts"))) {
      const std::size_t end = page.find('\n', begin);
      EXPECT_LE(display_width(page.substr(begin, end - begin)), 60U) << page.substr(begin, end - begin);
      begin = end + 1;
    }
  }
}

TEST(Pages, AnEmptySagaStillHasAPage) {
  Inspected inspected;
  inspected.saga = {{"id", "x"}};
  EXPECT_THAT(render_inspect(inspected, kPlain), ::testing::HasSubstr("sagactl events x"));
  inspected.saga = {{"id", "x"},           {"status", 7},     {"steps", "none"},
                    {"stuck", {{"a", 1}}}, {"error", "text"}, {"allowed", {1, 2}}};
  inspected.events = {1, "two", {{"type", "attempt_failed"}}, {{"type", "saga_suspended"}, {"actor", 3}}};
  EXPECT_THAT(render_inspect(inspected, kPlain), ::testing::HasSubstr("sagactl events x"));
}

TEST(Pages, AMessageCannotSteerTheTerminal) {
  const Json facts = facts_of("failed");
  Inspected inspected{member(facts, "saga"), Json::array(), nullptr, *time(facts, "now"), "sagactl"};
  inspected.saga["steps"][1]["compensation"]["error"]["message"] = "\x1b[2Jgone\r\nsagactl: all is well";
  const std::string page = render_inspect(inspected, kPlain);
  EXPECT_THAT(page, ::testing::HasSubstr("\\x1b[2Jgone\\x0d\\nsagactl: all is well"));
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace saga::ctl
