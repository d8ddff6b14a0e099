#include "engine/webhook/secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/webhook/attention_webhook.h"
#include "tests/support/temp_folder.h"

namespace saga::webhook {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// By openssl: printf 'msg_1.1614265330.{"a":1}' | openssl dgst -sha256 -hmac 'sixteen letters!' -binary | base64
constexpr const char* kSigned = "v1,9FVtkFLwdiYhaGIlLVT+y0AkCTs8X6piQA9Wik4KQtU=";

TEST(Secret, SignsIdTimestampAndBody) {
  const auto plain = Secret::read("sixteen letters!\n");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(plain->sign("msg_1", "1614265330", R"({"a":1})"), kSigned);
}

TEST(Secret, TheFormOfStandardWebhooksIsBase64) {
  const auto coded = Secret::read(" whsec_c2l4dGVlbiBsZXR0ZXJzIQ== \n");
  ASSERT_TRUE(coded) << coded.error().message;
  EXPECT_EQ(coded->sign("msg_1", "1614265330", R"({"a":1})"), kSigned);
}

TEST(Secret, WhatCannotBeOneIsRefusedAndNotShown) {
  for (const char* text :
       {"", "tooshort", "whsec_", "whsec_AAAA", "whsec_%%%not-base64-at-all%%%", "whsec_c2l4dGVlbiBs"}) {
    const auto secret = Secret::read(text);
    ASSERT_FALSE(secret) << text;
    EXPECT_THAT(secret.error().message, HasSubstr("expected"));
    EXPECT_THAT(secret.error().message, Not(HasSubstr("not-base64-at-all"))) << "no part of it";
  }
  const testing::TempFolder folder;
  EXPECT_THAT(Secret::read_file(folder.path("none")).error().message, HasSubstr("cannot read"));
  EXPECT_THAT(Secret::read_file(folder.write("short", "abc")).error().message, HasSubstr("at least 16 bytes"));
}

TEST(Target, IsTakenApart) {
  const auto whole = parse_target("https://hooks.example.com:8443/services/T1?x=y");
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->base, "https://hooks.example.com:8443");
  EXPECT_EQ(whole->path, "/services/T1?x=y");
  EXPECT_EQ(parse_target("http://h")->path, "/");
  EXPECT_EQ(parse_target("http://h?x=1")->path, "/?x=1");
  for (const char* url : {"", "hooks.example.com", "ftp://h/x", "http://", "http://h/a b", "http://h/a#b"})
    EXPECT_FALSE(parse_target(url)) << url;
}

}  // namespace
}  // namespace saga::webhook
