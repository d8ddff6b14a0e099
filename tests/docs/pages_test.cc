// The guides: every error has its remedy, every route its mention, every link leads somewhere.
#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "engine/api/problem.h"
#include "engine/api/router.h"
#include "workers/protocol/protocol.h"

namespace saga {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = SOURCE_DIR;

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// The rows of the page's tables that begin with this as code.
std::size_t rows_of(const std::string& page, const std::string& name) {
  std::size_t rows = 0;
  for (std::size_t at = 0; (at = page.find("\n| `" + name + "` |", at)) != std::string::npos; ++at) ++rows;
  return rows;
}

/// The codes as the protocol's header declares them: a constant cannot be enumerated otherwise.
std::vector<std::string> codes_of_our_own() {
  const std::string header = read(kRoot / "workers/protocol/protocol.h");
  const std::size_t begin = header.find("namespace codes {");
  const std::size_t end = header.find("}  // namespace codes", begin);
  EXPECT_NE(end, std::string::npos);
  const std::string text = header.substr(begin, end - begin);
  const std::regex declared(R"re(std::string_view k\w+ = "(\w+)")re");
  std::vector<std::string> codes;
  for (std::sregex_iterator at(text.begin(), text.end(), declared), none; at != none; ++at) codes.push_back((*at)[1]);
  return codes;
}

TEST(ErrorsPage, HasARowWithARemedyForEveryCodeOfOurOwn) {
  const std::string page = read(kRoot / "docs/errors.md");
  const auto codes = codes_of_our_own();
  EXPECT_GE(codes.size(), 10U);
  EXPECT_THAT(codes, ::testing::Contains(std::string(workers::codes::kPivotUnknown)));
  for (const std::string& code : codes) EXPECT_EQ(rows_of(page, code), 1U) << code;
}

TEST(ErrorsPage, HasARowForEveryTypeOfProblem) {
  const std::string page = read(kRoot / "docs/errors.md");
  for (const std::string& type : api::problem_types()) EXPECT_EQ(rows_of(page, type), 1U) << type;
}

TEST(ApiPage, SpeaksOfEveryRoute) {
  const std::string page = read(kRoot / "docs/api.md");
  for (const api::Route& route : api::routes()) {
    std::string pattern(route.pattern);
    if (pattern.starts_with("/v1/callbacks/")) pattern = "/v1/callbacks/…";  // Nobody puts one together.
    if (pattern.ends_with("{verb}")) pattern.replace(pattern.size() - 6, 6, "VERB");
    EXPECT_NE(page.find(pattern), std::string::npos) << route.method << " " << pattern;
  }
}

TEST(Alerts, WatchMetricsThatThereAre) {
  const std::string families = read(kRoot / "engine/telemetry/families.h") +
                               read(kRoot / "engine/telemetry/gauges.cc") + read(kRoot / "engine/telemetry/metrics.cc");
  const std::regex metric(R"re(sagad_[a-z_]*[a-z])re");
  for (const char* name : {"docs/alerts.yml", "docs/operating.md"}) {
    const std::string text = read(kRoot / name);
    std::size_t found = 0;
    for (std::sregex_iterator at(text.begin(), text.end(), metric), none; at != none; ++at, ++found) {
      std::string family = at->str();
      if (family.ends_with("_bucket")) family.erase(family.size() - 7);
      EXPECT_NE(families.find('"' + family + '"'), std::string::npos) << name << ": " << family;
    }
    EXPECT_GT(found, 4U) << name;
  }
}

// ---- links

std::vector<fs::path> pages() {
  std::vector<fs::path> found;
  for (const char* name : {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"}) found.push_back(kRoot / name);
  for (const char* folder : {"docs", "examples", "packaging"}) {
    if (!fs::exists(kRoot / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder))
      if (entry.path().extension() == ".md") found.push_back(entry.path());
  }
  return found;
}

/// As the web makes an address of a heading: small letters, blanks to hyphens, no other punctuation.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : heading) {
    const auto letter = static_cast<unsigned char>(c);
    if (c == ' ') anchor += '-';
    if (c == '-' || c == '_' || std::isalnum(letter) != 0 || letter >= 0x80)
      anchor += static_cast<char>(std::tolower(letter));
  }
  return anchor;
}

std::set<std::string> anchors_of(const fs::path& page) {
  std::set<std::string> anchors;
  std::istringstream lines(read(page));
  bool in_code = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) in_code = !in_code;
    if (!in_code && line.starts_with("#")) anchors.insert(anchor_of(line.substr(line.find_first_not_of("# "))));
  }
  return anchors;
}

TEST(Links, LeadToWhatIsThere) {
  const std::regex link(R"re(\]\(([^)\s]+)\))re");
  std::size_t links = 0;
  for (const fs::path& page : pages()) {
    const std::string text = read(page);
    for (std::sregex_iterator at(text.begin(), text.end(), link), none; at != none; ++at) {
      const std::string target = (*at)[1];
      if (target.starts_with("http")) continue;
      ++links;
      const std::size_t hash = target.find('#');
      const std::string file = target.substr(0, hash);
      const fs::path to = file.empty() ? page : page.parent_path() / file;
      EXPECT_TRUE(fs::exists(to)) << page << ": " << target;
      if (hash == std::string::npos || !fs::exists(to)) continue;
      EXPECT_THAT(anchors_of(to), ::testing::Contains(target.substr(hash + 1))) << page << ": " << target;
    }
  }
  EXPECT_GT(links, 20U);
}

TEST(ReadMe, LeadsToEveryGuide) {
  const std::string text = read(kRoot / "README.md");
  for (const auto& entry : fs::directory_iterator(kRoot / "docs")) {
    const std::string name = entry.path().filename().string();
    EXPECT_NE(text.find("(docs/" + name + ")"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace saga
