// A workflow as the rest of the engine uses it: parsed, checked, compiled. Never changes once built; a saga holds the
// version it was started with for as long as it lives.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "workflows/expression.h"
#include "workflows/schema.h"

namespace saga::workflows {

struct RetryPolicy {
  int max_attempts = 10;
  Millis initial_interval{200};
  double multiplier = 2.0;
  Millis max_interval{30'000};
  double jitter = 0.2;                     ///< 0 to 1: the delay is spread evenly over ± this part of it.
  std::vector<std::string> non_retryable;  ///< Codes, or statuses as text: "card_declined", "402".

  bool operator==(const RetryPolicy&) const = default;
};

/// One HTTP call of a step: its action or its compensation.
struct Call {
  std::string method = "POST";
  Template path;
  std::vector<std::pair<std::string, Template>> headers;
  std::optional<ValueTemplate> input;  ///< Not given: the saga's input, or {"action_input", "output"} to undo.
  std::vector<int> accept;             ///< Further statuses that mean done.
};

enum class StepKind {
  kCall,    ///< Calls a service.
  kWait,    ///< Waits for a time.
  kSignal,  ///< Waits for a signal.
  kSaga,    ///< Runs a child saga.
};

enum class OnFailure { kCompensate, kContinue, kSuspend };
enum class OnCompensationFailure { kContinue, kSuspend };

/// One step. A step of another kind than a call has no `action`, and keeps the defaults where a call has its policies.
struct Step {
  std::string name;
  StepKind kind = StepKind::kCall;
  std::string service;  ///< The logical name, or empty when `url` says where.
  std::string url;      ///< "http://host:port", or empty.
  Call action;
  std::optional<Call> compensation;
  Millis timeout{5'000};
  RetryPolicy retry;
  bool has_own_retry = false;  ///< The step itself, not the defaults, says `retry`.
  RetryPolicy compensation_retry{100, Millis{500}, 2.0, Millis{300'000}, 0.2, {}};
  std::optional<Millis> total_timeout;
  std::optional<Expression> when;
  std::optional<Template> error_code;
  bool pivot = false;
  OnFailure on_failure = OnFailure::kCompensate;

  Millis wait{0};                             ///< Of a wait: how long; more than nothing.
  std::string signal;                         ///< Of a signal: its name, which no other step of the workflow has.
  std::optional<Millis> signal_timeout;       ///< Of a signal: from when the step is reached. None: until the deadline.
  std::string child_workflow;                 ///< Of a child saga.
  TextPosition child_at;                      ///< Of a child saga: where the text names it.
  std::optional<std::int64_t> child_version;  ///< None: the newest when the parent starts.
  std::optional<ValueTemplate> child_input;   ///< None: the parent's input.
};

inline constexpr std::size_t kMaxSteps = 1'000;      ///< Of a workflow, those in branches included.
inline constexpr std::size_t kMaxBranches = 32;      ///< Of one parallel group: all of them are called at once.
inline constexpr std::size_t kMaxParallelDepth = 4;  ///< Groups within groups.

struct PlanNode;
using Sequence = std::vector<PlanNode>;  ///< One after the other.

/// One step, or a parallel group: branches that run at once and are over when all of them are.
struct PlanNode {
  std::optional<std::size_t> step;  ///< Set: a step, by its index. Else a group, which has all below.
  std::string name;                 ///< As given, or "parallel_1", "parallel_2", … by its place among all groups.
  std::optional<Expression> when;   ///< False skips every step in it.
  std::vector<Sequence> branches;   ///< Each with at least one node.
};

struct Workflow {
  std::string name;
  std::int64_t version = 1;
  std::string description;
  std::optional<Millis> deadline;
  std::optional<Schema> input_schema;
  std::vector<Step> steps;  ///< In the order of the file, branches included; a step's index is its place.
  Sequence plan;            ///< Every step exactly once, in the order of `steps`.
  std::optional<ValueTemplate> output;
  OnCompensationFailure on_compensation_failure = OnCompensationFailure::kContinue;
  std::optional<std::size_t> pivot;  ///< Index of the pivot step.
  Json definition;                   ///< The document as parsed; two that compare equal are the same version.
  std::string file;                  ///< What messages call the text it was read from.
  std::string source;                ///< The document's text as it was given.

  [[nodiscard]] std::optional<std::size_t> step_index(std::string_view step) const {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].name == step) return i;
    }
    return std::nullopt;
  }
};

using WorkflowRef = std::shared_ptr<const Workflow>;

}  // namespace saga::workflows
