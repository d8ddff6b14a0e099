// What stands before an answer's body on the wire.
#pragma once

#include <ctime>
#include <optional>
#include <string>

#include "engine/api/http.h"

namespace saga::api {

/// The Date header's value, made once a second.
class DateText {
 public:
  const std::string& now();

 private:
  std::time_t second_ = -1;
  std::string text_;
};

/// Everything before the body. `length`: none for a stream, which is chunked.
[[nodiscard]] std::string head_of(const Response& response, std::optional<std::size_t> length, bool keep_alive,
                                  const std::string& date);

}  // namespace saga::api
