// What the tests of faults ask of the real sagad.
#pragma once

#include <httplib.h>

#include <chrono>
#include <string>
#include <thread>

#include "base/json.h"
#include "tests/support/sagad_process.h"

namespace saga::faults {

inline constexpr std::chrono::seconds kPatience{60};

/// One sagad, asked over a connection for each request.
class Client {
 public:
  explicit Client(const testing::SagadProcess& sagad) : port_(sagad.port()) {}
  explicit Client(int port) : port_(port) {}

  struct Answer {
    int status = 0;  ///< 0: none came.
    std::string body;
    std::string retry_after;

    [[nodiscard]] Json json() const { return parse_json(body).value_or(Json()); }
  };

  Answer get(const std::string& path) { return answer_of(connection().Get(path)); }
  Answer post(const std::string& path, const Json& body) {
    return answer_of(connection().Post(path, body.dump(), "application/json"));
  }
  int start(const std::string& workflow, const std::string& id, const Json& input = Json::object()) {
    return post("/v1/sagas", {{"workflow", workflow}, {"id", id}, {"input", input}}).status;
  }
  std::string status(const std::string& id) { return get("/v1/sagas/" + id).json().value("status", ""); }
  /// Its status once it is at rest, or when patience ends.
  std::string status_at_rest(const std::string& id) {
    return get("/v1/sagas/" + id + "?wait=60s").json().value("status", "");
  }
  int ready() { return get("/health/ready").status; }

  /// True once `condition` holds.
  template <typename Condition>
  static bool await(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() >= until) return false;
      std::this_thread::yield();
    }
    return true;
  }

 private:
  [[nodiscard]] httplib::Client connection() const {
    httplib::Client http("127.0.0.1", port_);
    http.set_read_timeout(kPatience + std::chrono::seconds{5});
    return http;
  }
  static Answer answer_of(const httplib::Result& result) {
    if (!result) return {};
    return {result->status, result->body, result->get_header_value("Retry-After")};
  }

  const int port_;
};

}  // namespace saga::faults
