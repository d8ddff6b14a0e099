// The official JSON Schema test suite, draft 7, as Debian ships it.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "workflows/schema.h"

namespace saga::workflows {
namespace {

namespace fs = std::filesystem;

struct Tally {
  int fitting = 0;
  std::vector<std::string> failures;
};

class SchemaSuiteTest : public testing::Test {
 protected:
  static Json read(const fs::path& file) {
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    return Json::parse(text.str());
  }

  static std::vector<fs::path> files(const fs::path& folder) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".json") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  static Tally run_group(const Json& group) {
    Tally tally;
    const auto schema = Schema::compile(group.at("schema"));
    for (const Json& test : group.at("tests")) {
      const std::string name = test.at("description").get<std::string>();
      if (!schema) {
        tally.failures.push_back(name + ": refused: " + schema.error().message);
        continue;
      }
      const auto violations = schema->validate(test.at("data"));
      if (violations.empty() == test.at("valid").get<bool>()) {
        ++tally.fitting;
      } else {
        tally.failures.push_back(name + ": " +
                                 (violations.empty() ? "fits" : violations[0].pointer + " " + violations[0].message));
      }
    }
    return tally;
  }

  /// Runs every group of the files; those in `exceptions` ("file: group") must not hold as a whole. Returns how many
  /// cases held.
  static int run(const std::vector<fs::path>& all, const std::set<std::string>& exceptions) {
    int fitting = 0;
    int excepted = 0;
    std::set<std::string> seen;
    for (const fs::path& file : all) {
      for (const Json& group : read(file)) {
        const std::string name = file.stem().string() + ": " + group.at("description").get<std::string>();
        const Tally tally = run_group(group);
        if (exceptions.contains(name)) {
          seen.insert(name);
          excepted += static_cast<int>(tally.failures.size());
          EXPECT_FALSE(tally.failures.empty()) << name << " holds now: take it off the list";
        } else {
          EXPECT_THAT(tally.failures, testing::IsEmpty()) << name;
        }
        fitting += tally.fitting;
      }
    }
    EXPECT_EQ(seen, exceptions) << "every exception names a group of the suite";
    std::cout << fitting << " cases hold, " << excepted << " in " << exceptions.size() << " listed groups do not\n";
    return fitting;
  }

  const fs::path suite_ = SAGA_SCHEMA_SUITE;
};

TEST_F(SchemaSuiteTest, EveryCaseOfDraft7HoldsButForWhatLeadsOutOfTheSchema) {
  const std::set<std::string> exceptions = {
      // References to other documents: no schema is ever fetched.
      "definitions: invalid definition",
      "definitions: valid definition",
      "ref: remote ref, containing refs itself",
      "refRemote: remote ref",
      "refRemote: fragment within remote ref",
      "refRemote: ref within remote ref",
      "refRemote: root ref in remote ref",
      // An '$id' inside the schema, which gives its parts names of their own.
      "ref: Recursive references between schemas",
      "refRemote: base URI change",
      "refRemote: base URI change - change folder",
      "refRemote: base URI change - change folder in subschema",
  };
  EXPECT_GE(run(files(suite_), exceptions), 390);
}

TEST_F(SchemaSuiteTest, EveryCaseOfTheFormatsThatAreCheckedHolds) {
  std::vector<fs::path> checked = {suite_ / "optional/bignum.json", suite_ / "optional/ecmascript-regex.json"};
  for (const char* format :
       {"date-time", "date", "email", "hostname", "ipv4", "ipv6", "json-pointer", "time", "uri", "uri-reference"}) {
    checked.push_back(suite_ / "optional/format" / (std::string(format) + ".json"));
  }
  EXPECT_GE(run(checked, {}), 90);
}

}  // namespace
}  // namespace saga::workflows
