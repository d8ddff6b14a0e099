#include "engine/runtime/callback_token.h"

#include <gtest/gtest.h>

namespace saga::runtime {
namespace {

using workers::Phase;

const std::string kKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

std::string mac_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

TEST(CallbackToken, ThePathNamesItsAttemptAndEndsInItsMac) {
  const CallbackTokens tokens(kKey);
  const std::string path = tokens.path({"order-42", "charge", Phase::kAction, 3});
  // Worked out once with another program: HMAC-SHA256 of "callback/order-42/charge/action/3", its first 16 bytes.
  EXPECT_EQ(path, "/v1/callbacks/order-42/charge/action/3/53659f9444c176810753d9c942de7e8d");
  EXPECT_TRUE(tokens.is_genuine({"order-42", "charge", Phase::kAction, 3}, mac_of(path)));
}

TEST(CallbackToken, AMacIsOfOneAttemptOnly) {
  const CallbackTokens tokens(kKey);
  const CallbackTarget target{"order-42", "charge", Phase::kAction, 3};
  const std::string mac = mac_of(tokens.path(target));
  for (const CallbackTarget& other : {CallbackTarget{"order-43", "charge", Phase::kAction, 3},
                                      CallbackTarget{"order-42", "refund", Phase::kAction, 3},
                                      CallbackTarget{"order-42", "charge", Phase::kCompensation, 3},
                                      CallbackTarget{"order-42", "charge", Phase::kAction, 2},
                                      CallbackTarget{"order-42", "charge", Phase::kAction, 33}}) {
    EXPECT_FALSE(tokens.is_genuine(other, mac)) << other.saga << other.step << other.attempt;
  }
  std::string changed = mac;
  changed.back() = changed.back() == '0' ? '1' : '0';
  EXPECT_FALSE(tokens.is_genuine(target, changed));
  EXPECT_FALSE(tokens.is_genuine(target, mac.substr(1)));
  EXPECT_FALSE(tokens.is_genuine(target, mac + "0"));
  EXPECT_FALSE(tokens.is_genuine(target, ""));
}

TEST(CallbackToken, AnotherKeyMakesAnotherMac) {
  const CallbackTarget target{"order-42", "charge", Phase::kAction, 1};
  const std::string one = CallbackTokens::fresh_key();
  const std::string other = CallbackTokens::fresh_key();
  ASSERT_NE(one, other);
  EXPECT_TRUE(CallbackTokens::is_key(one));
  EXPECT_FALSE(CallbackTokens(other).is_genuine(target, mac_of(CallbackTokens(one).path(target))));
  EXPECT_TRUE(CallbackTokens(one).is_genuine(target, mac_of(CallbackTokens(one).path(target))));
}

TEST(CallbackToken, WhatIsNoKeyIsKnown) {
  EXPECT_TRUE(CallbackTokens::is_key(kKey));
  EXPECT_FALSE(CallbackTokens::is_key(kKey.substr(1)));
  EXPECT_FALSE(CallbackTokens::is_key(kKey + "00"));
  EXPECT_FALSE(CallbackTokens::is_key("x" + kKey.substr(1)));
  EXPECT_FALSE(CallbackTokens::is_key(""));
}

}  // namespace
}  // namespace saga::runtime
