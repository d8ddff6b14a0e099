// Expressions that go astray, and Lua text that no expression can hold: the limits hold by themselves.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "tests/workflows/expression_scope.h"
#include "workflows/expressions/lexer.h"
#include "workflows/expressions/sandbox.h"

namespace saga::workflows {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

class SandboxTest : public testing::Test {
 protected:
  /// Runs the body of a Lua function; its value, or the error.
  std::string run(const std::string& body) {
    const auto function = sandbox_->load("return function()\n" + body + "\nend");
    if (!function) return "does not load: " + function.error().message;
    const auto result = sandbox_->call(*function, {});
    sandbox_->release(*function);
    return result ? dump_json(*result) : "error: " + result.error().message;
  }

  std::shared_ptr<Sandbox> sandbox_ = make_sandbox();
};

TEST_F(SandboxTest, ARunawayInTimeStopsAndTheNextRunWorks) {
  const std::string too_long = "error: it ran for more than 1000000 instructions";
  for (const char* body :
       {"while true do end", "for i = 1, 1e18 do end", "::a:: goto a", "local function f() return f() end return f()",
        "local x = 0 repeat x = x + math.floor(1.5) until false"}) {
    EXPECT_EQ(run(body), too_long) << body;
    EXPECT_EQ(run("return 1 + 1"), "2") << "after " << body;
  }
}

TEST_F(SandboxTest, ARunawayInMemoryStopsAndTheNextRunWorks) {
  const std::string too_much = "error: it needs more than 4 MB";
  for (const char* body :
       {"local s = 'x' while true do s = s .. s end", "local t = {} for i = 1, 1e9 do t[i] = i end",
        "local t = {} while true do t = { t, {}, {}, {} } end", "local function f() return 1 + f() end return f()",
        "local s = 'x' while true do s = string.format('%s%s', s, s) end",
        "local t = {} for i = 1, 1e9 do t[i] = ('x'):upper() .. i end"}) {
    EXPECT_THAT(run(body), AnyOf(too_much, HasSubstr("stack overflow"))) << body;
    EXPECT_EQ(run("return 'still ' .. 'here'"), R"("still here")") << "after " << body;
  }
}

TEST_F(SandboxTest, AResultThatIsTooLargeOrEndlessIsAnError) {
  EXPECT_EQ(run("local t = {} t.t = t return t"), "error: the value is nested deeper than 64 levels");
  EXPECT_EQ(run("local t = {} for i = 1, 30 do t = { t, t } end return t"), "error: the value is larger than 4 MB");
  EXPECT_EQ(run("local t = {} for i = 1, 63 do t = { t } end return t").size(), 128U);
  EXPECT_EQ(run("local t = {} for i = 1, 64 do t = { t } end return t"),
            "error: the value is nested deeper than 64 levels");
  EXPECT_EQ(run("local t = {} t.t = t return tostring(t)"), "error: the value is nested deeper than 64 levels");
}

TEST_F(SandboxTest, NothingButValuesIsInReach) {
  EXPECT_EQ(run("return { os == nil, io == nil, load == nil, pcall == nil, getmetatable == nil, setmetatable == nil, "
                "rawset == nil, "
                "require == nil, coroutine == nil, debug == nil, _G == nil, package == nil, collectgarbage == nil, "
                "print == nil, "
                "next == nil, math.random == nil, math.randomseed == nil, string.rep == nil, ('x').rep == nil, "
                "string.dump == nil }"),
            "[true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true]");
}

TEST_F(SandboxTest, AnErrorIsReadWhateverLuaQuotes) {
  EXPECT_EQ(run("return string.format('%\\xC3\\xA9', 1)"), "error: invalid conversion '%?' to 'format'");
  EXPECT_EQ(run("return 1 + ({})['a\\n\\x82']"), "error: attempt to perform arithmetic on a nil value (field 'a ?')");
}

TEST_F(SandboxTest, BytecodeIsRefused) {
  const auto function = sandbox_->load("\x1bLuaT\0\x19\x93");
  ASSERT_FALSE(function);
  EXPECT_THAT(function.error().message, HasSubstr("attempt to load a binary chunk"));
}

class RunawayExpressionTest : public testing::Test {
 protected:
  Result<Json> evaluate(const std::string& source) {
    auto expression = Expression::compile(source, names_.visible, sandbox_);
    if (!expression) return fail(ErrorCode::kNotFound, expression.error().message);
    return expression->evaluate(scope_);
  }
  static std::string repeated(const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
  }

  TestVisibility names_;
  TestScope scope_;
  std::shared_ptr<Sandbox> sandbox_ = make_sandbox();
};

TEST_F(RunawayExpressionTest, LongTextsStopAtTheMemoryLimit) {
  scope_.input_value = std::string(1'000'000, 'x');
  EXPECT_EQ(evaluate("input .. input")->get<std::string>().size(), 2'000'000U);
  const auto much = evaluate("input .. input .. input .. input .. input .. input");
  ASSERT_FALSE(much);
  EXPECT_EQ(much.error().message, "${ input .. input .. input .. input .. input .. input }: it needs more than 4 MB");
  const auto copies = evaluate("{ " + repeated("input, ", 1000) + " }");
  ASSERT_FALSE(copies);
  EXPECT_THAT(copies.error().message, HasSubstr("larger than 4 MB"));
  EXPECT_EQ(*evaluate("#input"), 1'000'000);
}

TEST_F(RunawayExpressionTest, LargeObjectsAreNotCopiedPastTheLimit) {
  Json list = Json::array();
  for (int i = 0; i < 50'000; ++i) list.push_back(i);
  scope_.input_value = list;
  EXPECT_EQ(*evaluate("(input)"), list);
  const auto copies = evaluate("{ " + repeated("input, ", 2000) + " }");
  ASSERT_FALSE(copies);
  EXPECT_THAT(copies.error().message, HasSubstr("larger than 4 MB"));
}

TEST_F(RunawayExpressionTest, LongTextsThatComeAndGoStopToo) {
  scope_.input_value = *read_json(R"({"text": "x"})");
  scope_.input_value["text"] = std::string(1'000'000, 'x');
  for (const std::string use : {"input.text:upper() == '' or ", "input.text .. '!' == '' or "}) {
    EXPECT_EQ(*evaluate(repeated(use, 10) + "'end'"), "end") << use;
    const auto result = evaluate(repeated(use, 200) + "'end'");
    ASSERT_FALSE(result) << use;
    EXPECT_THAT(result.error().message, HasSubstr("it makes more than 64 MB of values")) << use;
  }
  EXPECT_EQ(*evaluate("#input.text"), 1'000'000);
}

TEST_F(RunawayExpressionTest, DeepNestingIsACompileErrorAndNoCrash) {
  for (const auto& [open, close] : std::vector<std::pair<std::string, std::string>>{{"(", ")"},
                                                                                    {"{", "}"},
                                                                                    {"not ", ""},
                                                                                    {"- ", ""},
                                                                                    {"#", ""},
                                                                                    {"1 .. ", ""},
                                                                                    {"1 ^ ", ""},
                                                                                    {"{ [", "] = 1 }"}}) {
    for (const int times : {250, 5000}) {
      const auto result = evaluate(repeated(open, times) + "1" + repeated(close, times));
      EXPECT_FALSE(result) << open << " " << times;
    }
  }
  EXPECT_EQ(*evaluate(repeated("(", 90) + "1" + repeated(")", 90)), 1);
  EXPECT_EQ(*evaluate(repeated("1 + ", 4000) + "1"), 4001);
}

TEST_F(RunawayExpressionTest, AnExpressionOver16KiBIsRefused) {
  const auto result = evaluate(repeated("1 + ", 20000) + "1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "the expression is longer than 16 KiB");
}

TEST_F(RunawayExpressionTest, ManyEvaluationsLeaveNoGarbageBehind) {
  scope_.input_value = *read_json(
      R"({"amount": 5, "name": "some name that is longer than forty characters, so not interned", "l": [1]})");
  const auto text = Expression::compile("input.name .. '-' .. input.amount .. #input.l", names_.visible, sandbox_);
  const auto failing = Expression::compile("input.name < input.l", names_.visible, sandbox_);
  ASSERT_TRUE(text && failing);
  std::size_t most = 0;
  for (int i = 0; i < 100'000; ++i) {
    scope_.input_value["amount"] = i;
    ASSERT_TRUE(text->evaluate(scope_));
    ASSERT_TRUE(i % 100 != 0 || !failing->evaluate(scope_));
    if (i % 1000 == 0) most = std::max(most, sandbox_->memory_in_use());
  }
  EXPECT_LT(most, 1'000'000U);
  RecordProperty("most_bytes", static_cast<int>(most));
}

TEST_F(RunawayExpressionTest, AnExpressionThatGoesReleasesItsFunction) {
  scope_.input_value = 1;
  const auto kept = Expression::compile("input + 1", names_.visible, sandbox_);
  ASSERT_TRUE(kept && kept->evaluate(scope_));
  for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(evaluate("input + " + std::to_string(i)));
  EXPECT_LT(sandbox_->memory_in_use(), 1'000'000U);
  EXPECT_EQ(*kept->evaluate(scope_), 2);
}

TEST_F(RunawayExpressionTest, AWorkflowOfPlainPathsNeverMakesALuaState) {
  scope_.input_value = *read_json(R"({"a": 1})");
  EXPECT_EQ(*evaluate("input.a"), 1);
  EXPECT_EQ(sandbox_->memory_in_use(), 0U);
}

TEST_F(RunawayExpressionTest, ThreadsShareASandbox) {
  scope_.input_value = *read_json(R"({"a": 20})");
  const auto expression = Expression::compile("input.a * 2 + 2", names_.visible, sandbox_);
  ASSERT_TRUE(expression);
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, copy = *expression] {
        for (int i = 0; i < 2000; ++i) right += *copy.evaluate(scope_) == 42 ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(right, 8000);
}

/// Whatever the tokens are: refused with a place inside the text, failed with a message, or a value that is JSON.
TEST_F(RunawayExpressionTest, RandomTokensAreRefusedFailOrGiveJson) {
  const std::vector<std::string> words = {"input",
                                          ".a",
                                          "[0]",
                                          "[",
                                          "]",
                                          "(",
                                          ")",
                                          "{",
                                          "}",
                                          ",",
                                          "=",
                                          "==",
                                          "..",
                                          "+",
                                          "-",
                                          "*",
                                          "//",
                                          "%",
                                          "<",
                                          "and",
                                          "or",
                                          "not",
                                          "nil",
                                          "true",
                                          "#",
                                          "~",
                                          "1",
                                          "2.5",
                                          "'x'",
                                          "[[y]]",
                                          ":len",
                                          ":upper",
                                          "end",

                                          ".b",
                                          "$",
                                          "^",
                                          ">>",
                                          "math",
                                          ".floor",
                                          ".pi",
                                          "\"",
                                          "string",
                                          ".format",
                                          "tostring",
                                          "'%s%d'",
                                          "saga",
                                          ".id",
                                          "steps.reserve.output",
                                          "steps.charge.status",
                                          "return",
                                          "function",
                                          "\n",
                                          "--",
                                          "input.list[1]",
                                          "key"};
  scope_.input_value =
      *read_json(R"({"a": {"b": [1, "two", null, 2.5]}, "list": [3, {"x": 18446744073709551615}], "b": "text"})");
  scope_.step_values[0] = {"completed", *read_json(R"([{"y": true}])")};
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  int values = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string source;
    for (auto n = random() % 9 + 1; n > 0; --n)
      source += words[random() % words.size()] + (random() % 3 == 0 ? " " : "");
    const auto expression = Expression::compile(source, names_.visible, sandbox_);
    if (!expression) {
      ASSERT_LE(expression.error().offset, source.size()) << source;
      ASSERT_THAT(expression.error().message, Not(AnyOf(testing::IsEmpty(), HasSubstr("'v0'"), HasSubstr("at line"))))
          << source;
      continue;
    }
    const auto value = expression->evaluate(scope_);
    if (!value) {
      ASSERT_THAT(value.error().message, Not(AnyOf(HasSubstr("'v0'"), HasSubstr("0x"), HasSubstr("e:")))) << source;
      continue;
    }
    ++values;
    ASSERT_EQ(*read_json(dump_json(*value)), *value) << source;
  }
  EXPECT_GT(values, 200);
}

TEST(LexerTest, NoTextMakesItReadPastTheEnd) {
  const std::string hard =
      "input.a[[x]] .. '\\z  \n' .. \"\\\"}\" .. { [ [=[ ]=] ] = 0x1p-3, 1e+5, .5, 3..2 } ~= << >> // :: -- ${ $${";
  for (std::size_t begin = 0; begin <= hard.size(); ++begin) {
    for (std::size_t size = 0; begin + size <= hard.size(); ++size) {
      const std::string piece = hard.substr(begin, size);  // Its own block, so that the address sanitizer sees the end.
      for (const auto ending : {expressions::Ending::kBrace, expressions::Ending::kText}) {
        const auto scanned = expressions::scan(piece, 0, ending);
        if (scanned) {
          EXPECT_LE(scanned->end, piece.size());
        } else {
          EXPECT_LE(scanned.error().offset, piece.size());
        }
      }
    }
  }
}

}  // namespace
}  // namespace saga::workflows
