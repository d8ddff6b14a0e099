// Path patterns: "/reservations/:saga" against what a request asks for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace saga::workers {

/// Undoes %XX; what is not such a sequence stays as it is.
[[nodiscard]] std::string percent_decode(std::string_view text);

class PathPattern {
 public:
  /// Begins with '/'.
  explicit PathPattern(std::string_view pattern);

  /// The parameters by name, decoded, when `target` (path and query as sent) fits. An encoded '/' is part of its
  /// segment.
  [[nodiscard]] std::optional<std::map<std::string, std::string>> match(std::string_view target) const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::string> segments_;
};

}  // namespace saga::workers
