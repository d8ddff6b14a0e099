// From method and path to a handler: a table of patterns, and what to say when nothing in it fits.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/api/context.h"
#include "engine/api/problem.h"

namespace saga::api {

using BlockingHandler = Checked<Response> (*)(const Context&, const Exchange&);
using LaterHandler = void (*)(const Context&, const ExchangeRef&);

/// The most bytes of a body, and of one that starts many.
inline constexpr std::size_t kMaxBody = std::size_t{1} << 20;
inline constexpr std::size_t kMaxBatchBody = std::size_t{16} << 20;

/// Where a handler may run.
enum class Runs {
  kHere,  ///< On the I/O thread: it never blocks.
  kPool,
};

/// Of a route that asks nobody who they are.
inline constexpr std::optional<Role> kAnybody = std::nullopt;

struct Route {
  std::string_view method;
  std::string_view pattern;   ///< "/v1/sagas/{id}/events"; also the label of its metrics.
  std::optional<Role> needs;  ///< Where there are tokens.
  std::variant<BlockingHandler, LaterHandler> handler;
  Runs runs = Runs::kPool;
  std::size_t max_body = kMaxBody;
  /// What the audit calls it where the caller is not let in: "register", or "{verb}" for what stands there in the path.
  /// Empty: the audit does not tell of it.
  std::string_view audited_as = {};
};

struct Match {
  const Route* route = nullptr;
  std::vector<std::string> path;  ///< What stands in the braces, decoded.
};

/// Every route there is.
[[nodiscard]] std::span<const Route> routes();

/// 404 names the path, 405 carries `Allow`. A saga id that cannot be one is a 404 here already. OPTIONS matches
/// nothing: see `allowed_methods`.
[[nodiscard]] Checked<Match> find_route(std::string_view method, std::string_view path);

/// What the body of such a request may have at most, known before it is read.
[[nodiscard]] std::size_t max_body(std::string_view method, std::string_view path);

/// "GET, HEAD, POST, OPTIONS" of a path; empty when nothing is there.
[[nodiscard]] std::string allowed_methods(std::string_view path);

}  // namespace saga::api
