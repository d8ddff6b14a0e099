// Who calls, and whether they may. Without tokens everybody may do everything, under whatever name they give.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/api/http.h"
#include "engine/api/problem.h"
#include "engine/api/tokens.h"

namespace saga::api {

struct Caller {
  std::string name;       ///< The token's where there is one, else what `Saga-Actor` says, else "anonymous".
  bool verified = false;  ///< A token says so.
  std::string claimed;    ///< What `Saga-Actor` says besides a token's name; unverified.

  /// "ops (bob@ops)": in parentheses what nobody has verified.
  [[nodiscard]] std::string shown() const { return claimed.empty() ? name : name + " (" + claimed + ")"; }
};

/// The caller is known as far as it goes also where it is refused: for the audit.
struct Admission {
  Caller caller;
  std::optional<Problem> refusal;  ///< 401, 403, or 400 for a `Saga-Actor` that cannot be.
};

/// Thread-safe.
class Gate {
 public:
  /// Null: nobody is asked for anything.
  explicit Gate(std::shared_ptr<const Tokens> tokens) : tokens_(std::move(tokens)) {}

  /// From the next request on.
  void use(std::shared_ptr<const Tokens> tokens);

  /// `needs`: the role that the route asks for, none where anybody may.
  [[nodiscard]] Admission admit(std::optional<Role> needs, const Request& request) const;

 private:
  mutable std::mutex mutex_;  ///< Guards `tokens_`.
  std::shared_ptr<const Tokens> tokens_;
};

}  // namespace saga::api
