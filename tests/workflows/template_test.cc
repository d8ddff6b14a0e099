#include <gmock/gmock.h>

#include "tests/workflows/expression_scope.h"
#include "workflows/expression.h"

namespace saga::workflows {
namespace {

using testing::HasSubstr;

class TemplateTest : public testing::Test {
 protected:
  TemplateTest() {
    scope_.input_value = *read_json(R"({
      "sku": "A-1", "amount": 12.5, "count": 3, "yes": true, "items": [1, {"a": 2}], "odd": "a/b?c d%ü", "dots": "..",
      "line": "x\r\nEvil: 1", "umlaut": "Zoë"
    })");
  }

  Template compiled(std::string_view text) {
    auto result = Template::compile(text, names_.visible, sandbox_);
    EXPECT_TRUE(result) << text << ": " << result.error().message;
    return result ? *result : Template();
  }
  std::string value(std::string_view text) {
    const auto result = compiled(text).evaluate(scope_);
    return result ? dump_json(*result) : "error: " + result.error().message;
  }
  std::string text(std::string_view text, Template::Use use) {
    const auto result = compiled(text).evaluate_text(scope_, use);
    return result ? *result : "error: " + result.error().message;
  }
  std::string refusal(std::string_view text) {
    const auto result = Template::compile(text, names_.visible, sandbox_);
    return result ? "compiles" : std::to_string(result.error().offset) + ": " + result.error().message;
  }

  TestVisibility names_;
  TestScope scope_;
  std::shared_ptr<Sandbox> sandbox_ = make_sandbox();
};

TEST_F(TemplateTest, OneExpressionKeepsItsType) {
  EXPECT_EQ(value("${ input.amount }"), "12.5");
  EXPECT_EQ(value("${input.items}"), R"([1,{"a":2}])");
  EXPECT_EQ(value("${ input.missing }"), "null");
  EXPECT_EQ(value("${ { a = { 1 } } }"), R"({"a":[1]})");
  EXPECT_EQ(value("${{a={}}}"), R"({"a":{}})");
}

TEST_F(TemplateTest, TextAroundMakesAString) {
  EXPECT_EQ(value(" ${ input.amount }"), R"(" 12.5")");
  EXPECT_EQ(value("${ input.sku }-${ input.count }${ input.missing }:${ input.yes } ${ input.items }"),
            R"("A-1-3:true [1,{\"a\":2}]")");
  EXPECT_EQ(value("a}b$c{d"), R"("a}b$c{d")");
  EXPECT_EQ(value(""), R"("")");
}

TEST_F(TemplateTest, ABraceInAStringOrTableDoesNotEndTheExpression) {
  EXPECT_EQ(value("<${ '}' }>"), R"("<}>")");
  EXPECT_EQ(value("<${ \"\\\"}\" .. [[}]] .. [=[]]}]=] }>"), R"("<\"}}]]}>")");
  EXPECT_EQ(value("<${ ({ a = { b = 7 } }).a.b }>"), R"("<7>")");
  EXPECT_EQ(value("${ '${ input.a }' }"), R"("${ input.a }")");
}

TEST_F(TemplateTest, DollarDollarBraceIsALiteral) {
  EXPECT_EQ(value("$${ input.sku }"), R"("${ input.sku }")");
  EXPECT_EQ(value("$${${ input.sku }}"), R"("${A-1}")");
  EXPECT_EQ(value("$$ $ $x $$x"), R"("$$ $ $x $$x")");
  EXPECT_TRUE(compiled("$${ input.sku }").is_constant());
  EXPECT_TRUE(compiled("plain").is_constant());
  EXPECT_FALSE(compiled("a ${ input.sku }").is_constant());
  EXPECT_TRUE(Template().is_constant());
  EXPECT_EQ(compiled("a $${ ${ input.sku }").source(), "a $${ ${ input.sku }");
}

TEST_F(TemplateTest, InAPathEachValueIsPercentEncoded) {
  EXPECT_EQ(text("/a b/${ input.odd }/x", Template::Use::kPath), "/a b/a%2Fb%3Fc%20d%25%C3%BC/x");
  EXPECT_EQ(text("/${ saga.id }?n=${ input.count }&y=${ input.yes }", Template::Use::kPath), "/order-42?n=3&y=true");
  EXPECT_EQ(text("/${ 'Az09-._~' }", Template::Use::kPath), "/Az09-._~");
  EXPECT_EQ(text("/constant/../x", Template::Use::kPath), "/constant/../x") << "what the definition says itself stands";
  EXPECT_THAT(text("/a/${ input.missing }", Template::Use::kPath),
              HasSubstr("${ input.missing }: a path takes a string, a number or a boolean, but this is nil"));
  EXPECT_THAT(text("/a/${ input.items }", Template::Use::kPath), HasSubstr("but this is array"));
  EXPECT_THAT(text("/a/${ input }", Template::Use::kPath), HasSubstr("but this is object"));
}

TEST_F(TemplateTest, AValueCannotClimbOutOfItsPath) {
  EXPECT_THAT(text("/orders/${ input.dots }/x", Template::Use::kPath), HasSubstr("error: "));
  EXPECT_THAT(text("/orders/.${ '.' }", Template::Use::kPath), HasSubstr("'.' or '..' would lead elsewhere"));
  EXPECT_EQ(text("/orders/v${ input.dots }", Template::Use::kPath), "/orders/v..");
  EXPECT_EQ(text("/orders?dir=${ input.dots }", Template::Use::kPath), "/orders?dir=..");
}

TEST_F(TemplateTest, AHeaderTakesNoControlCharacter) {
  EXPECT_EQ(text("EUR", Template::Use::kHeader), "EUR");
  EXPECT_EQ(text("n=${ input.count }; u=${ input.umlaut }; ${ input.missing }", Template::Use::kHeader),
            "n=3; u=Zoë; ");
  EXPECT_THAT(text("x ${ input.line }", Template::Use::kHeader),
              HasSubstr("a header value with a line end or another control character"));
  EXPECT_THAT(text("${ 'a\\0b' }", Template::Use::kHeader), HasSubstr("error: "));
}

TEST_F(TemplateTest, ErrorsPointIntoTheText) {
  EXPECT_EQ(refusal("abc ${ inptu.x }"), "7: there is no 'inptu'; did you mean 'input'?");
  EXPECT_EQ(refusal("abc ${ input.x"), "4: '${' has no '}' that ends it; a literal '${' is written '$${'");
  EXPECT_EQ(refusal("abc ${ }"), "4: the expression is empty");
  EXPECT_EQ(refusal("${ input.a }${ 1 + }"), "18: the expression ends where a value is expected");
  EXPECT_EQ(refusal("ü ${ (1 }"), "9: '(' is closed by '}', expected ')'");
  EXPECT_THAT(text("a${ input.sku + {} }", Template::Use::kHeader),
              HasSubstr("${ input.sku + {} }: attempt to add a 'string' with a 'table'"));
}

class ValueTemplateTest : public TemplateTest {
 protected:
  std::string value(const std::string& json) {
    const auto compiled = ValueTemplate::compile(*read_json(json), names_.visible, sandbox_);
    if (!compiled)
      return compiled.error().pointer + "@" + std::to_string(compiled.error().error.offset) + ": " +
             compiled.error().error.message;
    const auto result = compiled->evaluate(scope_);
    return result ? dump_json(*result) : "error: " + result.error().message;
  }
};

TEST_F(ValueTemplateTest, StringsAnywhereMayHoldExpressions) {
  EXPECT_EQ(
      value(
          R"({"order": "${ saga.id }", "list": ["${ input.count }", 1, null, {"deep": "n=${ input.count }"}], "c": {"k": [true, 1.0]}})"),
      R"({"c":{"k":[true,1.0]},"list":[3,1,null,{"deep":"n=3"}],"order":"order-42"})");
  EXPECT_EQ(value(R"("${ input.items }")"), R"([1,{"a":2}])");
  EXPECT_EQ(value(R"({"${ input.sku }": "$${ x }", "n": 18446744073709551615})"),
            R"({"${ input.sku }":"${ x }","n":18446744073709551615})");
  EXPECT_EQ(value("[]"), "[]");
  EXPECT_EQ(value("null"), "null");
  EXPECT_EQ(dump_json(*ValueTemplate().evaluate(scope_)), "null");
}

TEST_F(ValueTemplateTest, ErrorsPointIntoTheValue) {
  EXPECT_EQ(value(R"({"a": [1, {"x/y~z": "ab ${ nope }"}]})").substr(0, 38), "/a/1/x~1y~0z@6: there is no 'nope'; th");
  EXPECT_EQ(value(R"("${ 1 + }")"), "@6: the expression ends where a value is expected");
  EXPECT_THAT(value(R"({"a": "${ input.sku < 1 }"})"),
              HasSubstr("error: ${ input.sku < 1 }: attempt to compare string with number"));
}

TEST_F(ValueTemplateTest, WhatItMakesStaysWithinTheLimitsOfJson) {
  Json deep = "end";
  for (std::size_t i = 0; i < kMaxJsonDepth - 1; ++i) deep = Json::array({deep});
  scope_.input_value = deep;
  EXPECT_EQ(value(R"(["${ input }"])").substr(0, 3), "[[[");
  EXPECT_THAT(value(R"([["${ input }"]])"), HasSubstr("nested deeper than 64 levels"));
  EXPECT_THAT(value(R"(["${ { { input } } }"])"), HasSubstr("nested deeper than 64 levels"));

  scope_.input_value = std::string(1'000'000, 'x');
  EXPECT_EQ(value(R"(["${ input }", "${ input }", "${ input }", "${ input }"])").size(), 4'000'013U);
  EXPECT_THAT(value(R"(["${ input }", "${ input }", "${ input }", "${ input }", "${ input }"])"),
              HasSubstr("larger than 4 MB"));
  EXPECT_THAT(value(R"("${ input }${ input }${ input }${ input }${ input }")"), HasSubstr("larger than 4 MB"));
}

}  // namespace
}  // namespace saga::workflows
