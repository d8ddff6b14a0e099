// Paths and query strings: percent-decoding, and a query read strictly, so that a mistyped filter is an error and never
// a list of everything.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "engine/api/problem.h"

namespace saga::api {

/// None when an escape is malformed.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank);

/// The parameters of a query in their order, decoded. 422 names one that is not in `known`.
class Query {
 public:
  [[nodiscard]] static Checked<Query> parse(std::string_view text, std::span<const std::string_view> known);

  [[nodiscard]] std::optional<std::string> first(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

/// The longest a request waits for a saga.
inline constexpr Millis kMaxWait{60'000};

/// `?wait=30s`; zero where it is not asked for; more than `kMaxWait` counts as that.
[[nodiscard]] Checked<Millis> read_wait(const Query& query);

}  // namespace saga::api
