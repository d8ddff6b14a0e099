// `sagactl inspect`: one page about one saga. In this order: what is wrong, what was not undone, what it does now and
// next, what happened step by step, the stuck call attempt by attempt, who did what, and what can be typed now.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"
#include "sagactl/render/history.h"
#include "sagactl/render/text.h"

namespace saga::ctl {

struct Inspected {
  Json saga;
  Json events = Json::array();
  Json definition;  ///< The workflow's, or null.
  Timestamp now;
  std::string program = "sagactl";  ///< What a pasted command begins with.
};

/// The whole page, ending in a newline.
[[nodiscard]] std::string render_inspect(const Inspected& inspected, const Page& page);

/// How a saga ended or where it stands, in a few lines: what `wait` and `start --wait` print.
[[nodiscard]] std::string render_outcome(const Json& saga, const Page& page);

// The parts of the page; each is "" where there is nothing to say.
[[nodiscard]] std::string render_steps(const Inspected& inspected, const History& history, const Page& page);
[[nodiscard]] std::string render_calls(const Inspected& inspected, const History& history, const Page& page);
[[nodiscard]] std::string render_operators(const Inspected& inspected, const History& history, const Page& page);
[[nodiscard]] std::string render_commands(const Inspected& inspected, const History& history, const Page& page);

/// "order-saga/1".
[[nodiscard]] std::string workflow_of(const Json& saga);

/// True where the saga is on its way back, or has gone it. While an unknown pivot is open, neither way is taken.
[[nodiscard]] bool turned_back(const Inspected& inspected, const History& history);

/// True once the saga has ended: completed, compensated, failed or terminated.
[[nodiscard]] bool has_ended(std::string_view status);

}  // namespace saga::ctl
