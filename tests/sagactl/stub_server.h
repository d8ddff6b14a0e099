// A server that says what a test told it to, over a real socket, and remembers what it was asked.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"

namespace httplib {
class Server;
}

namespace saga::ctl {

struct StubRequest {
  std::string method;
  std::string target;  ///< Path and query, as sent.
  std::map<std::string, std::string> headers;
  std::map<std::string, std::string> query;  ///< Decoded; of a repeated key the last.
  std::string body;
};

struct StubReply {
  int status = 200;
  std::string body = "{}";
  std::map<std::string, std::string> headers = {};
  std::string content_type = "application/json";
  bool lost = false;  ///< The connection breaks instead of an answer; what is in `body` arrives before.
};

class StubServer {
 public:
  StubServer();
  ~StubServer();
  StubServer(const StubServer&) = delete;
  StubServer& operator=(const StubServer&) = delete;

  /// The answers to `METHOD path`, one after the other; the last one again and again. Anything else is 404.
  void script(const std::string& method_and_path, std::vector<StubReply> replies);
  /// What `made` makes of each request; called by one thread at a time.
  void answer_by(const std::string& method_and_path, std::function<StubReply(const StubRequest&)> made);
  /// The same answer again and again.
  void always(const std::string& method_and_path, const Json& body) {
    script(method_and_path, std::vector<StubReply>{StubReply{200, body.dump()}});
  }

  [[nodiscard]] std::vector<StubRequest> requests() const;
  [[nodiscard]] std::string url() const;

  void down();  ///< Stops listening; connections are refused.
  void up();    ///< Listens on the same port again.

 private:
  struct Script {
    std::vector<StubReply> replies;
    std::size_t next = 0;
    std::function<StubReply(const StubRequest&)> made = {};
  };
  StubReply answer(const StubRequest& request, const std::string& path);

  mutable std::mutex mutex_;
  std::map<std::string, Script> scripts_;  ///< Guarded by `mutex_`.
  std::vector<StubRequest> requests_;      ///< Guarded by `mutex_`.
  int port_ = 0;
  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
};

/// A saga as the server shows it, without steps.
[[nodiscard]] Json saga(const std::string& id, const std::string& status);

/// RFC 9457.
[[nodiscard]] StubReply problem(int status, const std::string& detail, Json more = Json::object());

}  // namespace saga::ctl
