#include "workflows/load.h"

#include <gmock/gmock.h>
#include <filesystem>
#include <fstream>

#include "tests/support/temp_folder.h"
#include "tests/workflows/loading.h"

namespace saga::workflows {
namespace {

using saga::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kSteps = "steps: [{ name: a, service: s, action: /a }]\n";

std::string workflow(const std::string& name, int version, const std::string& more = "") {
  return "name: " + name + "\nversion: " + std::to_string(version) + "\n" + more + kSteps;
}

std::vector<std::string> names(const Loaded<std::vector<WorkflowRef>>& loaded) {
  std::vector<std::string> result;
  if (!loaded) {
    for (const Problem& problem : loaded.error()) result.push_back(format_problem(problem));
    return result;
  }
  for (const WorkflowRef& one : *loaded) result.push_back(one->name + "/" + std::to_string(one->version));
  return result;
}

TEST(FormatProblem, SaysFileLineColumnAndWhat) {
  EXPECT_EQ(format_problem({"order.yaml", {12, 5}, "unknown key 'retries': did you mean 'retry'?"}),
            "order.yaml:12:5: error: unknown key 'retries': did you mean 'retry'?");
}

TEST(LoadWorkflows, ReadsEveryDocumentWithItsOwnSource) {
  const std::string first = "# both\n---\n" + workflow("a", 1);
  const std::string second = "---\n" + workflow("b", 2);
  const auto loaded = load_workflows(first + second, "f");
  ASSERT_THAT(names(loaded), ElementsAre("a/1", "b/2"));
  EXPECT_EQ((*loaded)[0]->source, first);
  EXPECT_EQ((*loaded)[1]->source, second);
  const auto alone = load_workflows((*loaded)[1]->source, "f");
  ASSERT_THAT(names(alone), ElementsAre("b/2")) << "a stored source is read back by itself";
  EXPECT_EQ(alone->front()->definition, (*loaded)[1]->definition);
}

TEST(LoadWorkflows, OneBadDocumentRefusesTheWholeText) {
  EXPECT_THAT(names(load_workflows(workflow("a", 1) + "---\n" + workflow("b", 0), "f.yaml")),
              ElementsAre("f.yaml:6:10: error: 'version' must be a whole number, at least 1, but it is the number 0"));
}

TEST(LoadWorkflows, TheSameVersionTwiceIsOneWhenItsContentIsTheSame) {
  const std::string again = "{version: 0x1, \"name\": 'a', # comment\n " + kSteps.substr(0, kSteps.size() - 1) + "}\n";
  EXPECT_THAT(names(load_workflows(workflow("a", 1) + "---\n" + again, "f")), ElementsAre("a/1"));
  EXPECT_THAT(names(load_workflows(workflow("a", 1) + "---\n" + workflow("a", 2), "f")), ElementsAre("a/1", "a/2"));
}

TEST(LoadWorkflows, TheSameVersionWithOtherContentIsRefused) {
  EXPECT_THAT(
      names(load_workflows(workflow("a", 1) + "---\n" + workflow("a", 1, "deadline: 5m\n"), "f")),
      ElementsAre("f:6:10: error: a/1 is there already with other content (f:2): a change needs a new version"));
}

TEST(LoadWorkflowFiles, ReadsFilesAndFoldersInOrder) {
  const TempFolder folder;
  folder.write("b.yaml", workflow("b", 1));
  folder.write("c.yml", workflow("c", 1) + "---\n" + workflow("c", 2));
  folder.write("a.json", R"({"name": "a", "version": 1, "steps": [{"name": "a", "service": "s", "action": "/a"}]})");
  folder.write("notes.txt", "not one");
  folder.write(".b.yaml.swp", "not one");
  folder.write(".hidden.yaml", "not one");
  std::filesystem::create_directory(folder.path("d.yaml"));
  const TempFolder other;
  const std::string single = other.write("any-name", workflow("single", 1));
  EXPECT_THAT(names(load_workflow_files({single, folder.path()})), ElementsAre("single/1", "a/1", "b/1", "c/1", "c/2"));
  EXPECT_THAT(names(load_workflow_files({single, single, folder.path()})),
              ElementsAre("single/1", "a/1", "b/1", "c/1", "c/2"));
}

TEST(LoadWorkflowFiles, NothingIsThereInAnEmptyFolder) {
  const TempFolder folder;
  EXPECT_THAT(names(load_workflow_files({folder.path()})), IsEmpty());
  EXPECT_THAT(names(load_workflow_files({})), IsEmpty());
}

TEST(LoadWorkflowFiles, WhatCannotBeReadIsNamed) {
  const TempFolder folder;
  const std::string missing = folder.path("missing.yaml");
  std::filesystem::create_symlink(missing, folder.path("dangling.yaml"));
  const std::string bad = folder.write("z.yaml", "name: [\n");
  EXPECT_THAT(names(load_workflow_files({missing, folder.path()})),
              ElementsAre(missing + ":1:1: error: cannot be read: No such file or directory",
                          folder.path("dangling.yaml") + ":1:1: error: cannot be read: No such file or directory",
                          bad + ":1:7: error: the '[' that begins here is never closed"));
}

TEST(LoadWorkflowFiles, AFileOverTheLimitIsRefused) {
  const TempFolder folder;
  const std::string large = folder.write("large.yaml", std::string(2 << 20, '#'));
  EXPECT_THAT(names(load_workflow_files({large})),
              ElementsAre(large + ":1:1: error: the file has more than 1048576 bytes (1 MiB), which is the most a file "
                                  "of definitions may have"));
}

TEST(LoadWorkflowFiles, TwoFilesShareAVersionOnlyWithTheSameContent) {
  const TempFolder folder;
  const std::string first = folder.write("1.yaml", "# one\n" + workflow("a", 1));
  const std::string same = folder.write("2.yaml", workflow("a", 1));
  EXPECT_THAT(names(load_workflow_files({folder.path()})), ElementsAre("a/1"));
  const std::string other = folder.write("3.yaml", workflow("a", 1, "description: changed\n"));
  EXPECT_THAT(names(load_workflow_files({folder.path()})),
              ElementsAre(other + ":2:10: error: a/1 is there already with other content (" + first +
                          ":3): a change needs a new version"));
}

}  // namespace
}  // namespace saga::workflows
