// What an expression may read depends on where it stands, and a mistake in one is shown where it is in the file.
#include <gmock/gmock.h>

#include <string>

#include "tests/workflows/loading.h"

namespace saga::workflows {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Three steps; `lines` are in the second one and begin in line 8, column 5.
std::string with_step(const std::string& lines) {
  return "name: w\nversion: 1\nsteps:\n  - { name: first, service: s, action: /a }\n  - name: second\n    service: s\n "
         "   action: /a\n    " +
         lines + "\n  - { name: third, service: s, action: /a }\n";
}

std::string with_output(const std::string& output) { return with_step("") + "output: " + output + "\n"; }

std::string first_problem(const std::string& text) {
  const auto problems = problems_of(text);
  return problems.empty() ? "" : problems.front();
}

TEST(Visibility, AStepReadsWhatEndedBeforeIt) {
  const std::string read = "'${ steps.first.output.x }'";
  EXPECT_THAT(problems_of(with_step("input: " + read)), IsEmpty());
  EXPECT_THAT(problems_of(with_step("input: [{ a: b, c: " + read + " }]")), IsEmpty());
  EXPECT_THAT(problems_of(with_step("when: " + read)), IsEmpty());
  EXPECT_THAT(problems_of(with_step("error_code: " + read)), IsEmpty());
  EXPECT_THAT(problems_of(with_step("compensation: '/x/${ steps.first.output.x }'")), IsEmpty());
  EXPECT_THAT(problems_of(with_step("compensation: { path: /x, headers: { X-A: '${ steps.first.status }' } }")),
              IsEmpty());
}

TEST(Visibility, AStepReadsNeitherItselfNorWhatFollows) {
  for (const std::string step : {"second", "third"}) {
    const std::string expected = "step '" + step + "' has not ended by the time this is read";
    const std::string read = "${ steps." + step + ".output }";
    EXPECT_EQ(first_problem(with_step("input: '" + read + "'")), "8:22: " + expected);
    EXPECT_EQ(first_problem(with_step("when: '" + read + "'")), "8:21: " + expected);
    EXPECT_EQ(first_problem(with_step("error_code: '" + read + "'")), "8:27: " + expected);
    EXPECT_EQ(first_problem(with_step("compensation: '/" + read + "'")), "8:30: " + expected);
    EXPECT_EQ(first_problem(with_step("compensation: { path: /x, input: '" + read + "' }")), "8:48: " + expected);
  }
}

TEST(Visibility, OnlyACompensationReadsItsOwnCall) {
  EXPECT_THAT(problems_of(with_step("compensation: '/${ output.id }/${ action_input.id }'")), IsEmpty());
  EXPECT_THAT(problems_of(with_step("compensation: { path: /x, input: { a: '${ output }', b: '${ action_input }' } }")),
              IsEmpty());
  for (const std::string place : {"input: ", "when: ", "error_code: "}) {
    for (const std::string name : {"output", "action_input"}) {
      EXPECT_THAT(problems_of(with_step(place + "'${ " + name + " }'")),
                  ElementsAre(testing::HasSubstr("'" + name + "' is there in a compensation only")))
          << place;
    }
  }
  EXPECT_EQ(problems_of(with_output("'${ output }'")).size(), 1U);
}

TEST(Visibility, OnlyAnErrorCodeReadsTheBody) {
  EXPECT_THAT(problems_of(with_step("error_code: '${ body.error.code }'")), IsEmpty());
  for (const std::string place : {"input: ", "when: ", "compensation: /"}) {
    EXPECT_EQ(problems_of(with_step(place + (place.ends_with('/') ? "${ body }" : "'${ body }'"))).size(), 1U) << place;
  }
  EXPECT_EQ(problems_of(with_output("'${ body }'")).size(), 1U);
}

TEST(Visibility, TheWorkflowsOutputReadsEveryStep) {
  EXPECT_THAT(
      problems_of(with_output("['${ steps.first.output }', '${ steps.second.status }', '${ steps.third.output }']")),
      IsEmpty());
  EXPECT_THAT(problems_of(with_output("'${ steps.fourth.output }'")),
              ElementsAre(testing::StartsWith("10:19: there is no step 'fourth'")));
}

TEST(Positions, AMistakeIsShownWhereItStands) {
  EXPECT_THAT(first_problem(with_step("input: ${ inpt.x }")), testing::StartsWith("8:15: "));
  EXPECT_THAT(first_problem(with_step("input: \"${ inpt.x }\"")), testing::StartsWith("8:16: "));
  EXPECT_THAT(first_problem(with_step("input: 'a ${ 1 } ${ inpt.x }'")), testing::StartsWith("8:25: "));
  EXPECT_THAT(first_problem(with_step("input: { a: [x, '${ inpt.x }'] }")), testing::StartsWith("8:25: "));
  EXPECT_THAT(first_problem(with_step("when: '${ input.x == }'")), testing::StartsWith("8:25: "));
  EXPECT_THAT(first_problem(with_step("action: '${ x }'")), testing::StartsWith("8:5: key 'action' is there twice"));
}

TEST(Positions, WhereThePlaceCannotBeToldItIsTheStartOfTheText) {
  EXPECT_THAT(first_problem(with_step("input: \"\\u0061${ inpt.x }\"")), testing::StartsWith("8:12: "));
  EXPECT_THAT(first_problem(with_step("input: >-\n      ${ inpt.x }")), testing::StartsWith("8:12: "));
  EXPECT_THAT(first_problem(with_step("input: ${ 1 }\n      ${ inpt.x }")), testing::StartsWith("8:12: "));
}

TEST(Positions, AreThoseOfJsonToo) {
  EXPECT_EQ(first_problem("{\"name\": \"w\", \"version\": 1, \"steps\": [\n  {\"name\": \"a\", \"service\": \"s\", "
                          "\"action\": \"/a\",\n   \"input\": {\"b\": \"${ steps.a.output }\"}}]}"),
            "3:29: step 'a' has not ended by the time this is read");
}

TEST(Expressions, ATextThatIsNoneStaysAsItIs) {
  EXPECT_THAT(problems_of(with_step("input: { a: '$${ not one }', b: '$5', c: '${ \"}\" }', '${ key }': 1 }")),
              IsEmpty());
}

TEST(Expressions, ConditionGivesItsValue) {
  class NoScope final : public Scope {
   public:
    [[nodiscard]] const Json* input() const override { return &input_; }
    [[nodiscard]] StepFacts step(std::size_t) const override { return {"completed", nullptr}; }
    [[nodiscard]] Json saga(std::string_view) const override { return nullptr; }

   private:
    Json input_{{"amount", 1000}};
  };
  const auto value = [](const std::string& when) {
    return load_one(with_step("when: " + when))->steps[1].when->evaluate(NoScope());
  };
  EXPECT_EQ(value("false"), Json(false));
  EXPECT_EQ(value("true"), Json(true));
  EXPECT_EQ(value("${ input.amount >= 1000 }"), Json(true));
  EXPECT_EQ(value("\"${ steps.first.status ~= 'completed' }\""), Json(false));
  EXPECT_EQ(value(">\n      ${ input.amount\n      < 1000 }"), Json(false));
}

}  // namespace
}  // namespace saga::workflows
