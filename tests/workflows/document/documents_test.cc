#include "workflows/document/documents.h"

#include <gmock/gmock.h>

#include <string>

namespace saga::workflows {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> shown(Problems& problems) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems.take()) lines.push_back(format_problem(problem));
  return lines;
}

std::vector<Document> read_good(std::string_view text) {
  Problems problems("f");
  auto documents = read_documents(text, problems);
  EXPECT_THAT(shown(problems), IsEmpty()) << text;
  return documents;
}

std::vector<std::string> read_bad(std::string_view text) {
  Problems problems("f");
  (void)read_documents(text, problems);
  return shown(problems);
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

TEST(Documents, YamlAndJsonOfTheSameContentGiveTheSameValue) {
  const auto yaml =
      read_good("a: 1 # one\nb: [x, 'y', \"z\\n\", -2.5, ~, true]\nc:\n  d: |\n    l1\n    l2\n  e: {}\n");
  const auto json = read_good(R"({"c": {"e": {}, "d": "l1\nl2\n"}, "b": ["x", "y", "z\n", -2.5, null, true], "a": 1})");
  ASSERT_EQ(yaml.size(), 1U);
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(yaml[0].root.to_json(), json[0].root.to_json());
}

TEST(Documents, EveryValueAndKeyKnowsWhereItStands) {
  const std::string yaml = "a: 1\nb:\n  - \"q${\"\n  - {k: plain}\nc:\n";
  const std::string json = "{\"a\": 1,\n \"b\": [\n    \"q${\", {\"k\": \"plain\"}],\n \"c\": null}";
  const auto at = [](TextPosition position) {
    return std::to_string(position.line) + ":" + std::to_string(position.column);
  };

  const Node y = read_good(yaml)[0].root;
  EXPECT_EQ(at(y.entries[1].position), "2:1");
  EXPECT_EQ(at(y.find("b")->items[0].position), "3:5");
  EXPECT_EQ(at(y.find("b")->items[0].at(2)), "3:8") << "behind the quote";
  EXPECT_EQ(at(y.find("b")->items[1].position), "4:5");
  EXPECT_EQ(at(y.find("b")->items[1].entries[0].position), "4:6");
  EXPECT_EQ(at(y.find("b")->items[1].entries[0].value.at(3)), "4:12");
  EXPECT_EQ(at(y.find("c")->position), "5:1") << "a value that is not there stands with its key";

  const Node j = read_good(json)[0].root;
  EXPECT_EQ(at(j.position), "1:1");
  EXPECT_EQ(at(j.entries[1].position), "2:2");
  EXPECT_EQ(at(j.find("b")->items[0].position), "3:5");
  EXPECT_EQ(at(j.find("b")->items[0].at(2)), "3:8");
  EXPECT_EQ(at(j.find("b")->items[1].entries[0].position), "3:13");
  EXPECT_EQ(at(j.find("b")->items[1].entries[0].value.at(0)), "3:19");
  EXPECT_EQ(at(j.find("c")->position), "4:7");
}

TEST(Documents, AJsonPointerFindsItsValue) {
  const Node root = read_good("a: [x, { 'b/c': 1, 'd~e': 2 }]\n")[0].root;
  EXPECT_EQ(root.find_pointer("")->to_json(), root.to_json());
  EXPECT_EQ(root.find_pointer("/a/0")->text(), "x");
  EXPECT_EQ(root.find_pointer("/a/1/b~1c")->scalar, 1);
  EXPECT_EQ(root.find_pointer("/a/1/d~0e")->scalar, 2);
  for (const char* pointer : {"/b", "/a/2", "/a/x", "/a/0/b", "a", "/a/1/b", "/a/99999999999999999999", "/a/1/~"}) {
    EXPECT_EQ(root.find_pointer(pointer), nullptr) << pointer;
  }
}

TEST(Documents, APlaceBehindAnEscapeOrALineBreakIsShownAtTheStart) {
  const Node root = read_good("a: \"x\\ty\"\nb: x\n  y\nc: |\n  x\n")[0].root;
  EXPECT_EQ(root.find("a")->at(1).column, 6U);
  EXPECT_EQ(root.find("a")->at(2).column, 4U);
  EXPECT_EQ(root.find("b")->at(1).column, 5U);
  EXPECT_EQ(root.find("b")->at(2).column, 4U);
  EXPECT_EQ(root.find("c")->at(0).column, 4U);
}

TEST(Documents, FileIsSplitAtItsMarkersAndEachPartKeepsItsText) {
  const auto documents = read_good("# first\n---\na: 1\n# of the first\n--- # second\nb: |\n  ---\n...\n# tail\n");
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(documents[0].source, "# first\n---\na: 1\n# of the first\n");
  EXPECT_EQ(documents[0].root.to_json(), Json({{"a", 1}}));
  EXPECT_EQ(documents[1].source, "--- # second\nb: |\n  ---\n...\n# tail\n");
  EXPECT_EQ(documents[1].root.to_json(), Json({{"b", "---\n"}}));
  EXPECT_EQ(documents[1].root.entries[0].position.line, 6U);
}

TEST(Documents, OnlyDocumentKeepsTheWholeText) {
  EXPECT_EQ(read_good("\xEF\xBB\xBF# c\n%YAML 1.2\n---\r\na: 1\r\n...\r\n")[0].source,
            "\xEF\xBB\xBF# c\n%YAML 1.2\n---\r\na: 1\r\n...\r\n");
  EXPECT_EQ(read_good("{\"a\": 1}\n")[0].source, "{\"a\": 1}\n");
}

TEST(Documents, ADocumentWithoutContentIsNull) {
  for (const char* text : {"", "\n", "# only\n", "---\n", "--- # x\n...\n"}) {
    const auto documents = read_good(text);
    ASSERT_EQ(documents.size(), 1U) << text;
    EXPECT_TRUE(documents[0].root.to_json().is_null()) << text;
  }
  EXPECT_EQ(read_good("a: 1\n---\n").size(), 2U);
}

TEST(Documents, ABrokenDocumentDoesNotHideTheNext) {
  EXPECT_THAT(read_bad("a: [\n---\nb: @\n---\nc: 1\nc: 2\n"),
              ElementsAre("f:1:4: error: the '[' that begins here is never closed",
                          "f:3:4: error: unexpected character here: a text that begins with it stands in quotes",
                          "f:6:1: error: key 'c' is there twice: the first stands in line 5"));
}

struct Bad {
  std::string text;
  std::string problem;
};

void expect_refused(const std::vector<Bad>& cases) {
  for (const Bad& bad : cases)
    EXPECT_THAT(read_bad(bad.text), ElementsAre("f:" + bad.problem)) << bad.text.substr(0, 200);
}

TEST(Yaml, IsRefusedWhereItsGrammarIsBroken) {
  const std::string stray_colon =
      "error: unexpected ':' here: a text that holds ': ' stands in quotes, and a key stands on a line of its own, "
      "indented like its neighbours";
  const std::string begins = "error: unexpected character here: a text that begins with it stands in quotes";
  const std::string quote = "error: the quote that begins here is never closed";
  expect_refused({
      {"a: b: c\n", "1:5: " + stray_colon},
      {"a: 1\n b: 2\n", "2:3: " + stray_colon},
      {"a: 1\nb\nc: 2\n", "3:2: " + stray_colon},
      {"a: 1\nb\n", "2:1: error: expected ':' after the key 'b'"},
      {": x\n", "1:1: error: expected a key before ':'"},
      {"a: @x\n", "1:4: " + begins},
      {"a: `x\n", "1:4: " + begins},
      {"a: %x\n", "1:4: " + begins},
      {"a: \"x\nb: 1\n", "1:4: " + quote},
      {"a: 'it''s\nb: 1\n", "1:4: " + quote},
      {"a: \"x\\\"\n", "1:4: " + quote},
      {"\"a: 1\n", "1:1: " + quote},
      {"a: [1, 2\n", "1:4: error: the '[' that begins here is never closed"},
      {"a: {b: 1\n", "1:4: error: the '{' that begins here is never closed"},
      {"a: [1, 2\nb: 3\n",
       "2:2: error: expected ',' or ']' to go with the '[' in line 1; inside it a text with one of { } [ ] , stands in "
       "quotes"},
      {"a: {b: ${ c }}\n",
       "1:9: error: expected ',' or '}' to go with the '{' in line 1; inside it a text with one of { } [ ] , stands in "
       "quotes"},
      {"a: [1, 2]]\n", "1:10: error: unexpected ']' or '}' here: it closes nothing"},
      {"a: [1,,2]\n", "1:7: error: expected a value between '[', ',' and ']'"},
      {"a: - x\n", "1:4: error: unexpected '- ' here: a list begins on a line of its own"},
      {"a: |x\n  y\n",
       "1:5: error: unexpected character here: after '|' or '>' the text begins on the next line; a text that begins "
       "with it stands in quotes"},
      {"a:\n  - b: 1\n   c: 2\n",
       "3:4: error: unexpected here: it belongs neither to the list that begins in line 2 nor after it (look at the "
       "indentation and at quotes)"},
      {"a: \"x\" y\n",
       "1:8: error: unexpected here: it belongs neither to the mapping that begins in line 1 nor after it (look at the "
       "indentation and at quotes)"},
      {" a: 1\nb: 2\n",
       "2:1: error: expected the end of the document here: what follows belongs to none of its keys (look at the "
       "indentation)"},
      {"- a\nb: c\n",
       "2:1: error: expected the end of the document here: what follows belongs to none of its keys (look at the "
       "indentation)"},
      {"a: \"\\z\"\n", "1:7: error: unknown escape character: z"},
      {"a: \"\\\u00e9\"\n", "1:7: error: unknown escape character"},
      {"? [a]\n: 1\n",
       "1:3: error: expected a text as key, but it is a list (is its ']' missing?); a text that begins with '{' or '[' "
       "stands in quotes"},
      {"a: {{b: c}}\n",
       "1:5: error: expected a text as key, but it is a mapping (is its '}' missing?); a text that begins with '{' or "
       "'[' stands in quotes"},
  });
}

TEST(Yaml, TabsDoNotIndent) {
  expect_refused({
      {"a:\n\tb: 1\n", "2:1: error: a tab cannot indent YAML: use spaces"},
      {"a:\n  - b: 1\n  \tc: 2\n", "3:3: error: a tab cannot indent YAML: use spaces"},
      {"a:\n\t- b\n", "2:1: error: a tab cannot indent YAML: use spaces"},
      {"a: [\n\tb]\n", "2:1: error: a tab cannot indent YAML: use spaces"},
  });
  EXPECT_EQ(read_good("a:\tb\t# tab\n\t\nc: |\n  x\n  \ty\n")[0].root.to_json(), Json({{"a", "b"}, {"c", "x\n\ty\n"}}));
}

TEST(Yaml, AnchorsAliasesMergeKeysAndTagsAreRefusedByName) {
  const std::string anchor = "error: anchors (&name) are not allowed: write the value out where it is needed";
  const std::string alias = "error: aliases (*name) are not allowed: write the value out";
  const std::string tag = "error: tags (!name) are not allowed: a text stands in quotes, everything else as it is";
  expect_refused({
      {"a: &x 1\n", "1:4: " + anchor},
      {"a: &x [1]\n", "1:4: " + anchor},
      {"&x a: 1\n", "1:1: " + anchor},
      {"a: *x\n", "1:4: " + alias},
      {"<<: {a: 1}\n", "1:1: error: merge keys ('<<') are not allowed: write the values out"},
      {"a: !!str 1\n", "1:4: " + tag},
      {"a: !!binary x\n", "1:4: " + tag},
      {"a: ! x\n", "1:4: " + tag},
      {"a: !x {}\n", "1:4: " + tag},
      {"a: !\n", "1:4: " + tag},
  });
  EXPECT_THAT(read_bad("a: &x 1\nb: *x\n"), ElementsAre("f:1:4: " + anchor, "f:2:4: " + alias));
  EXPECT_EQ(read_good("'<<': '&x'\nb: '*x'\nc: '!x'\n")[0].root.to_json(),
            Json({{"<<", "&x"}, {"b", "*x"}, {"c", "!x"}}));
}

TEST(Yaml, AnAliasBombIsNotExpanded) {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char name = 'b'; name <= 'z'; ++name) {
    const std::string last(1, static_cast<char>(name - 1));
    bomb +=
        std::string(1, name) + ": &" + std::string(1, name) + " [" + repeat("*" + last + ", ", 8) + "*" + last + "]\n";
  }
  const auto problems = read_bad(bomb);
  EXPECT_EQ(problems.size(), Problems::kMost);
  EXPECT_EQ(problems.front(), "f:1:4: error: anchors (&name) are not allowed: write the value out where it is needed");
}

TEST(Yaml, ARepeatedKeyIsRefusedHoweverItIsWritten) {
  expect_refused({
      {"a: 1\nb: 2\na: 3\n", "3:1: error: key 'a' is there twice: the first stands in line 1"},
      {"x: {a: 1, \"a\": 2}\n", "1:11: error: key 'a' is there twice: the first stands in line 1"},
      {"1: x\n\"1\": y\n", "2:1: error: key '1' is there twice: the first stands in line 1"},
  });
}

TEST(Json, IsReadStrictly) {
  expect_refused({
      {"{\"a\": 1,}", "1:9: error: syntax error while parsing object key - unexpected '}'; expected string literal"},
      {"{\"a\": 99999999999999999999}",
       "1:7: error: '99999999999999999999' does not fit in 64 bits: write it in quotes to keep it as a text"},
  });
  for (const char* text : {"{\"a\": 1} x", "{\"a\": 1, \"a\": 1}", "{'a': 1}", "{a: 1}", "[1,]", "{\"a\": NaN}",
                           "{\"a\": 1e999}", "{", "{\"a\": \"\\ud800\"}"}) {
    EXPECT_EQ(read_bad(text).size(), 1U) << text;
  }
  EXPECT_EQ(read_good("{\"\\u0061\\\"\": \"\\ud83d\\ude00\", \"b\": -0.5e1}")[0].root.to_json(),
            Json({{"a\"", "😀"}, {"b", -5.0}}));
}

TEST(Documents, NestingBeyondTheLimitIsRefusedWithoutRecursing) {
  constexpr std::size_t kDeep = 100'000;
  const std::string deeper = "error: nested deeper than 64 levels";
  expect_refused({
      {"a: " + std::string(kDeep, '[') + std::string(kDeep, ']'), "1:67: " + deeper},
      {repeat("- ", kDeep), "1:129: " + deeper},
      {"a: " + repeat("{a: ", kDeep), "1:256: " + deeper},
      {std::string(kDeep, '['), "1:65: " + deeper},
      {repeat("{\"a\":", kDeep), "1:321: " + deeper},
  });
  EXPECT_EQ(read_bad("a: " + std::string(kDeep, '[')).size(), 1U);
  EXPECT_EQ(read_bad(repeat("? ", kDeep)).size(), 1U);
  EXPECT_EQ(read_good("a: " + std::string(63, '[') + std::string(63, ']')).size(), 1U);
  EXPECT_EQ(read_good(std::string(64, '[') + std::string(64, ']')).size(), 1U);
}

TEST(Documents, TextThatIsNotUtf8IsRefusedWhereItBegins) {
  const std::string what = " is not UTF-8 here: save the file as UTF-8";
  expect_refused({
      {"a: \xff\n", "1:4: error: byte 0xff" + what},
      {"a: 1\nb: \"\xc0\x80\"\n", "2:5: error: byte 0xc0" + what},
      {"a: \xed\xa0\x80\n", "1:4: error: byte 0xed" + what},
      {"a: \xf4\x90\x80\x80\n", "1:4: error: byte 0xf4" + what},
      {"a: ü\xe2\x82", "1:6: error: byte 0xe2" + what},
      {"{\"a\": \"\xfe\"}", "1:8: error: byte 0xfe" + what},
      {"\xff\xfe"
       "a",
       "1:1: error: byte 0xff" + what},
  });
  EXPECT_EQ(read_good("a: ü€😀\n")[0].root.to_json(), Json({{"a", "ü€😀"}}));
}

TEST(Documents, ControlCharactersAreRefused) {
  const std::string what = " is not allowed: write it as an escape in double quotes";
  expect_refused({
      {"a: \x04\nb: 1\n", "1:4: error: control character 0x04" + what},
      {std::string("a: \0b", 5), "1:4: error: control character 0x00" + what},
      {"a: 1\rb: 2\n", "1:5: error: control character 0x0d" + what},
      {"a: \x7f\n", "1:4: error: control character 0x7f" + what},
  });
  EXPECT_EQ(read_good("a: 1\r\nb: |\r\n  x\r\n  y\r\n")[0].root.to_json(), Json({{"a", 1}, {"b", "x\ny\n"}}));
}

TEST(Documents, AFileOverAMebibyteIsRefused) {
  const std::string what =
      "f:1:1: error: the file has more than 1048576 bytes (1 MiB), which is the most a file of definitions may have";
  EXPECT_THAT(read_bad(std::string(2 << 20, 'x')), ElementsAre(what));
  EXPECT_THAT(read_bad("a: " + std::string(kMaxDefinitionBytes - 2, 'x')), ElementsAre(what));
  EXPECT_EQ(read_good("a: " + std::string(kMaxDefinitionBytes - 3, 'x')).size(), 1U);
}

TEST(Problems, NobodyIsShownMoreThanFifty) {
  std::string text;
  for (int i = 0; i < 5'000; ++i) text += "a: 1\n";
  EXPECT_EQ(read_bad(text).size(), Problems::kMost);
}

}  // namespace
}  // namespace saga::workflows
