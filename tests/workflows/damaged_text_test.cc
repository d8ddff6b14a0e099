// However a text is damaged, loading it ends with workflows or with problems that a person can find.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

#include "workflows/load.h"

namespace saga::workflows {
namespace {

constexpr std::string_view kYaml = R"yaml(# A bit of everything.
name: order-saga
version: 1
deadline: 10m
input_schema: { type: object, required: [sku], properties: { sku: { type: string, pattern: "^[a-z]+$" } } }
defaults:
  retry: { max_attempts: 10, jitter: 0.2 }
steps:
  - name: reserve
    service: inventory
    action: { method: PUT, path: "/r/${ saga.id }", headers: { X-A: 'b ''c''' } }
    compensation: { method: DELETE, path: "/r/${ output.id }", accept: [404] }
    input: { sku: "${ input.sku }", note: "a\tb\u00e9" }
  - name: ship
    url: http://127.0.0.1:8081
    action: /ship
    pivot: true
    when: >-
      ${ steps.reserve.output.ok
         and input.amount >= 0x10 }
    error_code: "${ body.code }"
output:
  - ${ steps.ship.output }
---
{ name: other, version: 2, steps: [{ name: a, service: s, action: /a }] }
---
name: kinds
version: 3
steps:
  - name: both
    when: ${ input.both }
    parallel:
      - - { name: pause, wait: 1h30m, when: true }
        - parallel: [[{ name: b, service: s, action: /b }], [{ name: c, saga: other/2, input: [1] }]]
      - - name: approval
          signal: approved
          timeout: 3d
          on_failure: continue
  - { name: last, saga: other, pivot: true, on_failure: suspend }
output: ${ steps.b.output or steps.approval.output }
)yaml";

constexpr std::string_view kJson =
    R"json({"name": "a", "version": 1, "output": ["${ steps.a.output.b[0] }", null, -1.5e3],
 "steps": [{"name": "a", "service": "s", "action": {"path": "/\u0061", "accept": [404]}, "retry": {"max_attempts": 3}},
  {"name": "both", "parallel": [[{"name": "p", "wait": "1s"}], [{"name": "s", "signal": "paid"}, {"name": "c", "saga": "a/1"}]]}]})json";

/// Pieces that mean something to one of the parsers.
const std::vector<std::string> kPieces = {"\t",         "\n",     "\r\n",
                                          " ",          ":",      ": ",
                                          "- ",         "? ",     "\"",
                                          "'",          "{",      "}",
                                          "[",          "]",      ",",
                                          "#",          "&a ",    "*a",
                                          "!t ",        "|\n",    ">\n",
                                          "---\n",      "...\n",  "%YAML 1.2\n",
                                          "<<: ",       "${",     "}",
                                          "$${",        "\\",     "\\u",
                                          "\xff",       "\xc3",   std::string(1, '\0'),
                                          "parallel: ", "wait: ", "signal: ",
                                          "saga: ",     "- - ",   "\x04",
                                          "~",          "0x",     "1e999",
                                          ".nan",       "@",      "`"};

std::string damaged(std::string text) {
  const int times = *rc::gen::inRange(1, 6);
  for (int i = 0; i < times; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
    const auto length = *rc::gen::inRange<std::size_t>(0, 20);
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        text.insert(at, *rc::gen::elementOf(kPieces));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(*rc::gen::inRange<std::size_t>(0, text.size() + 1), length));
        break;
      default:
        text.resize(std::max<std::size_t>(at, 1));
        break;
    }
  }
  return text;
}

void check_loading(const std::string& text) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  const auto loaded = load_workflows(text, "f");
  if (loaded) {
    for (const WorkflowRef& workflow : *loaded) {
      RC_ASSERT(!workflow->steps.empty());
      const auto again = load_workflows(workflow->source, "f");
      RC_ASSERT(again.has_value());
      RC_ASSERT(again->size() == 1U);
      RC_ASSERT(again->front()->definition == workflow->definition);
    }
    return;
  }
  RC_ASSERT(!loaded.error().empty());
  RC_ASSERT(loaded.error().size() <= 50U);
  TextPosition last;
  for (const Problem& problem : loaded.error()) {
    RC_ASSERT(!problem.message.empty());
    RC_ASSERT(problem.position.line >= last.line);
    RC_ASSERT(problem.position.line <= lines);
    RC_ASSERT(problem.position.column >= 1U);
    last = problem.position;
  }
}

TEST(DamagedText, TheTextsAreGoodBeforeTheyAreDamaged) {
  EXPECT_TRUE(load_workflows(kYaml, "f"));
  EXPECT_TRUE(load_workflows(kJson, "f"));
}

RC_GTEST_PROP(DamagedText, YamlIsLoadedOrExplained, ()) { check_loading(damaged(std::string(kYaml))); }

RC_GTEST_PROP(DamagedText, JsonIsLoadedOrExplained, ()) { check_loading(damaged(std::string(kJson))); }

}  // namespace
}  // namespace saga::workflows
