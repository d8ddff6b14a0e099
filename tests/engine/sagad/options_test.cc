#include "engine/sagad/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "engine/sagad/config_file.h"
#include "tests/support/sagad_process.h"

namespace saga::sagad {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

const char* no_environment(const char*) { return nullptr; }

tl::expected<Options, Leave> read(const std::vector<std::string>& arguments, Environment environment = no_environment) {
  return read_options(arguments, environment);
}

TEST(Options, HaveDefaults) {
  const auto options = read({});
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->host, "127.0.0.1");
  EXPECT_EQ(options->port, 7070);
  EXPECT_EQ(options->store, "sqlite:saga.db");
  EXPECT_EQ(options->drain, Millis{10'000});
  EXPECT_TRUE(options->services.empty());
}

TEST(Options, AFlagBeatsTheEnvironmentWhichBeatsTheFile) {
  const testing::TempFolder folder;
  static std::string config;
  config = folder.write("sagad.yaml", "listen: 127.0.0.1:1\nstore: memory\ndrain: 1s\nlog-level: debug\n");
  const Environment environment = [](const char* name) -> const char* {
    if (std::strcmp(name, "SAGAD_CONFIG") == 0) return config.c_str();
    if (std::strcmp(name, "SAGAD_LISTEN") == 0) return "127.0.0.1:2";
    if (std::strcmp(name, "SAGAD_DRAIN") == 0) return "2s";
    return nullptr;
  };
  const auto options = read({"--listen", "127.0.0.1:3"}, environment);
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->port, 3);
  EXPECT_EQ(options->drain, Millis{2'000});
  EXPECT_EQ(options->store, "memory");
  EXPECT_EQ(options->log_level, telemetry::LogLevel::kDebug);
}

TEST(Options, ServicesComeFromAllThree) {
  const testing::TempFolder folder;
  const std::string secret = folder.write("token", "Bearer s3cret\n");
  const std::string config = folder.write("sagad.yaml",
                                          "services:\n"
                                          "  payment: { urls: [http://a:1, http://b:1], headers: { Authorization: \"@" +
                                              secret +
                                              "\" }, max_in_flight: 7 }\n"
                                              "  stock: http://c:1\n");
  const auto options =
      read({"--config", config, "--service", "stock=http://d:1,http://e:1", "--service", "mail=http://f:1"});
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_THAT(options->services.at("payment").urls, ElementsAre("http://a:1", "http://b:1"));
  EXPECT_THAT(options->services.at("payment").headers, ElementsAre(Pair("Authorization", "Bearer s3cret")));
  EXPECT_EQ(options->services.at("payment").max_in_flight, 7u);
  EXPECT_THAT(options->services.at("stock").urls, ElementsAre("http://d:1", "http://e:1"))
      << "the flag replaces the file's";
  EXPECT_THAT(options->services.at("mail").urls, ElementsAre("http://f:1"));
}

TEST(Options, AServiceSaysWhenItsBreakersOpen) {
  const testing::TempFolder folder;
  const std::string config = folder.write("sagad.yaml",
                                          "services:\n"
                                          "  plain: http://a:1\n"
                                          "  off: { urls: [http://a:1], breaker: off }\n"
                                          "  quick: { urls: [http://a:1], breaker: { consecutive_faults: 5 } }\n"
                                          "  slow: { urls: [http://a:1], breaker: { open_for: 1m } }\n"
                                          "  all: { urls: [http://a:1], breaker: { consecutive_faults: 1, "
                                          "open_for: 250ms, max_open_for: 2s } }\n");
  const auto options = read({"--config", config});
  ASSERT_TRUE(options) << options.error().text;
  const auto breaker = [&](const char* service) { return options->services.at(service).breaker; };
  EXPECT_TRUE(breaker("plain").enabled);
  EXPECT_EQ(breaker("plain").consecutive_faults, 20u);
  EXPECT_EQ(breaker("plain").open_for, Millis{1'000});
  EXPECT_EQ(breaker("plain").max_open_for, Millis{30'000});
  EXPECT_FALSE(breaker("off").enabled);
  EXPECT_EQ(breaker("quick").consecutive_faults, 5u);
  EXPECT_EQ(breaker("quick").open_for, Millis{1'000});
  EXPECT_EQ(breaker("slow").max_open_for, Millis{60'000}) << "not shorter than the first time";
  EXPECT_EQ(breaker("all").consecutive_faults, 1u);
  EXPECT_EQ(breaker("all").open_for, Millis{250});
  EXPECT_EQ(breaker("all").max_open_for, Millis{2'000});
}

TEST(Options, SeveralServicesStandInOneVariable) {
  const auto options = read({}, [](const char* name) -> const char* {
    return std::strcmp(name, "SAGAD_SERVICE") == 0 ? "a=http://x:1,http://y:1  b=http://z:1" : nullptr;
  });
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_THAT(options->services.at("a").urls, ElementsAre("http://x:1", "http://y:1"));
  EXPECT_THAT(options->services.at("b").urls, ElementsAre("http://z:1"));
}

TEST(Options, AnEnvironmentFlagIsRead) {
  const auto options = read({"--listen", "0.0.0.0:1"}, [](const char* name) -> const char* {
    return std::strcmp(name, "SAGAD_INSECURE") == 0 ? "true" : nullptr;
  });
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_TRUE(options->insecure);
}

TEST(Options, HousekeepingIsOffUntilItIsAskedFor) {
  const auto none = read({});
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->retention || none->attention_webhook || none->attention_webhook_secret || none->hold);
  const testing::TempFolder folder;
  const std::string secret = folder.write("secret", "sixteen letters!\n");
  const std::string config = folder.write("sagad.yaml",
                                          "retention: 30d\nattention-webhook: https://h/x\n"
                                          "attention-webhook-secret-file: " +
                                              secret + "\n");
  const auto all = read({"--config", config, "--hold"});
  ASSERT_TRUE(all) << all.error().text;
  EXPECT_EQ(all->retention, Millis{std::chrono::hours{24 * 30}});
  EXPECT_EQ(all->attention_webhook->base, "https://h");
  EXPECT_TRUE(all->attention_webhook_secret);
  EXPECT_TRUE(all->hold);
}

TEST(Options, HelpAndVersionLeaveWell) {
  EXPECT_EQ(read({"--version"}).error().text, "sagad 0.1.0");
  EXPECT_EQ(read({"--help"}).error().exit_code, 0);
  EXPECT_THAT(read({"--help"}).error().text, HasSubstr("--workflows"));
}

struct BadFlags {
  std::vector<std::string> arguments;
  const char* says;
};
class BadOptions : public ::testing::TestWithParam<BadFlags> {};

TEST_P(BadOptions, AreOneLineAndExitTwo) {
  const auto options = read(GetParam().arguments);
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().exit_code, 2);
  EXPECT_THAT(options.error().text, HasSubstr(GetParam().says));
  EXPECT_THAT(options.error().text, Not(HasSubstr("\n")));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadOptions,
    ::testing::Values(
        BadFlags{{"--lisen", "x"}, "--lisen"}, BadFlags{{"--listen", "7070"}, "127.0.0.1:7070"},
        BadFlags{{"--listen", "127.0.0.1:99999"}, "99999"}, BadFlags{{"--listen", "::1:7070"}, "[::1]:7070"},
        BadFlags{{"--listen", "0.0.0.0:7070"}, "--insecure"}, BadFlags{{"--listen", "0.0.0.0:7070"}, "--tokens FILE"},
        BadFlags{{"--tls-cert", "cert.pem"}, "--tls-cert is given without --tls-key"},
        BadFlags{{"--tls-key", "key.pem"}, "--tls-key is given without --tls-cert"},
        BadFlags{{"--service", "inventory"}, "NAME=URL"}, BadFlags{{"--service", "a=ftp://x"}, "--service a: "},
        BadFlags{{"--log-format", "xml"}, "text or json"}, BadFlags{{"--log-level", "loud"}, "debug, info, warn"},
        BadFlags{{"--drain", "soon"}, "--drain"}, BadFlags{{"--config", "/no/such/file"}, "cannot be read"},
        BadFlags{{"--public-url", "x"}, "--public-url"}, BadFlags{{"--retention", "long"}, "--retention: "},
        BadFlags{{"--attention-webhook", "hooks.example.com"}, "--attention-webhook: "},
        BadFlags{{"--attention-webhook-secret-file", "x"}, "there is no --attention-webhook"},
        BadFlags{{"--attention-webhook", "http://h/x", "--attention-webhook-secret-file", "/no/such/file"},
                 "cannot read '/no/such/file'"},
        BadFlags{{"extra"}, "extra"}));

TEST(ListenAddress, ReadsAddressesAndPorts) {
  EXPECT_EQ(parse_listen("[::1]:80")->host, "::1");
  EXPECT_EQ(parse_listen("localhost:0")->host, "127.0.0.1");
  EXPECT_EQ(parse_listen("127.0.0.1:0")->port, 0);
  EXPECT_TRUE(is_loopback("127.8.8.8"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
  EXPECT_FALSE(is_loopback("::"));
}

struct BadConfig {
  const char* text;
  const char* says;
};
class BadConfigs : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadConfigs, AreRefusedWithTheirPlace) {
  const auto config = parse_config(GetParam().text, "sagad.yaml", {"listen", "log-level"});
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadConfigs,
    ::testing::Values(BadConfig{"listen: a\nlog-levl: b\n",
                                "sagad.yaml:2:1: error: unknown key 'log-levl': did you mean 'log-level'?"},
                      BadConfig{"listen: a\nlisten: b\n", "sagad.yaml:2:1: error: key 'listen' is there twice"},
                      BadConfig{"- a\n", "expected a map"}, BadConfig{"listen: {a: b}\n", "sagad.yaml:1:9"},
                      BadConfig{"listen: [\n", "sagad.yaml:"},
                      BadConfig{"services:\n  a:\n    url: http://x\n", "did you mean 'urls'"},
                      BadConfig{"services:\n  a: {max_in_flight: 5}\n", "service 'a' has no url"},
                      BadConfig{"services:\n  a: {urls: [http://x], max_in_flight: many}\n", "whole number"},
                      BadConfig{"services:\n  a: {urls: [nonsense]}\n", "nonsense"},
                      BadConfig{"services:\n  a: {urls: [http://x], breaker: never}\n", "expected off, or {"},
                      BadConfig{"services:\n  a: {urls: [http://x], breaker: {open: 1s}}\n", "unknown key 'open'"},
                      BadConfig{"services:\n  a: {urls: [http://x], breaker: {open_for: soon}}\n", "'open_for': "},
                      BadConfig{"services:\n  a: {urls: [http://x], breaker: {consecutive_faults: 0}}\n", "from 1"},
                      BadConfig{"services:\n  a: {urls: [http://x], breaker: {open_for: 2m, max_open_for: 1m}}\n",
                                "expected at least open_for, 2m, but it is 1m"},
                      BadConfig{"services:\n  a: {urls: [http://x], headers: {A: '@/no/such/file'}}\n",
                                "cannot read '/no/such/file'"}));

TEST(ConfigFile, AnEmptyOneSaysNothing) {
  const auto config = parse_config("# nothing\n", "sagad.yaml", {"listen"});
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->options.empty());
}

}  // namespace
}  // namespace saga::sagad
