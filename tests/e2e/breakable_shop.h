// A worker that a test breaks and mends, and whose ledger says what really happened.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "tests/support/local_server.h"

namespace saga::testing {

/// How the worker answers a call that it does not do, or does without saying so.
struct Trouble {
  int status = 503;
  std::string code;
  bool happens = false;              ///< It is done, though the answer does not say it.
  int retry_after_s = 0;             ///< 0: not said.
  std::size_t retry_after_from = 0;  ///< Said from this attempt on.
};

/// Does what it is called for, once a key, unless told otherwise. Thread-safe.
class BreakableShop {
 public:
  BreakableShop() {
    server_.http().Post(
        ".*", [this](const httplib::Request& request, httplib::Response& response) { take(request, response); });
    server_.listen();
  }

  [[nodiscard]] std::string url() const { return server_.url(); }

  /// From now on calls of `path` end so.
  void break_down(const std::string& path, Trouble trouble) {
    const std::lock_guard lock(mutex_);
    troubles_[path] = std::move(trouble);
  }
  void mend() {
    const std::lock_guard lock(mutex_);
    troubles_.clear();
  }

  /// What happened, in order: "/charge", "/charge/undo".
  std::vector<std::string> effects() {
    const std::lock_guard lock(mutex_);
    return effects_;
  }
  /// Keys that came again after they had been answered as done.
  std::vector<std::string> called_after_done() {
    const std::lock_guard lock(mutex_);
    return called_after_done_;
  }

 private:
  void take(const httplib::Request& request, httplib::Response& response) {
    const std::lock_guard lock(mutex_);
    const std::string key = request.get_header_value("Idempotency-Key");
    if (answered_done_.contains(key)) called_after_done_.push_back(key);
    const auto trouble = troubles_.find(request.path);
    if (trouble == troubles_.end() || trouble->second.happens) {
      if (happened_.insert(key).second) effects_.push_back(request.path);
    }
    if (trouble == troubles_.end()) {
      answered_done_.insert(key);
      response.set_content(R"({"by":"the shop"})", "application/json");
      return;
    }
    const Trouble& how = trouble->second;
    response.status = how.status;
    response.set_content(dump_json({{"code", how.code}}), "application/json");
    const std::string attempt = request.get_header_value("Saga-Attempt");
    if (how.retry_after_s > 0 && std::stoul(attempt) >= how.retry_after_from)
      response.set_header("Retry-After", std::to_string(how.retry_after_s));
  }

  std::mutex mutex_;
  std::map<std::string, Trouble> troubles_;
  std::set<std::string> happened_;
  std::set<std::string> answered_done_;
  std::vector<std::string> effects_;
  std::vector<std::string> called_after_done_;
  LocalServer server_;
};

}  // namespace saga::testing
