#include "workers/dispatcher/base_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "workers/dispatcher/dispatcher.h"

namespace saga::workers {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Good {
  std::string text;
  bool tls;
  std::string host;
  int port;
  std::string prefix;
  std::string authority;
};

TEST(ParseBaseUrl, TakesAUrlApart) {
  const Good cases[] = {
      {"http://127.0.0.1:8081", false, "127.0.0.1", 8081, "", "127.0.0.1:8081"},
      {"http://inventory", false, "inventory", 80, "", "inventory"},
      {"http://inventory:80/", false, "inventory", 80, "", "inventory"},
      {"https://pay.example.com", true, "pay.example.com", 443, "", "pay.example.com"},
      {"HTTPS://pay.example.com:443/api/v2//", true, "pay.example.com", 443, "/api/v2", "pay.example.com"},
      {"https://pay:80/api", true, "pay", 80, "/api", "pay:80"},
      {"http://[::1]:8081/x", false, "::1", 8081, "/x", "[::1]:8081"},
      {"http://[2001:db8::7]", false, "2001:db8::7", 80, "", "[2001:db8::7]"},
      {"http://my_service.ns-1.svc:65535", false, "my_service.ns-1.svc", 65535, "", "my_service.ns-1.svc:65535"},
  };
  for (const Good& good : cases) {
    SCOPED_TRACE(good.text);
    const auto url = parse_base_url(good.text);
    ASSERT_TRUE(url) << url.error().message;
    EXPECT_EQ(url->text, good.text);
    EXPECT_EQ(url->tls, good.tls);
    EXPECT_EQ(url->host, good.host);
    EXPECT_EQ(url->port, good.port);
    EXPECT_EQ(url->prefix, good.prefix);
    EXPECT_EQ(url->authority, good.authority);
    EXPECT_TRUE(check_service_url(good.text));
  }
}

TEST(ParseBaseUrl, SaysWhatIsWrong) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "no scheme"},
      {"127.0.0.1:8081", "no scheme"},
      {"ftp://host", "neither http nor https"},
      {"http://", "no good host name"},
      {"http:///path", "no good host name"},
      {"http://a b", "no good host name"},
      {"http://ho$t", "no good host name"},
      {"http://::1", "no good host name"},
      {"http://host:", "a port is a number"},
      {"http://host:0", "a port is a number"},
      {"http://host:65536", "a port is a number"},
      {"http://host:8o", "a port is a number"},
      {"http://host:-1", "a port is a number"},
      {"http://[::1", "']'"},
      {"http://[::g]", "no IPv6 address"},
      {"http://[127.0.0.1]", "no IPv6 address"},
      {"http://[::1]8080", "a port is a number"},
      {"http://host/a?b=c", "no query or fragment"},
      {"http://host#f", "no query or fragment"},
      {"http://host/a b", "percent-encoded"},
      {"http://host/\xC3\xBC", "percent-encoded"},
  };
  for (const auto& [text, why] : cases) {
    const auto url = parse_base_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(url.error().message, HasSubstr("expected http://host[:port][/prefix]"));
    EXPECT_THAT(url.error().message, HasSubstr("it is '" + text + "'"));
    EXPECT_THAT(url.error().message, HasSubstr(why));
  }
}

TEST(ParseBaseUrl, RepeatsNoCredentials) {
  for (const char* text : {"http://user:s3cret@host", "ftp://user:s3cret@host", "user:s3cret@host"}) {
    const auto url = parse_base_url(text);
    ASSERT_FALSE(url);
    EXPECT_THAT(url.error().message, Not(HasSubstr("s3cret")));
  }
}

}  // namespace
}  // namespace saga::workers
