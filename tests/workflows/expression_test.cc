#include "workflows/expression.h"

#include <gmock/gmock.h>

#include <limits>

#include "tests/workflows/expression_scope.h"

namespace saga::workflows {
namespace {

using testing::HasSubstr;

class ExpressionTest : public testing::Test {
 protected:
  ExpressionTest() {
    scope_.input_value = *read_json(R"({
      "sku": "A-1", "quantity": 3, "amount": 1000, "price": 19.99, "whole": 1.0, "yes": true, "no": false, "nothing": null,
      "items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}], "empty_list": [], "empty": {}, "at": 1, "key": "sku",
      "end": {"then": 7}, "a b": {"c/d": 5}, "nested": {"a": {"b": [{"c": "deep"}]}},
      "least": -9223372036854775808, "most": 9223372036854775807, "big": 18446744073709551615, "name": "Zoë"
    })");
    scope_.step_values[0] = {"completed", *read_json(R"({"id": "r-1", "places": [5, 6]})")};
    scope_.step_values[1] = {"failed", Json(nullptr)};
    scope_.output_value = *read_json(R"({"charge_id": "c-9"})");
    scope_.action_input_value = *read_json(R"({"amount": 12})");
    scope_.body_value = *read_json(R"({"error": {"code": "card_declined"}})");
  }

  Compiled<Expression> compile(std::string_view source) {
    return Expression::compile(source, names_.visible, sandbox_);
  }

  Result<Json> evaluate(std::string_view source) {
    auto expression = compile(source);
    if (!expression) return fail(ErrorCode::kInternal, "does not compile: " + expression.error().message);
    return expression->evaluate(scope_);
  }

  /// The value as text, so that 1 and 1.0 differ; else the error.
  std::string value(std::string_view source) {
    const auto result = evaluate(source);
    return result ? dump_json(*result) : "error: " + result.error().message;
  }

  std::string refusal(std::string_view source) {
    const auto expression = compile(source);
    if (expression) return "compiles";
    return std::to_string(expression.error().offset) + ": " + expression.error().message;
  }

  std::string failure(std::string_view source) {
    const auto result = evaluate(source);
    if (result) return "gives " + dump_json(*result);
    EXPECT_EQ(result.error().code, ErrorCode::kInvalid) << result.error().message;
    return result.error().message;
  }

  TestVisibility names_;
  TestScope scope_;
  std::shared_ptr<Sandbox> sandbox_ = make_sandbox();
};

TEST_F(ExpressionTest, APlainPathGivesTheValueItself) {
  EXPECT_EQ(value("input.sku"), R"("A-1")");
  EXPECT_EQ(value(" input . quantity "), "3");
  EXPECT_EQ(value("input.items[1].sku"), R"("b")");
  EXPECT_EQ(value("input.items"), R"([{"n":1,"sku":"a"},{"n":2,"sku":"b"}])");
  EXPECT_EQ(value("input[\"a b\"]['c/d']"), "5");
  EXPECT_EQ(value("input.end['then']"), "7");
  EXPECT_EQ(value("input.end.then"), "7");
  EXPECT_EQ(value("input.nested.a.b[0].c"), R"("deep")");
  EXPECT_EQ(value("steps.reserve.output.id"), R"("r-1")");
  EXPECT_EQ(value("steps['reserve'].output.places[1]"), "6");
  EXPECT_EQ(value("steps.reserve.status"), R"("completed")");
  EXPECT_EQ(value("steps.charge.status"), R"("failed")");
  EXPECT_EQ(value("steps.charge.output"), "null");
  EXPECT_EQ(value("saga.id"), R"("order-42")");
  EXPECT_EQ(value("saga.version"), "3");
  EXPECT_EQ(value("saga.started_at"), R"("2026-11-23T04:54:47.123Z")");
}

TEST_F(ExpressionTest, APlainPathNeverEntersLua) {
  for (const char* path :
       {"input", "input.a.b[0].c", "input['x y']", "steps.reserve.output.id", "steps.reserve.status", "saga.id"}) {
    const auto expression = compile(path);
    ASSERT_TRUE(expression) << path << ": " << expression.error().message;
    EXPECT_TRUE(expression->is_plain_path()) << path;
  }
  for (const char* other :
       {"input.a + 1", "(input.a)", "#input.items", "input.items[input.at]", "input.items[0x1]", "'x'"}) {
    const auto expression = compile(other);
    ASSERT_TRUE(expression) << other << ": " << expression.error().message;
    EXPECT_FALSE(expression->is_plain_path()) << other;
  }
}

TEST_F(ExpressionTest, ReadingIntoNilGivesNilWithAndWithoutLua) {
  for (const std::string path :
       {"input.missing", "input.missing.b.c", "input.nothing.x", "input.items[2]", "input.items[2].sku",
        "input.items.sku", "input.empty.x", "input.sku.x", "steps.charge.output.id.x"}) {
    EXPECT_EQ(value(path), "null");
    EXPECT_EQ(value("(" + path + ")"), "null");
    EXPECT_EQ(value(path + " == nil"), "true");
    EXPECT_EQ(value(path + " or 'none'"), R"("none")");
  }
  EXPECT_EQ(value("input.items[-1 + 0]"), "null");
  EXPECT_EQ(value("input.items[10 * input.at].sku"), "null");
  EXPECT_EQ(value("nil"), "null");
}

TEST_F(ExpressionTest, ReadingIntoANumberOrBooleanIsAnErrorWithAndWithoutLua) {
  EXPECT_EQ(failure("input.amount.x"), "${ input.amount.x }: input.amount is a number, which has no field 'x'");
  EXPECT_EQ(failure("input.yes[0]"), "${ input.yes[0] }: input.yes is a boolean, which has no place 0");
  EXPECT_THAT(failure("(input.amount.x)"), HasSubstr("attempt to index a number value (field 'amount')"));
  EXPECT_EQ(value("input.no and input.amount.x"), "false") << "what is not read does not fail";
}

TEST_F(ExpressionTest, LuaComputesWithJsonValues) {
  EXPECT_EQ(value("input.amount >= 1000"), "true");
  EXPECT_EQ(value("input.amount * input.quantity - 1"), "2999");
  EXPECT_EQ(value("input.sku .. '/' .. input.quantity"), R"("A-1/3")");
  EXPECT_EQ(value("#input.items"), "2");
  EXPECT_EQ(value("#input.sku"), "3");
  EXPECT_EQ(value("#input.empty_list == 0 and 'none' or 'some'"), R"("none")");
  EXPECT_EQ(value("input.items[input.at].sku"), R"("b")");
  EXPECT_EQ(value("input.items[input.at - 1.0].sku"), R"("a")");
  EXPECT_EQ(value("input[input.key]"), R"("A-1")");
  EXPECT_EQ(value("input.currency or 'EUR'"), R"("EUR")");
  EXPECT_EQ(value("not input.no"), "true");
  EXPECT_EQ(value("input.end.then + 1"), "8");
  EXPECT_EQ(value("steps.reserve.status == 'completed' and steps.reserve.output.places[0] + 1"), "6");
  EXPECT_EQ(value("saga.workflow .. '/' .. saga.version"), R"("order-saga/3")");
  EXPECT_EQ(value("7 // 2"), "3");
  EXPECT_EQ(value("1 << 4 | 1"), "17");
  EXPECT_EQ(value("[[a}b]] .. \"}\" .. '{' .. [==[ ]] ]==]"), R"("a}b}{ ]] ")");
  EXPECT_EQ(value("'a\\\nb'"), R"("a\nb")");
}

TEST_F(ExpressionTest, OnlyTheNamedFunctionsAreThere) {
  EXPECT_EQ(value("string.format('%05.1f|%s|%d', input.price, input.sku, input.quantity)"), R"("020.0|A-1|3")");
  EXPECT_EQ(value("input.sku:lower():sub(1, 1)"), R"("a")");
  EXPECT_EQ(value("('x'):upper() .. string.len('abc')"), R"("X3")");
  EXPECT_EQ(value("math.floor(input.price) + math.max(1, 2) + math.tointeger(3.0)"), "24");
  EXPECT_EQ(value("tonumber('12') + tonumber('ff', 16)"), "267");
  EXPECT_EQ(value("tonumber('x')"), "null");
  EXPECT_EQ(value("tostring(input.amount) .. tostring(nil) .. tostring(true)"), R"("1000niltrue")");
  EXPECT_THAT(refusal("string.rep('x', 9)"),
              HasSubstr("7: 'string' has no 'rep'; there are format, len, lower, sub, upper"));
  EXPECT_THAT(refusal("input.sku:gsub('a', 'b')"), HasSubstr("10: there is no method 'gsub'"));
  EXPECT_THAT(refusal("input.sku:uper()"), HasSubstr("did you mean 'upper'?"));
  EXPECT_THAT(refusal("math.random()"), HasSubstr("'math' has no 'random'"));
  EXPECT_THAT(refusal("math"), HasSubstr("'math' is followed by one of its functions"));
  EXPECT_THAT(refusal("string['rep']('x', 9)"), HasSubstr("'string' is followed by"));
  for (const char* name : {"os",      "io",        "load", "pcall", "getmetatable", "setmetatable", "rawget",
                           "require", "coroutine", "_G",   "_ENV",  "pairs",        "next",         "print",
                           "v0",      "debug",     "utf8", "table", "select",       "error",        "collectgarbage"}) {
    EXPECT_THAT(refusal(std::string("1 + ") + name), HasSubstr(std::string("4: there is no '") + name + "'")) << name;
  }
}

TEST_F(ExpressionTest, NumbersStayExact) {
  EXPECT_EQ(value("input.least"), "-9223372036854775808");
  EXPECT_EQ(value("(input.least)"), "-9223372036854775808");
  EXPECT_EQ(value("input.most - 1"), "9223372036854775806");
  EXPECT_EQ(value("input.big"), "18446744073709551615");
  EXPECT_EQ(value("input.whole"), "1.0");
  EXPECT_EQ(value("(input.whole)"), "1.0");
  EXPECT_EQ(value("input.price"), "19.99");
  EXPECT_EQ(value("{ input.price }"), "[19.99]");
  EXPECT_EQ(value("10 / 2"), "5.0");
  EXPECT_EQ(value("9007199254740993 + 0"), "9007199254740993");
}

TEST_F(ExpressionTest, AnIntegerOver63BitsKeepsItsValueButDoesNotCompute) {
  EXPECT_EQ(value("{ id = input.big }"), R"({"id":18446744073709551615})");
  EXPECT_EQ(value("input.big or 1"), "18446744073709551615");
  EXPECT_EQ(value("tostring(input.big)"), R"("18446744073709551615")");
  EXPECT_EQ(value("input.big == input.big and input.big ~= 1"), "true");
  for (const char* source : {"input.big + 1", "1 < input.big", "input.big <= 2", "-input.big", "input.big // 2"}) {
    EXPECT_THAT(failure(source), HasSubstr("18446744073709551615 is over 9223372036854775807, the largest integer"));
  }
  EXPECT_THAT(refusal("1 + 9223372036854775808"),
              HasSubstr("4: 9223372036854775808 does not fit into a 64-bit integer"));
}

TEST_F(ExpressionTest, TablesBecomeJson) {
  EXPECT_EQ(value("{}"), "{}");
  EXPECT_EQ(value("{ 1, 'two', { 3.5 } }"), R"([1,"two",[3.5]])");
  EXPECT_EQ(value("{ sku = input.sku, [\"a b\"] = input.items[0], list = { input.empty_list } }"),
            R"({"a b":{"n":1,"sku":"a"},"list":[[]],"sku":"A-1"})");
  EXPECT_EQ(value("{ input = 1, steps = 2, x = input.amount }"), R"({"input":1,"steps":2,"x":1000})");
  EXPECT_EQ(value("{ gone = input.missing, there = 1 }"), R"({"there":1})");
  EXPECT_EQ(value("{ a = 1, b = 2 }.a"), "error: does not compile: unexpected '.' after a complete expression");
  EXPECT_EQ(value("({ a = 1, b = 2 }).b"), "2");
  EXPECT_THAT(failure("{ 1, a = 2 }"), HasSubstr("both names and places"));
  EXPECT_THAT(failure("{ [1.5] = 2 }"), HasSubstr("neither a name nor a place from 1"));
  EXPECT_THAT(failure("{ [0] = 2 }"), HasSubstr("neither a name nor a place from 1"));
  EXPECT_THAT(failure("{ [true] = 2 }"), HasSubstr("neither a name nor a place from 1"));
  EXPECT_THAT(failure("{ 1, input.missing, 3 }"), HasSubstr("nothing (nil) at place 2"));
  EXPECT_THAT(failure("{ [1000000000] = 2 }"), HasSubstr("nothing (nil) at place 1"));
}

TEST_F(ExpressionTest, WhatJsonCannotHoldIsAnError) {
  EXPECT_THAT(failure("0/0"), HasSubstr("not a number (NaN)"));
  EXPECT_THAT(failure("{ math.huge }"), HasSubstr("infinite"));
  EXPECT_THAT(failure("tostring"), HasSubstr("a function is not a JSON value"));
  EXPECT_THAT(failure("'\\xff'"), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(failure("input.name:sub(1, 3)"), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(failure("{ ['\\xc0\\x80'] = 1 }"), HasSubstr("not valid UTF-8"));
  EXPECT_EQ(value("input.name:sub(1, 2)"), R"("Zo")");
}

TEST_F(ExpressionTest, ObjectsAndArraysCompareByValue) {
  EXPECT_EQ(value("input.items[0] == input.items[0]"), "true");
  EXPECT_EQ(value("input.items[0] == input.items[1]"), "false");
  EXPECT_EQ(value("input.empty == input.empty_list"), "false");
  EXPECT_EQ(value("input.items == 1"), "false");
  EXPECT_THAT(failure("input.items < input.items"), HasSubstr("attempt to compare two JSON array values"));
  EXPECT_THAT(failure("input.empty + 1"),
              HasSubstr("attempt to perform arithmetic on a JSON object value (field 'empty')"));
  EXPECT_THAT(failure("#input.empty"), HasSubstr("attempt to get length of a JSON object value"));
  EXPECT_THAT(failure("input + 1"), HasSubstr("arithmetic on a JSON object value (input)"));
}

TEST_F(ExpressionTest, NoAddressIsEverSeen) {
  EXPECT_EQ(value("tostring(input.items[0])"), R"("{\"n\":1,\"sku\":\"a\"}")");
  EXPECT_EQ(value("string.format('%s %s', { 1, 2 }, input.empty_list)"), R"("[1,2] []")");
  EXPECT_EQ(value("tostring({ b = 1, a = 2 })"), R"("{\"a\":2,\"b\":1}")");
  EXPECT_THAT(failure("tostring(tostring)"), HasSubstr("a function has no text"));
  EXPECT_THAT(failure("string.format('%s', math.floor)"), HasSubstr("a function has no text"));
  EXPECT_THAT(failure("string.format('%p', {})"), HasSubstr("has no '%p'"));
  EXPECT_THAT(failure("string.format('%-20p', input)"), HasSubstr("has no '%p'"));
  EXPECT_EQ(value("string.format('100%%p')"), R"("100%p")");
}

TEST_F(ExpressionTest, AnErrorQuotesTheExpressionAndSaysWhatWentWrong) {
  EXPECT_EQ(failure("input.missing + 1"),
            "${ input.missing + 1 }: attempt to perform arithmetic on a nil value (field 'missing')");
  EXPECT_EQ(failure("input.sku < 5"), "${ input.sku < 5 }: attempt to compare string with number");
  EXPECT_EQ(failure("steps.charge.output + 1"),
            "${ steps.charge.output + 1 }: attempt to perform arithmetic on a nil value (steps.charge.output)");
  EXPECT_EQ(failure("math.floor('x')"),
            "${ math.floor('x') }: bad argument #1 to 'floor' (number expected, got string)");
  EXPECT_EQ(failure("input\n.missing\n+ 1"),
            "${ input .missing + 1 }: attempt to perform arithmetic on a nil value (field 'missing')");
  const std::string message = failure("input.missing + " + std::string(200, '1').insert(1, ".") + " + 2");
  EXPECT_EQ(message.find("..."), 3U + 77U) << message;
}

TEST_F(ExpressionTest, UnknownNamesAreRefusedWithWhatIsThere) {
  EXPECT_EQ(refusal("amount + 1"),
            "0: there is no 'amount'; there are input, steps, saga, string, math, tostring, tonumber");
  EXPECT_EQ(refusal("1 + inptu.a"), "4: there is no 'inptu'; did you mean 'input'?");
  EXPECT_EQ(refusal("reserve.id"), "0: there is no 'reserve'; did you mean 'steps.reserve.output'?");
  EXPECT_EQ(refusal("input.a == null"), "11: there is no 'null'; JSON's null is 'nil' here");
  EXPECT_EQ(refusal("saga.name"), "5: 'saga' has no 'name'; there are id, workflow, version, started_at");
  EXPECT_EQ(refusal("saga"), "0: 'saga' is followed by one of id, workflow, version, started_at");
}

TEST_F(ExpressionTest, OnlyStepsThatHaveEndedAreThere) {
  EXPECT_EQ(refusal("1 + steps.ship.output.x"), "10: step 'ship' has not ended by the time this is read");
  EXPECT_EQ(refusal("steps.reserv.output"), "6: there is no step 'reserv'; did you mean 'reserve'?");
  EXPECT_EQ(refusal("steps.payment_xyz.output"),
            "6: there is no step 'payment_xyz'; steps that have ended by then are reserve, charge");
  EXPECT_EQ(refusal("steps[input.a].output"), "0: 'steps' is followed by the name of a step: steps.NAME.output");
  EXPECT_EQ(refusal("(steps).reserve.output"), "1: 'steps' is followed by the name of a step: steps.NAME.output");
  EXPECT_EQ(refusal("steps.reserve"),
            "0: 'steps.reserve' is followed by what is read of it: steps.reserve.output or steps.reserve.status");
  EXPECT_EQ(refusal("steps.reserve.id"),
            "14: a step has 'output' and 'status', but no 'id'; did you mean 'steps.reserve.output.id'?");
}

TEST_F(ExpressionTest, AStepMayBeNamedLikeAWordOfLua) {
  names_.all = {{"end", 0}, {"not", 1}};
  names_.visible.all_steps = names_.all;
  names_.visible.steps = names_.all;
  EXPECT_EQ(value("steps.end.output.id"), R"("r-1")");
  EXPECT_EQ(value("steps.end.output.id .. steps.not.status"), R"("r-1failed")");
}

TEST_F(ExpressionTest, OutputActionInputAndBodyAreThereWhereVisibilitySaysSo) {
  EXPECT_EQ(refusal("output.x"), "0: 'output' is there in a compensation only");
  EXPECT_EQ(refusal("action_input.x"), "0: 'action_input' is there in a compensation only");
  EXPECT_EQ(refusal("body.error"), "0: 'body' is there in error_code only");
  names_.visible.own_call = true;
  EXPECT_EQ(value("output.charge_id"), R"("c-9")");
  EXPECT_EQ(value("action_input.amount + 1"), "13");
  names_.visible.own_call = false;
  names_.visible.body = true;
  EXPECT_EQ(value("body.error.code"), R"("card_declined")");
}

TEST_F(ExpressionTest, OnlyOneExpressionAndNoStatementIsTaken) {
  EXPECT_THAT(refusal("1, 2"), HasSubstr("1: an expression is one value, but a ',' follows it"));
  EXPECT_THAT(refusal("1 2"), HasSubstr("2: unexpected '2' after a complete expression"));
  EXPECT_THAT(refusal("1 end return 2"),
              HasSubstr("2: unexpected 'end': an expression is one value, without statements"));
  EXPECT_THAT(refusal("1) return (2"), HasSubstr("1: ')' closes nothing"));
  EXPECT_THAT(refusal("1 -- 2"), HasSubstr("2: '--' begins a comment"));
  EXPECT_THAT(refusal("1; 2"), HasSubstr("1: unexpected ';'"));
  EXPECT_THAT(refusal("input.a = 1"), HasSubstr("8: unexpected '=': to compare, write '=='"));
  EXPECT_THAT(refusal("function() end"), HasSubstr("0: an expression cannot hold a function"));
  EXPECT_THAT(refusal("{ f = function() return 1 end }"), HasSubstr("6: an expression cannot hold a function"));
  EXPECT_THAT(refusal("..."), HasSubstr("unexpected '...'"));
  EXPECT_THAT(refusal("goto x"), HasSubstr("0: unexpected 'goto'"));
  EXPECT_THAT(refusal("if input.a then 1 else 2"), HasSubstr("CONDITION and VALUE or OTHER"));
  EXPECT_THAT(refusal("input.a != 1"), HasSubstr("8: unexpected '!=': '~=' is how Lua writes it"));
  EXPECT_THAT(refusal("input.a && 1"), HasSubstr("'and' is how Lua writes it"));
  EXPECT_THAT(refusal("\x1bLua"), HasSubstr("0: unexpected character (byte 0x1b)"));
  EXPECT_THAT(refusal("input.größe"), HasSubstr("unexpected character (byte 0xc3)"));
}

TEST_F(ExpressionTest, SyntaxErrorsSayWhere) {
  EXPECT_EQ(refusal(""), "0: the expression is empty");
  EXPECT_EQ(refusal("input.a +"), "9: the expression ends where a value is expected");
  EXPECT_EQ(refusal("1 + * 2"), "4: unexpected symbol near '*'");
  EXPECT_EQ(refusal("input. + 2"), "7: <name> expected near '+'");
  EXPECT_EQ(refusal("[[a\nb]] .. [[\n]] .. + 1"), "20: unexpected symbol near '+'");
  EXPECT_EQ(refusal("(1 + 2"), "0: '(' is never closed");
  EXPECT_EQ(refusal("{ 1 )"), "4: '{' is closed by ')', expected '}'");
  EXPECT_EQ(refusal("'abc"), "0: a string is never closed");
  EXPECT_EQ(refusal("'a\nb'"), "0: a string does not end on its line");
  EXPECT_EQ(refusal("[==[ ]=]"), "0: a long string is never closed by ']==]'");
  EXPECT_THAT(refusal("12abc"), HasSubstr("malformed number near '12abc'"));
  EXPECT_THAT(refusal("'\\q'"), HasSubstr("invalid escape sequence near ''\\q'"));
  EXPECT_THAT(refusal("(input.a input.b)"), HasSubstr("9: ')' expected near 'input'"));
}

}  // namespace
}  // namespace saga::workflows
