// A saga that has stopped, before somebody who has a shell: what `sagactl inspect` says of it, and the commands of that
// page pasted back. With the real `sagad` and `sagactl`.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "tests/e2e/breakable_shop.h"
#include "tests/support/sagad_process.h"

namespace saga::testing {

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

/// Of what `sagactl inspect` printed.
inline Inspection read_inspection(std::string text) {
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
inline std::set<std::string> verbs_of(const Inspection& page) {
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
  static constexpr std::chrono::seconds kPatience{60};

  void TearDown() override { EXPECT_THAT(shop_.called_after_done(), ::testing::IsEmpty()); }

  void start_sagad(std::vector<std::string> services) {
    std::vector<std::string> arguments{"--store", "sqlite:" + folder_.path("saga.db"), "--workflows",
                                       MENDING_WORKFLOWS};
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
        EXPECT_THAT(typed.out, ::testing::HasSubstr(why));
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
    for (const std::string& command : page.commands)
      EXPECT_THAT(command, ::testing::StartsWith("sagactl ")) << page.text;
  }

  /// Pastes `command`, which the page has to propose, word for word.
  void take(const Inspection& page, const std::string& command) {
    ASSERT_THAT(page.commands, ::testing::Contains(command)) << page.text;
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
  BreakableShop shop_;
  std::unique_ptr<SagadProcess> sagad_;
};

}  // namespace saga::testing
