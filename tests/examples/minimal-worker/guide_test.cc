// What docs/workers.md shows as code is code that is built and tested.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace saga {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(std::string(SOURCE_DIR) + "/" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> blocks(const std::string& text, const std::string& language) {
  std::vector<std::string> found;
  const std::string fence = "```" + language + "\n";
  for (auto at = text.find(fence); at != std::string::npos; at = text.find(fence, at)) {
    at += fence.size();
    const auto end = text.find("\n```", at);
    found.push_back(text.substr(at, end - at));
    at = end;
  }
  return found;
}

TEST(WorkersGuide, ItsCppIsInTheExamplesWordForWord) {
  const auto shown = blocks(read("docs/workers.md"), "cpp");
  EXPECT_EQ(shown.size(), 4U);
  const std::string sources = read("examples/minimal-worker/coupons.cc") + read("examples/minimal-worker/printing.cc") +
                              read("examples/order-saga/payment.cc");
  for (const std::string& block : shown) EXPECT_NE(sources.find(block), std::string::npos) << block;
}

TEST(WorkersGuide, ItsPythonIsInTheExampleWordForWord) {
  const auto shown = blocks(read("docs/workers.md"), "python");
  EXPECT_EQ(shown.size(), 1U);
  const std::string source = read("examples/any-language/worker.py");
  for (const std::string& block : shown) EXPECT_NE(source.find(block), std::string::npos) << block;
}

TEST(WorkersGuide, ItsJavaScriptIsInTheExampleWordForWord) {
  const auto shown = blocks(read("docs/workers.md"), "js");
  EXPECT_EQ(shown.size(), 1U);
  const std::string source = read("examples/any-language/worker.mjs");
  for (const std::string& block : shown) EXPECT_NE(source.find(block), std::string::npos) << block;
}

}  // namespace
}  // namespace saga
