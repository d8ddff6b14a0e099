#include "workers/dispatcher/request_text.h"

#include <gtest/gtest.h>

namespace saga::workers {
namespace {

WorkerCall call(std::string method, std::string path, std::optional<std::string> body = std::nullopt) {
  WorkerCall made;
  made.method = std::move(method);
  made.path = std::move(path);
  made.body = std::move(body);
  return made;
}

std::string text(const WorkerCall& made, const Headers& service = {}, std::string_view base = "http://w:81/api") {
  return request_text(made, *parse_base_url(base), service);
}

constexpr std::string_view kOurs = "Host: w:81\r\nUser-Agent: sagad\r\nAccept: application/json, */*;q=0.5\r\n";

TEST(RequestText, HasABodyOnlyWhereTheCallHasOne) {
  const std::string ours(kOurs);
  EXPECT_EQ(text(call("GET", "/a?b=c")), "GET /api/a?b=c HTTP/1.1\r\n" + ours + "\r\n");
  EXPECT_EQ(text(call("DELETE", "/a")), "DELETE /api/a HTTP/1.1\r\n" + ours + "\r\n");
  EXPECT_EQ(text(call("POST", "/a")), "POST /api/a HTTP/1.1\r\n" + ours + "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(text(call("PUT", "/a", "{}")),
            "PUT /api/a HTTP/1.1\r\n" + ours + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(text(call("GET", "/a", "")),
            "GET /api/a HTTP/1.1\r\n" + ours + "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n");
}

TEST(RequestText, LetsTheCallsHeadersStandBeforeTheServicesAndThoseBeforeOurs) {
  WorkerCall made = call("POST", "/a", "x");
  made.headers = {{"authorization", "step"}, {"content-type", "text/plain"}, {"X-One", ""}};
  EXPECT_EQ(text(made, {{"Authorization", "service"}, {"User-Agent", "shop"}, {"HOST", "virtual"}}),
            "POST /api/a HTTP/1.1\r\nAccept: application/json, */*;q=0.5\r\nUser-Agent: shop\r\nHOST: virtual\r\n"
            "authorization: step\r\ncontent-type: text/plain\r\nX-One: \r\nContent-Length: 1\r\n\r\nx");
}

TEST(RequestText, FramesTheMessageItself) {
  WorkerCall made = call("POST", "/a", "x");
  made.headers = {{"Content-Length", "99"}, {"Transfer-Encoding", "chunked"}, {"Connection", "close"}};
  EXPECT_EQ(
      text(made, {{"content-length", "7"}, {"Expect", "100-continue"}}),
      "POST /api/a HTTP/1.1\r\n" + std::string(kOurs) + "Content-Type: application/json\r\nContent-Length: 1\r\n\r\nx");
}

TEST(RequestText, StaysOneRequestWhateverItIsMadeOf) {
  WorkerCall made = call("GE T\r\n", "/a b\r\nX: y\x7f");
  made.headers = {
      {"Na me:\r\n", "a\r\nInjected: yes\r\n\r\nGET / HTTP/1.1"}, {"\r\n", "gone"}, {"Nul", std::string("a\0b", 3)}};
  EXPECT_EQ(text(made), "GET /api/a%20b%0D%0AX:%20y%7F HTTP/1.1\r\n" + std::string(kOurs) +
                            "Name: a  Injected: yes    GET / HTTP/1.1\r\nNul: a b\r\nContent-Length: 0\r\n\r\n");
}

TEST(RequestText, PutsASlashBeforeAPathWithoutOne) {
  EXPECT_EQ(text(call("GET", "a"), {}, "http://w:81"), "GET /a HTTP/1.1\r\n" + std::string(kOurs) + "\r\n");
  EXPECT_EQ(text(call("GET", ""), {}, "http://w:81"), "GET / HTTP/1.1\r\n" + std::string(kOurs) + "\r\n");
}

}  // namespace
}  // namespace saga::workers
