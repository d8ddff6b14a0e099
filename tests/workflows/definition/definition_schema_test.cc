// The schema for editors against the loader: whatever the loader takes, the schema takes; and a mistake in the shape of
// a definition, which is all that a schema can see, both refuse.
#include "workflows/definition/definition_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/workflows/loading.h"
#include "workflows/schema.h"

namespace saga::workflows {
namespace {

constexpr const char* kEverything = R"(
name: everything-1
version: 3
description: all there is to say
deadline: 1h30m
input_schema: { type: object, required: [amount], properties: { amount: { type: integer } } }
defaults:
  timeout: 500ms
  retry: { max_attempts: 3, initial_interval: 1s, multiplier: 1.5, max_interval: 1m, jitter: 0.1, non_retryable: [gone, 402] }
  compensation_retry: { max_attempts: 7 }
on_compensation_failure: suspend
steps:
  - name: reserve
    service: inventory
    action: { method: PUT, path: "/r/${ saga.id }", headers: { X-Shop: "${ input.shop }" }, accept: [404, 409], input: [1, "${ input.sku }"] }
    compensation: /undo
    timeout: 2s
    retry: { max_attempts: 1 }
    compensation_retry: { jitter: 0 }
    total_timeout: 1d2h
    on_failure: suspend
    error_code: "${ body.code }"
    when: "${ input.amount > 5 }"
  - name: together
    parallel:
      - - { name: hotel, url: "http://127.0.0.1:8081/base", action: /book, input: "${ input.city }" }
        - { name: pause, wait: 250ms }
      - - { name: approval, signal: approved, timeout: 24h, on_failure: continue }
    when: true
  - { name: trip, saga: book-trip/2, input: { city: Oslo } }
  - { name: any_trip, saga: book-trip, pivot: true, on_failure: compensate }
output: { room: "${ steps.hotel.output }" }
)";

Schema compiled() {
  const auto schema = parse_json(definition_schema());
  EXPECT_TRUE(schema) << schema.error().message;
  auto made = Schema::compile(schema ? *schema : Json(true));
  EXPECT_TRUE(made) << made.error().message;
  return *made;
}

std::string why_not(const Schema& schema, const Json& definition) {
  std::string all;
  for (const SchemaViolation& violation : schema.validate(definition)) {
    all += violation.pointer + ": " + violation.message + "\n";
  }
  return all;
}

bool loads(const Json& definition) { return load_workflows(definition.dump(), "mutated.json").has_value(); }

TEST(DefinitionSchema, TakesEveryExample) {
  const Schema schema = compiled();
  const std::filesystem::path root = SAGA_SOURCE_DIR;
  int examples = 0;
  for (const char* folder : {"examples", "benchmarks"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() != ".yaml") continue;
      const auto loaded = load_workflow_files({entry.path().string()});
      ASSERT_TRUE(loaded) << format_problem(loaded.error().front());
      for (const WorkflowRef& workflow : *loaded) {
        EXPECT_EQ(why_not(schema, workflow->definition), "") << entry.path();
        ++examples;
      }
    }
  }
  EXPECT_GE(examples, 2);
}

TEST(DefinitionSchema, TakesEveryKindOfStepAndEveryOption) {
  const WorkflowRef workflow = load_one(kEverything);
  ASSERT_TRUE(workflow);
  EXPECT_EQ(why_not(compiled(), workflow->definition), "");
}

struct Mistake {
  const char* what;
  const char* pointer;  ///< What is replaced, or added.
  const char* value;    ///< JSON; null: taken away.
};

TEST(DefinitionSchema, RefusesTheMistakesOfShapeThatTheLoaderRefuses) {
  constexpr Mistake kMistakes[] = {
      {"no name", "/name", nullptr},
      {"no version", "/version", nullptr},
      {"no steps", "/steps", nullptr},
      {"an empty list of steps", "/steps", "[]"},
      {"a name in capitals", "/name", R"("Order")"},
      {"a name that is too long", "/name", R"("a123456789b123456789c123456789d123456789e123456789f123456789g1234")"},
      {"version 0", "/version", "0"},
      {"a version in words", "/version", R"("one")"},
      {"a key that is not known", "/stepz", "[]"},
      {"a deadline in numbers", "/deadline", "600"},
      {"a deadline that is none", "/deadline", R"("soon")"},
      {"defaults that are a list", "/defaults", "[]"},
      {"a default that is not known", "/defaults/retries", "3"},
      {"a policy that is not known", "/on_compensation_failure", R"("stop")"},
      {"a step without a name", "/steps/0/name", nullptr},
      {"a step's name with a hyphen", "/steps/0/name", R"("re-serve")"},
      {"a step without an action", "/steps/0/action", nullptr},
      {"a step without a service", "/steps/0/service", nullptr},
      {"a step with a service and a url", "/steps/0/url", R"("http://x")"},
      {"a step's key that is not known", "/steps/0/retries", "3"},
      {"a step that is a text", "/steps/0", R"("reserve")"},
      {"an action without a path", "/steps/0/action/path", nullptr},
      {"a path without a slash", "/steps/0/action/path", R"("reserve")"},
      {"a short action without a slash", "/steps/0/compensation", R"("undo")"},
      {"a method that is none", "/steps/0/action/method", R"("FETCH")"},
      {"a status out of range", "/steps/0/action/accept/0", "42"},
      {"a header that is a number", "/steps/0/action/headers/X-Shop", "5"},
      {"no attempts at all", "/steps/0/retry/max_attempts", "0"},
      {"a multiplier below 1", "/defaults/retry/multiplier", "0.5"},
      {"a jitter over 1", "/defaults/retry/jitter", "2"},
      {"a retry option that is not known", "/steps/0/retry/attempts", "3"},
      {"an on_failure that is none", "/steps/0/on_failure", R"("ignore")"},
      {"a when that is no expression", "/steps/0/when", R"("input.amount > 5")"},
      {"a when that is a number", "/steps/0/when", "1"},
      {"a pivot in words", "/steps/3/pivot", R"("yes")"},
      {"a group without branches", "/steps/1/parallel", "[]"},
      {"an empty branch", "/steps/1/parallel/0", "[]"},
      {"a branch that is a step", "/steps/1/parallel/0", R"({"name":"a","wait":"1s"})"},
      {"a group with a service", "/steps/1/service", R"("x")"},
      {"a mistake inside a branch", "/steps/1/parallel/0/0/actoin", R"("/x")"},
      {"a wait in numbers", "/steps/1/parallel/0/1/wait", "5"},
      {"a wait with a retry", "/steps/1/parallel/0/1/retry", "{}"},
      {"a signal with an action", "/steps/1/parallel/1/0/action", R"("/x")"},
      {"a child's version 0", "/steps/2/saga", R"("book-trip/0")"},
      {"a child with a timeout", "/steps/2/timeout", R"("5s")"},
      {"a url that is none", "/steps/1/parallel/0/0/url", R"("127.0.0.1:80")"},
  };
  const WorkflowRef workflow = load_one(kEverything);
  ASSERT_TRUE(workflow);
  const Schema schema = compiled();
  for (const Mistake& mistake : kMistakes) {
    Json definition = workflow->definition;
    const Json::json_pointer at(mistake.pointer);
    if (mistake.value == nullptr) {
      ASSERT_TRUE(definition.contains(at)) << mistake.what;
      definition.at(at.parent_pointer()).erase(at.back());
    } else {
      definition[at] = Json::parse(mistake.value);
    }
    EXPECT_FALSE(loads(definition)) << mistake.what;
    EXPECT_NE(why_not(schema, definition), "") << mistake.what;
  }
}

/// Every value of `root`, by pointer.
void collect(const Json& root, const Json::json_pointer& at, std::vector<Json::json_pointer>& all) {
  all.push_back(at);
  if (root.is_object()) {
    for (const auto& item : root.items()) collect(item.value(), at / item.key(), all);
  } else if (root.is_array()) {
    for (std::size_t i = 0; i < root.size(); ++i) collect(root[i], at / i, all);
  }
}

TEST(DefinitionSchema, TakesWhateverTheLoaderTakesOfAChangedDefinition) {
  const WorkflowRef workflow = load_one(kEverything);
  ASSERT_TRUE(workflow);
  const Schema schema = compiled();
  std::vector<Json::json_pointer> places;
  collect(workflow->definition, Json::json_pointer(), places);
  const std::vector<Json> values = {nullptr,
                                    true,
                                    0,
                                    1,
                                    2.5,
                                    "",
                                    "text",
                                    "/path",
                                    "5s",
                                    "${ input.x }",
                                    Json::array(),
                                    Json::object(),
                                    Json::array({"a"}),
                                    {{"a", 1}}};
  int taken = 0;
  for (const Json::json_pointer& place : places) {
    if (place.empty()) continue;
    for (const Json& value : values) {
      Json changed = workflow->definition;
      changed[place] = value;
      if (!loads(changed)) continue;
      ++taken;
      EXPECT_EQ(why_not(schema, changed), "") << place << " as " << value.dump();
    }
  }
  EXPECT_GT(taken, 100);
}

}  // namespace
}  // namespace saga::workflows
