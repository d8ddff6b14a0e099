// Colours, or none. Every piece of a page that has one says what it means, not which escape it is.
#pragma once

#include <string>
#include <string_view>

namespace saga::ctl {

class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}

  [[nodiscard]] std::string strong(std::string_view text) const { return wrap("1", text); }
  [[nodiscard]] std::string quiet(std::string_view text) const { return wrap("2", text); }
  [[nodiscard]] std::string good(std::string_view text) const { return wrap("32", text); }
  [[nodiscard]] std::string bad(std::string_view text) const { return wrap("1;31", text); }
  [[nodiscard]] std::string warn(std::string_view text) const { return wrap("33", text); }
  [[nodiscard]] std::string busy(std::string_view text) const { return wrap("36", text); }

  /// A saga's or a step's status in the colour of how much it wants to be looked at.
  [[nodiscard]] std::string status(std::string_view status, std::string_view shown) const {
    if (status == "completed") return good(shown);
    if (status == "failed" || status == "suspended") return bad(shown);
    if (status == "compensating" || status == "compensated") return warn(shown);
    if (status == "running") return busy(shown);
    return quiet(shown);
  }

 private:
  [[nodiscard]] std::string wrap(std::string_view code, std::string_view text) const {
    if (!on_ || text.empty()) return std::string(text);
    return std::string("\x1b[").append(code).append("m").append(text).append("\x1b[0m");
  }

  bool on_;
};

}  // namespace saga::ctl
