// What the guide and the example show is what is built.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "tests/workflows/loading.h"

namespace saga::workflows {
namespace {

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(std::string(SAGA_SOURCE_DIR) + "/" + path).rdbuf();
  return text.str();
}

/// The YAML blocks of a guide that begin so.
std::vector<std::string> blocks_of(const std::string& guide, const std::string& beginning) {
  const std::string begin = "```yaml\n";
  std::vector<std::string> blocks;
  for (std::size_t at = guide.find(begin); at != std::string::npos; at = guide.find(begin, at)) {
    at += begin.size();
    const std::string block = guide.substr(at, guide.find("```", at) - at);
    if (block.starts_with(beginning)) blocks.push_back(block);
  }
  return blocks;
}

/// Those that are whole workflows.
std::vector<std::string> workflows_in(const std::string& guide) { return blocks_of(guide, "name:"); }

TEST(Guide, ItsWorkflowsAreGood) {
  const auto blocks = workflows_in(read("docs/workflows.md"));
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_TRUE(load_one(blocks[0]));
  EXPECT_TRUE(load_one(blocks[1]));
}

TEST(Guide, ItsStepsAreGood) {
  const std::string guide = read("docs/workflows.md");
  const std::string head = "name: w\nversion: 1\n";
  std::size_t shown = 0;
  for (const std::string& steps : blocks_of(guide, "steps:")) shown += load_one(head + steps) ? 1 : 0;
  for (const std::string& step : blocks_of(guide, "  - name:")) shown += load_one(head + "steps:\n" + step) ? 1 : 0;
  EXPECT_EQ(shown, 4U) << "branches, a wait, a signal, a child saga";
}

TEST(Guide, TheDefaultsItShowsAreTheBuiltInOnes) {
  const auto blocks = workflows_in(read("docs/workflows.md"));
  ASSERT_EQ(blocks.size(), 2U);
  const WorkflowRef said = load_one(blocks[1]);
  const WorkflowRef unsaid = load_one(blocks[0]);
  ASSERT_TRUE(said && unsaid);
  EXPECT_EQ(said->steps[0].retry, unsaid->steps[0].retry);
  EXPECT_EQ(said->steps[0].compensation_retry, unsaid->steps[0].compensation_retry);
  EXPECT_EQ(said->steps[0].timeout, unsaid->steps[0].timeout);
}

}  // namespace
}  // namespace saga::workflows
