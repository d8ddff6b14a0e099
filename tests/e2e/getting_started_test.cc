// docs/getting-started.md, pasted into a shell block by block: every command works, and prints what the page says.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/free_port.h"
#include "tests/support/temp_folder.h"

namespace saga {
namespace {

using ::testing::HasSubstr;

/// What is pasted at once, and what the page says comes of it.
struct Block {
  std::string commands;
  std::vector<std::string> expected;  ///< Lines; "…" stands for any text, on a line of its own for any lines.
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<Block> read_page() {
  std::ifstream page(std::string(SOURCE_DIR) + "/docs/getting-started.md");
  std::vector<Block> blocks;
  std::string* commands = nullptr;
  std::vector<std::string>* expected = nullptr;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      const bool opens = commands == nullptr && expected == nullptr;
      commands = nullptr;
      expected = nullptr;
      if (opens && line == "```sh") commands = &blocks.emplace_back().commands;
      if (opens && line == "```text") expected = &blocks.back().expected;
      EXPECT_TRUE(!opens || commands != nullptr || expected != nullptr) << line << ": neither pasted nor compared";
    } else if (commands != nullptr) {
      *commands += line + "\n";
    } else if (expected != nullptr) {
      expected->push_back(line);
    }
  }
  return blocks;
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

bool fits(const std::string& pattern, const std::string& line) {
  const std::string any = "…";
  std::size_t at = 0;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = pattern.find(any, begin);
    const std::string part = pattern.substr(begin, end == std::string::npos ? end : end - begin);
    const bool last = end == std::string::npos;
    const std::size_t found = begin == 0 ? (line.starts_with(part) ? 0 : std::string::npos) : line.find(part, at);
    if (found == std::string::npos) return false;
    at = found + part.size();
    if (last) return begin == 0 ? at == line.size() : line.ends_with(part);
    begin = end + any.size();
  }
}

/// The expected lines are there, in their order.
void expect_lines(const Block& block, const std::string& printed) {
  const auto lines = lines_of(printed);
  std::size_t next = 0;
  for (const std::string& expected : block.expected) {
    if (expected == "…") continue;
    while (next < lines.size() && !fits(expected, lines[next])) ++next;
    EXPECT_LT(next, lines.size()) << "not printed: " << expected << "\nby\n" << block.commands << "but\n" << printed;
    if (next == lines.size()) return;
    ++next;
  }
}

TEST(GettingStarted, EveryCommandOfThePageDoesWhatItSays) {
  const testing::TempFolder folder;
  auto blocks = read_page();
  ASSERT_GE(blocks.size(), 9U);
  EXPECT_EQ(blocks.front().commands, "scripts/build\nexport PATH=$PWD/build/release/bin:$PATH\n");
  blocks.erase(blocks.begin());  // Done: this test was built.

  std::vector<std::pair<std::string, std::string>> ports;
  for (const char* port : {"7070", "9101", "9102"}) ports.emplace_back(port, std::to_string(testing::free_port()));
  const std::string server = "127.0.0.1:" + ports.front().second;
  const std::string mark = "@@ end of block\n";
  std::string script = "trap 'kill $(jobs -p) 2>/dev/null' EXIT\ncd " + folder.path() +
                       "\nexport PATH=" BIN_DIR ":$PATH SAGAD_LISTEN=" + server + " SAGACTL_SERVER=http://" + server +
                       "\n";
  for (Block& block : blocks) {
    for (const auto& [on_page, here] : ports) {
      replace_all(block.commands, on_page, here);
      for (std::string& line : block.expected) replace_all(line, on_page, here);
    }
    script += block.commands + "printf '" + mark.substr(0, mark.size() - 1) + "\\n'\n";
  }
  const std::string file = folder.write("page.sh", script);
  // `timeout` ends whatever a command that hangs has started.
  testing::ChildProcess shell({"/usr/bin/timeout", "-k", "5", "150", "/bin/bash", file});
  ASSERT_TRUE(shell.started());
  std::string printed = shell.read_rest();
  const int exit_code = shell.wait();
  SCOPED_TRACE(shell.stderr_text());
  EXPECT_EQ(exit_code, 0) << printed;
  for (const Block& block : blocks) {
    const std::size_t end = printed.find(mark);
    ASSERT_NE(end, std::string::npos) << "the shell did not come to\n" << block.commands << printed;
    expect_lines(block, printed.substr(0, end));
    printed.erase(0, end + mark.size());
  }
}

TEST(GettingStarted, TheComparisonWithThePageIsStrict) {
  EXPECT_TRUE(fits("trip-1  completed in …", "trip-1  completed in 12ms"));
  EXPECT_FALSE(fits("trip-1  completed in …", "trip-1  compensated in 12ms"));
  EXPECT_TRUE(fits("a … b", "a x b"));
  EXPECT_FALSE(fits("a … b", "a x b c"));
  EXPECT_TRUE(fits("ann", "ann"));
  EXPECT_FALSE(fits("ann", "anna"));
}

}  // namespace
}  // namespace saga
