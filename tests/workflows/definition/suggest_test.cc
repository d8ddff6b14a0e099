#include "workflows/definition/suggest.h"

#include <gtest/gtest.h>

#include <array>

namespace saga::workflows {
namespace {

constexpr std::array<std::string_view, 6> kKnown{"name",  "service",      "compensation",
                                                 "retry", "max_attempts", "description"};

TEST(Nearest, FindsSlipsOtherSpellingsAndBeginnings) {
  const std::pair<const char*, const char*> cases[] = {
      {"nmae", "name"},
      {"retries", "retry"},
      {"servce", "service"},
      {"maxAttempts", "max_attempts"},
      {"max-attempts", "max_attempts"},
      {"Name", "name"},
      {"compensate", "compensation"},
      {"desc", "description"},
  };
  for (const auto& [word, meant] : cases) EXPECT_EQ(nearest(word, kKnown), meant) << word;
}

TEST(Nearest, LeavesAloneWhatIsNothingOfTheKind) {
  for (const char* word : {"", "xyz", "parallelism", "q"}) EXPECT_EQ(nearest(word, kKnown), "") << word;
  EXPECT_EQ(nearest(std::string(1'000, 'n'), kKnown), "");
}

}  // namespace
}  // namespace saga::workflows
