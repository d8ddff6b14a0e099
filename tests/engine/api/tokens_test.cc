// The tokens file, and finding a token in it.
#include "engine/api/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/known_tokens.h"

namespace saga::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kDigest(64, 'a');

TEST(Tokens, AreFoundByTheirDigestAndNobodyElseIs) {
  const auto tokens = Tokens::parse(testing::kTokensFile, "tokens");
  ASSERT_TRUE(tokens) << tokens.error().message;
  ASSERT_EQ(tokens->size(), 4u);
  const auto role_of = [&](const char* token) { return tokens->find(token)->role; };
  EXPECT_EQ(role_of("reader-token"), Role::kReader);
  EXPECT_EQ(role_of("starter-token"), Role::kStarter);
  EXPECT_EQ(role_of("operator-token"), Role::kOperator);
  EXPECT_EQ(role_of("admin-token"), Role::kAdmin);
  EXPECT_EQ(tokens->find("operator-token")->name, "ops");
  for (const char* other : {"", "reader-toke", "reader-token ", "Reader-token", "ops"}) {
    EXPECT_EQ(tokens->find(other), nullptr) << other;
  }
  const std::string digest = "ba5005a40cf5212e4ac0190104cc127edab013294bb71279a975b27a80982d45";
  EXPECT_EQ(tokens->find(digest), nullptr) << "what stands in the file opens nothing";
}

TEST(Tokens, ANameMayHaveTwoWhileOneReplacesTheOther) {
  const auto tokens = Tokens::parse(
      testing::kTokensFile + "ops operator 7a35833597e6687c599a0988b7a53b9b6a7ec18b88ca2a8e60f3265c8be6d527", "tokens");
  ASSERT_TRUE(tokens) << tokens.error().message;
  EXPECT_EQ(tokens->find("operator-token")->name, "ops");
  EXPECT_EQ(tokens->find("second-token")->name, "ops");
}

TEST(Tokens, RolesAreOrdered) {
  EXPECT_LT(Role::kReader, Role::kStarter);
  EXPECT_LT(Role::kStarter, Role::kOperator);
  EXPECT_LT(Role::kOperator, Role::kAdmin);
  for (const Role role : {Role::kReader, Role::kStarter, Role::kOperator, Role::kAdmin})
    EXPECT_EQ(role_from(to_string(role)), role);
}

struct BadFile {
  const char* name;
  std::string text;
  const char* says;
};
class BadTokens : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadTokens, AreRefusedWithTheirLine) {
  const auto tokens = Tokens::parse(GetParam().text, "tokens");
  ASSERT_FALSE(tokens);
  EXPECT_THAT(tokens.error().message, HasSubstr(GetParam().says));
  EXPECT_THAT(tokens.error().message, Not(HasSubstr("\n")));
  EXPECT_THAT(tokens.error().message, Not(HasSubstr("my-secret"))) << "a token put there by mistake is not shown";
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadTokens,
    ::testing::Values(
        BadFile{"empty", "", "tokens:1: error: expected at least one line"},
        BadFile{"only_comments", "# nobody\n\n# yet\n", "tokens:3: error: expected at least one line"},
        BadFile{"two_words", "# a\nann reader\n", "tokens:2: error: expected NAME ROLE SHA256, but there are 2 words"},
        BadFile{"four_words", "ann reader " + kDigest + " more", "there are 4 words"},
        BadFile{"name", "an(n reader " + kDigest, "tokens:1: error: 'an(n' is no name"},
        BadFile{"long_name", std::string(65, 'a') + " reader " + kDigest, "is no name"},
        BadFile{"role", "ann operater " + kDigest, "'operater' is no role: did you mean 'operator'?"},
        BadFile{"token_in_the_clear", "ann reader my-secret", "expected a SHA-256 digest of 64 hexadecimal digits"},
        BadFile{"no_hex", "ann reader my-secret" + std::string(55, 'a'), "64 hexadecimal digits"},
        BadFile{"of_nothing", "ann reader e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "that of an empty text"},
        BadFile{"same_token", "ann reader " + kDigest + "\nbob admin " + kDigest,
                "tokens:2: error: the token is that of 'ann' already"},
        BadFile{"two_roles", "ann reader " + kDigest + "\nann admin " + std::string(64, 'b'),
                "tokens:2: error: 'ann' has the role reader already"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Tokens, AFileThatIsNotThereIsRefused) {
  const auto tokens = Tokens::read("/no/such/file");
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().message, "/no/such/file: cannot be read");
}

}  // namespace
}  // namespace saga::api
