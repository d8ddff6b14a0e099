#include "workflows/definition/kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "workflows/definition/fields.h"

namespace saga::workflows {
namespace {

constexpr NamePattern kSignalName{.shown = "[a-z][a-z0-9_-]*", .besides = "_-", .most = 64};

constexpr std::string_view kOneThing = "a step is one thing, so make two steps of it";

constexpr std::array<std::string_view, 3> kWaitKeys{"name", "wait", "when"};
constexpr Misplaced kNotInWait[] = {
    {"service", kOneThing},
    {"url", kOneThing},
    {"action", kOneThing},
    {"signal", kOneThing},
    {"saga", kOneThing},
    {"compensation", "there is nothing to undo about time that has passed"},
    {"compensation_retry", "there is nothing to undo about time that has passed"},
    {"input", "a wait is sent nothing"},
    {"error_code", "a wait calls nobody, so there is no answer to read"},
    {"timeout", "'wait' says how long it takes"},
    {"total_timeout", "'wait' says how long it takes"},
    {"retry", "a wait does not fail"},
    {"on_failure", "a wait does not fail"},
    {"pivot", "a wait does nothing that cannot be taken back; mark a call or a child saga"},
};

constexpr std::array<std::string_view, 5> kSignalKeys{"name", "signal", "timeout", "when", "on_failure"};
constexpr Misplaced kNotInSignal[] = {
    {"service", kOneThing},
    {"url", kOneThing},
    {"action", kOneThing},
    {"wait", kOneThing},
    {"saga", kOneThing},
    {"compensation", "a signal calls nobody, so there is nothing to undo; give it to the call that acts on the signal"},
    {"compensation_retry", "a signal calls nobody, so there is nothing to undo"},
    {"input", "a signal is sent nothing; what comes with it is its output"},
    {"error_code", "a signal calls nobody, so there is no answer to read"},
    {"total_timeout", "'timeout' says how long a signal is awaited"},
    {"retry", "a signal is awaited once, for as long as 'timeout' says"},
    {"pivot", "a signal does nothing that cannot be taken back; mark the call or the child saga that follows"},
};

constexpr std::array<std::string_view, 6> kSagaKeys{"name", "saga", "input", "when", "pivot", "on_failure"};
constexpr Misplaced kNotInSaga[] = {
    {"service", kOneThing},
    {"url", kOneThing},
    {"action", kOneThing},
    {"wait", kOneThing},
    {"signal", kOneThing},
    {"compensation", "a child saga is undone by its own compensations"},
    {"compensation_retry", "a child saga is undone by its own compensations, which its workflow says how to retry"},
    {"error_code", "a child saga is no call: whether it failed, its own end says"},
    {"timeout", "a child saga takes its time; limit it by the 'deadline' of its workflow"},
    {"total_timeout", "a child saga takes its time; limit it by the 'deadline' of its workflow"},
    {"retry", "a child saga is started once; its own steps are retried as its workflow says"},
};

constexpr std::array<std::string_view, 3> kGroupKeys{"name", "parallel", "when"};
constexpr std::string_view kGiveItToTheSteps = "a group calls nobody itself; give it to the steps in its branches";
constexpr Misplaced kNotInGroup[] = {
    {"service", kOneThing},
    {"url", kOneThing},
    {"action", kOneThing},
    {"wait", kOneThing},
    {"signal", kOneThing},
    {"saga", kOneThing},
    {"compensation", "a group is undone by the compensations of its steps"},
    {"compensation_retry", kGiveItToTheSteps},
    {"input", kGiveItToTheSteps},
    {"error_code", kGiveItToTheSteps},
    {"timeout", kGiveItToTheSteps},
    {"total_timeout", kGiveItToTheSteps},
    {"retry", kGiveItToTheSteps},
    {"on_failure", "each step in its branches says its own"},
    {"pivot", "a group cannot be the pivot; mark a step before or after it"},
};

/// A whole number from 1, written in the one way there is.
std::optional<std::int64_t> version_of(std::string_view text) {
  std::int64_t version = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (problem != std::errc{} || end != text.data() + text.size() || text.starts_with('0') || version < 1) return {};
  return version;
}

void read_child(const Node& node, Step& step, Problems& problems) {
  const auto text = read_text(node, "saga", problems);
  if (!text) return;
  step.child_at = node.position;
  const std::size_t slash = text->find('/');
  const bool has_version = slash != std::string::npos;
  if (has_version) step.child_version = version_of(std::string_view(*text).substr(slash + 1));
  step.child_workflow = text->substr(0, slash);
  if (fits(step.child_workflow, kWorkflowName) && has_version == step.child_version.has_value()) return;
  refuse_value(node, "saga", "the name of a workflow, with or without its version, such as book-trip or book-trip/2",
               problems);
}

std::string_view key_of(StepKind kind) {
  switch (kind) {
    case StepKind::kCall:
      return "action";
    case StepKind::kWait:
      return "wait";
    case StepKind::kSignal:
      return "signal";
    case StepKind::kSaga:
      return "saga";
  }
  return "";
}

}  // namespace

StepKind kind_of(const Node& node) {
  for (const Node::Entry& entry : node.entries) {
    for (const StepKind kind : {StepKind::kWait, StepKind::kSignal, StepKind::kSaga}) {
      if (entry.key == key_of(kind)) return kind;
    }
  }
  return StepKind::kCall;
}

void check_kind_keys(const Node& node, StepKind kind, Problems& problems) {
  const std::string owner = fmt::format("a '{}' step", key_of(kind));
  if (kind == StepKind::kWait) check_keys(node, owner, kWaitKeys, problems, kNotInWait);
  if (kind == StepKind::kSignal) check_keys(node, owner, kSignalKeys, problems, kNotInSignal);
  if (kind == StepKind::kSaga) check_keys(node, owner, kSagaKeys, problems, kNotInSaga);
}

void check_group_keys(const Node& node, Problems& problems) {
  check_keys(node, "a 'parallel' group", kGroupKeys, problems, kNotInGroup);
}

void read_kind(const Node& node, Step& step, const Visibility& visible, ExpressionReader& expressions,
               Problems& problems) {
  if (step.kind == StepKind::kWait) {
    step.wait = read_duration(*node.find("wait"), "wait", problems).value_or(step.wait);
  } else if (step.kind == StepKind::kSignal) {
    step.signal = read_name(*node.find("signal"), "signal", kSignalName, problems).value_or("");
    if (const Node* timeout = node.find("timeout")) step.signal_timeout = read_duration(*timeout, "timeout", problems);
  } else if (step.kind == StepKind::kSaga) {
    read_child(*node.find("saga"), step, problems);
    if (const Node* input = node.find("input")) step.child_input = expressions.read_value(*input, visible);
  }
}

}  // namespace saga::workflows
