// Whatever is written as YAML reads back as the same value.
#include "sagactl/render/yaml.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <rapidcheck/gtest.h>

namespace saga::ctl {
namespace {

/// By the 1.2 core schema: quoted scalars (tag "!") are strings, plain ones are JSON or else strings.
Json read_back(const YAML::Node& node) {
  if (node.IsSequence()) {
    Json out = Json::array();
    for (const auto& item : node) out.push_back(read_back(item));
    return out;
  }
  if (node.IsMap()) {
    Json out = Json::object();
    for (const auto& item : node) out[item.first.Scalar()] = read_back(item.second);
    return out;
  }
  if (node.IsNull()) return nullptr;
  if (node.Tag() == "!") return node.Scalar();
  const auto json = parse_json(node.Scalar());
  return json ? *json : Json(node.Scalar());
}

void expect_same(const Json& value) {
  const std::string yaml = to_yaml(value);
  EXPECT_EQ(read_back(YAML::Load(yaml)), value) << yaml;
}

TEST(Yaml, ReadsAsPeopleWriteIt) {
  const Json value{{"id", "order-42"},
                   {"steps", {{{"name", "a"}, {"attempts", 1}}, {{"name", "b"}, {"tags", Json::array()}}}},
                   {"output", nullptr}};
  EXPECT_EQ(to_yaml(value),
            "id: order-42\n"
            "output: null\n"
            "steps:\n"
            "  - attempts: 1\n"
            "    name: a\n"
            "  - name: b\n"
            "    tags: []\n");
}

TEST(Yaml, AStringThatCouldBeSomethingElseIsQuoted) {
  for (const char* text :
       {"",    "true", "No",       "on",         "null",         "~",    "y",    "1",   "1.5", "0x1F",
        "017", "1e3",  ".inf",     "2026-11-23", "a: b",         "a #b", "- a",  "? a", "&a",  "*a",
        "!a",  "%a",   "@a",       "`a",         "{a",           "[a",   "|",    ">",   "'a",  "\"a",
        " a",  "a ",   "a\nb",     "a\tb",       "\x1b[0m",      "<<",   "=",    "---", "...", "12:30",
        "ünï", "\x7f", "\xC2\x85", "\xC2\x9B",   "\xE2\x80\xA8", "a\\b", "C:\\x"}) {
    expect_same(text);
    expect_same({{text, {text, {{text, text}}}}});
  }
}

TEST(Yaml, NumbersKeepTheirTypeAndValue) {
  for (const Json& number : {Json(0), Json(-1), Json(9223372036854775807), Json(18446744073709551615U), Json(1.5),
                             Json(1e300), Json(-0.0), Json(1.0)}) {
    expect_same({number});
  }
}

TEST(Yaml, NestingOfAnyShapeReadsBack) {
  expect_same(Json::parse(R"([[1,[2,[]]],{"a":[{"b":{}},[{"c":[[]]}]]},[[["x"]]],{}])"));
}

RC_GTEST_PROP(Yaml, AnyAsciiStringReadsBack, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127));
  RC_ASSERT(read_back(YAML::Load(to_yaml({{"k", text}, {"l", {text}}}))) == Json({{"k", text}, {"l", {text}}}));
}

}  // namespace
}  // namespace saga::ctl
