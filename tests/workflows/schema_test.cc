#include "workflows/schema.h"

#include <gmock/gmock.h>

#include "workflows/schemas/check.h"
#include "workflows/schemas/compile.h"
#include "workflows/schemas/numbers.h"

namespace saga::workflows {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// "pointer: message" of each violation.
std::vector<std::string> violations(const std::string& schema, const std::string& value, std::size_t most = 20) {
  const auto compiled = Schema::compile(*read_json(schema));
  if (!compiled) return {"refused: " + compiled.error().message};
  std::vector<std::string> texts;
  for (const auto& violation : compiled->validate(*read_json(value), most))
    texts.push_back(violation.pointer + ": " + violation.message);
  return texts;
}

std::string refusal(const Json& schema) {
  const auto compiled = Schema::compile(schema);
  if (compiled) return "compiles";
  EXPECT_EQ(compiled.error().code, ErrorCode::kInvalid);
  return compiled.error().message;
}
std::string refusal(const char* schema) { return refusal(*read_json(schema)); }

TEST(SchemaTest, AViolationSaysWhereAndWhatWasExpected) {
  const std::string schema = R"({
    "type": "object", "required": ["customer_id", "sku"], "additionalProperties": false,
    "properties": {
      "sku": {"type": "string", "minLength": 3, "pattern": "^[A-Z]+-[0-9]+$"},
      "quantity": {"type": "integer", "minimum": 1, "maximum": 99},
      "a/b~c": {"type": ["string", "null"]},
      "items": {"type": "array", "items": {"enum": ["x", 1, null]}, "uniqueItems": true, "minItems": 1}
    }})";
  EXPECT_THAT(
      violations(schema, R"({"customer_id": 1, "sku": "A-1"})"),
      ElementsAre("/customer_id: property 'customer_id' is not allowed; there may be a/b~c, items, quantity, sku"));
  EXPECT_THAT(violations(schema, "[1]"), ElementsAre(": expected object, but it is array"));
  EXPECT_THAT(
      violations(schema, R"({"sku": 5, "quantity": 0, "a/b~c": 1.5, "items": []})"),
      ElementsAre(": required property 'customer_id' is missing", "/a~1b~0c: expected null or string, but it is number",
                  "/items: expected at least 1 elements, but there are 0",
                  "/quantity: expected a number of at least 1, but it is 0",
                  "/sku: expected string, but it is integer"));
  EXPECT_THAT(violations(schema, R"({"sku": "é1", "items": ["x", 1, 2, 1.0]})"),
              ElementsAre(": required property 'customer_id' is missing",
                          R"(/items/2: expected one of "x", 1, null, but it is 2)",
                          "/items: expected unique elements, but 1 and 3 are equal",
                          "/sku: expected at least 3 characters, but there are 2",
                          "/sku: \"é1\" does not match the pattern '^[A-Z]+-[0-9]+$'"));
  EXPECT_THAT(violations(schema, R"({"sku": 5, "quantity": 0, "items": []})", 2), testing::SizeIs(2));
}

TEST(SchemaTest, AlternativesSayWhyNoneFits) {
  const std::string schema =
      R"({"anyOf": [{"type": "string"}, {"properties": {"n": {"minimum": 5}}, "type": "object"}]})";
  EXPECT_THAT(violations(schema, R"("x")"), IsEmpty());
  EXPECT_THAT(violations(schema, R"({"n": 1})"),
              ElementsAre(": fits none of the 2 alternatives: expected string, but it is object; or /n: expected a "
                          "number of at least 5, but it is 1"));
  EXPECT_THAT(violations(R"({"oneOf": [{"type": "integer"}, {"minimum": 2}]})", "3"),
              ElementsAre(": fits both /oneOf/0 and /oneOf/1, expected exactly one"));
  EXPECT_THAT(violations(R"({"not": {"type": "null"}})", "null"), ElementsAre(": fits what 'not' excludes (/not)"));
}

TEST(SchemaTest, NumbersAreExact) {
  EXPECT_THAT(violations(R"({"maximum": 9007199254740992})", "9007199254740993"), testing::SizeIs(1));
  EXPECT_THAT(violations(R"({"maximum": 9007199254740992.0})", "9007199254740993"), testing::SizeIs(1));
  EXPECT_THAT(violations(R"({"minimum": 18446744073709551615})", "18446744073709551614"), testing::SizeIs(1));
  EXPECT_THAT(violations(R"({"minimum": -9223372036854775808})", "-9223372036854775808"), IsEmpty());
  EXPECT_THAT(violations(R"({"const": 9223372036854775807})", "9223372036854775806"), testing::SizeIs(1));
  EXPECT_THAT(violations(R"({"const": 1})", "1.0"), IsEmpty());
  EXPECT_THAT(violations(R"({"const": {"a": [1]}})", R"({"a": [1.0]})"), IsEmpty());
  EXPECT_THAT(violations(R"({"const": false})", "0"), testing::SizeIs(1));
  EXPECT_THAT(violations(R"({"type": "integer"})", "1.0"), IsEmpty());
  EXPECT_THAT(violations(R"({"type": "integer"})", "1e300"), IsEmpty());
  EXPECT_THAT(violations(R"({"type": "integer"})", "1.5"), ElementsAre(": expected integer, but it is number"));
}

TEST(SchemaTest, MultiplesGoByTheDecimalsThatWereWritten) {
  const auto multiple = [](const char* value, const char* step) {
    return schemas::is_multiple_of(*read_json(value), *read_json(step));
  };
  for (const auto& [value, step] : std::vector<std::pair<const char*, const char*>>{{"19.99", "0.01"},
                                                                                    {"0.3", "0.1"},
                                                                                    {"-4.35", "0.05"},
                                                                                    {"0", "7"},
                                                                                    {"0.0", "0.1"},
                                                                                    {"1e308", "10"},
                                                                                    {"1500", "1e2"},
                                                                                    {"12", "0.1"},
                                                                                    {"9007199254740993", "3"},
                                                                                    {"18446744073709551615", "5"},
                                                                                    {"-9223372036854775808", "2"},
                                                                                    {"1e22", "1e-10"},
                                                                                    {"5.0", "2.5"}}) {
    EXPECT_TRUE(multiple(value, step)) << value << " of " << step;
  }
  for (const auto& [value, step] : std::vector<std::pair<const char*, const char*>>{{"19.995", "0.01"},
                                                                                    {"0.35", "0.1"},
                                                                                    {"1e308", "0.123456789"},
                                                                                    {"1550", "1e2"},
                                                                                    {"9007199254740992", "3"},
                                                                                    {"18446744073709551614", "5"},
                                                                                    {"5", "1e300"},
                                                                                    {"1e-10", "1"}}) {
    EXPECT_FALSE(multiple(value, step)) << value << " of " << step;
  }
}

TEST(SchemaTest, ReferencesStayWithinTheSchema) {
  EXPECT_EQ(refusal(R"({"properties": {"a": {"$ref": "http://example.com/x.json"}}})"),
            "/properties/a/$ref: only a reference within the schema, such as '#/definitions/NAME', is followed, not "
            "'http://example.com/x.json'");
  EXPECT_EQ(refusal(R"({"$ref": "#/definitions/none"})"), "/$ref: there is nothing at '#/definitions/none'");
  EXPECT_THAT(refusal(R"({"$ref": "other.json#/a"})"), HasSubstr("only a reference within the schema"));
  EXPECT_THAT(refusal(R"({"definitions": {"a": {"$id": "x"}}})"),
              HasSubstr("/definitions/a/$id: only the schema as a whole may have an '$id'"));
  EXPECT_THAT(
      violations(
          R"({"$id": "http://x/y.json", "items": {"$ref": "http://x/y.json#/definitions/n"}, "definitions": {"n": {"type": "null"}}})",
          "[1]"),
      ElementsAre("/0: expected null, but it is integer"));
}

TEST(SchemaTest, ReferenceLoopsEnd) {
  EXPECT_EQ(refusal(R"({"$ref": "#"})"),
            "the schema: a $ref leads back to itself, for the same value and so without end");
  EXPECT_THAT(refusal(R"({"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}})"),
              HasSubstr("leads back to itself"));
  for (const char* by : {R"({"allOf": [{"$ref": "#"}]})", R"({"anyOf": [true, {"$ref": "#"}]})",
                         R"({"not": {"oneOf": [{"$ref": "#"}]}})", R"({"if": true, "then": {"$ref": "#"}})",
                         R"({"dependencies": {"a": {"$ref": "#"}}})"}) {
    EXPECT_THAT(refusal(by), HasSubstr("leads back to itself")) << by;
  }
  const std::string tree = R"({"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}}})";
  EXPECT_THAT(violations(tree, R"({"next": {"next": {"n": "x"}}})"),
              ElementsAre("/next/next/n: expected integer, but it is string"));
}

TEST(SchemaTest, LongChainsAreRefusedWithoutOverflow) {
  Json schema = {{"$ref", "#/definitions/0"}};
  for (int i = 0; i < 20'000; ++i)
    schema["definitions"][std::to_string(i)] = {{"$ref", "#/definitions/" + std::to_string(i + 1)}};
  schema["definitions"]["20000"] = true;
  EXPECT_THAT(refusal(schema), HasSubstr("one value is held against over 32 schemas"));
}

TEST(SchemaTest, AnExponentialSchemaIsGivenUp) {
  Json schema = {{"$ref", "#/definitions/0"}};
  for (int i = 0; i < 13; ++i) {
    const Json next = {{"$ref", "#/definitions/" + std::to_string(i + 1)}};
    schema["definitions"][std::to_string(i)] = {{"allOf", {next, next, next, next}}};
  }
  schema["definitions"]["13"] = true;
  const auto compiled = Schema::compile(schema);
  ASSERT_TRUE(compiled) << compiled.error().message;
  const auto found = compiled->validate(Json(1));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].message, "the schema needs more than 5000000 checks for this value");
}

TEST(SchemaTest, DeepValuesAgainstARecursiveSchemaAreChecked) {
  std::string value = "1";
  for (std::size_t i = 0; i < kMaxJsonDepth; ++i) value = "[" + value + "]";
  EXPECT_THAT(violations(R"({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}]})", value),
              IsEmpty());
}

TEST(SchemaTest, PatternsTakeLinearTimeAndSayWhatTheyCannot) {
  EXPECT_EQ(refusal(R"j({"pattern": "^(?!x)"})j"),
            "/pattern: '^(?!x)' is no pattern that is understood (RE2: no look-around and no back-references): invalid "
            "perl operator: (?!");
  EXPECT_THAT(refusal(R"j({"patternProperties": {"(a)\\1": true}})j"), HasSubstr("/patternProperties/(a)\\1: "));
  const std::string text = '"' + std::string(500'000, 'a') + "!\"";
  EXPECT_THAT(violations(R"j({"pattern": "^(a+)+$"})j", text), testing::SizeIs(1));
  EXPECT_THAT(violations(R"({"pattern": "^\\u00e9(?<year>\\d+)\\s\\/[\\s]$"})", "\"é12\u00a0/\u2003\""), IsEmpty());
  EXPECT_THAT(violations(R"({"pattern": "^a$"})", R"("a\n")"), testing::SizeIs(1));
  EXPECT_THAT(violations(R"({"pattern": "b"})", R"("abc")"), IsEmpty()) << "a pattern is not anchored";
}

TEST(SchemaTest, AWrongSchemaIsRefusedWithItsPlace) {
  EXPECT_EQ(refusal(R"({"properties": {"a": {"type": "int"}}})"),
            "/properties/a/type: expected null, boolean, integer, number, string, array or object, but it is \"int\"");
  EXPECT_EQ(refusal("5"), "the schema: expected a schema (an object, true or false), but it is number");
  EXPECT_EQ(refusal(R"({"properties": []})"), "/properties: expected an object, but it is array");
  EXPECT_EQ(refusal(R"({"minLength": -1})"), "/minLength: expected a whole number from 0, but it is -1");
  EXPECT_EQ(refusal(R"({"maxItems": 1.5})"), "/maxItems: expected a whole number from 0, but it is 1.5");
  EXPECT_EQ(refusal(R"({"minimum": "1"})"), "/minimum: expected a number, but it is string");
  EXPECT_EQ(refusal(R"({"multipleOf": 0})"), "/multipleOf: expected a number over 0");
  EXPECT_EQ(refusal(R"({"required": "sku"})"), "/required: expected an array of strings");
  EXPECT_EQ(refusal(R"({"required": ["sku", 1]})"), "/required: expected an array of strings");
  EXPECT_EQ(refusal(R"({"allOf": []})"), "/allOf: expected an array of at least one schema, but it is array");
  EXPECT_EQ(refusal(R"({"items": 7})"), "/items: expected a schema (an object, true or false), but it is number");
  EXPECT_EQ(refusal(R"({"uniqueItems": 1})"), "/uniqueItems: expected true or false, but it is number");
  EXPECT_EQ(refusal(R"({"definitions": {"x": {"type": 1}}})"),
            "/definitions/x/type: expected null, boolean, integer, number, string, array or object, but it is 1");
  EXPECT_THAT(refusal(R"({"$schema": "https://json-schema.org/draft/2020-12/schema"})"),
              HasSubstr("/$schema: only draft 7 is understood"));
  EXPECT_EQ(refusal(R"({"$schema": "http://json-schema.org/draft-07/schema#", "x-ours": 1})"), "compiles");
}

TEST(SchemaTest, FormatsAreChecked) {
  const auto fits = [](const char* format, const char* text) {
    return violations(R"({"format": ")" + std::string(format) + "\"}", dump_json(Json(text))).empty();
  };
  EXPECT_TRUE(fits("date-time", "2026-11-23T04:54:47.123Z"));
  EXPECT_TRUE(fits("date-time", "2024-02-29T23:59:60Z"));
  EXPECT_FALSE(fits("date-time", "2023-02-29T00:00:00Z"));
  EXPECT_FALSE(fits("date-time", "2026-11-23 04:54:47Z"));
  EXPECT_FALSE(fits("date", "2026-13-01"));
  EXPECT_TRUE(fits("time", "23:59:60+00:00"));
  EXPECT_FALSE(fits("time", "12:00:60Z"));
  EXPECT_TRUE(fits("email", "a.b+c@example.com"));
  EXPECT_FALSE(fits("email", "a..b@example.com"));
  EXPECT_FALSE(fits("email", "nobody"));
  EXPECT_TRUE(fits("uuid", "018F3c2a-7b1d-7e55-9c3b-2f8a1d0e6c44"));
  EXPECT_FALSE(fits("uuid", "018f3c2a7b1d7e559c3b2f8a1d0e6c44"));
  EXPECT_TRUE(fits("uri", "http://user@example.com:80/a?b#c"));
  EXPECT_FALSE(fits("uri", "/a/b"));
  EXPECT_FALSE(fits("uri", "http://a b"));
  EXPECT_TRUE(fits("uri-reference", "../a?b"));
  EXPECT_TRUE(fits("ipv6", "::ffff:1.2.3.4"));
  EXPECT_FALSE(fits("ipv4", "01.2.3.4"));
  EXPECT_FALSE(fits("hostname", "-a.example"));
  EXPECT_FALSE(fits("regex", "("));
  EXPECT_TRUE(fits("color", "anything")) << "an unknown format says nothing";
  EXPECT_THAT(violations(R"({"format": "date"})", R"("tomorrow")"),
              ElementsAre(R"(: expected date, but it is "tomorrow")"));
  EXPECT_THAT(violations(R"({"format": "date"})", "5"), IsEmpty());
}

}  // namespace
}  // namespace saga::workflows
