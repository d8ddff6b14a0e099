#include "workflows/definition/step.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "workflows/definition/call.h"
#include "workflows/definition/fields.h"
#include "workflows/definition/kinds.h"

namespace saga::workflows {
namespace {

constexpr std::array<std::string_view, 18> kStepKeys{
    "name",          "service", "url",        "action",     "compensation",
    "input",         "when",    "timeout",    "retry",      "compensation_retry",
    "total_timeout", "pivot",   "on_failure", "error_code", "parallel",
    "wait",          "signal",  "saga"};
constexpr std::array<std::string_view, 3> kOnFailure{"compensate", "continue", "suspend"};  // As in `OnFailure`.

constexpr NamePattern kServiceName{.shown = "[a-z][a-z0-9_-]*", .besides = "_-"};

std::string in_step(const Step& step) { return step.name.empty() ? "the step" : fmt::format("step '{}'", step.name); }

/// Neither a call nor anything else: what is missing is more than one key.
bool says_nothing(const Node& node) {
  constexpr std::array<std::string_view, 6> kDoing{"service", "url", "action", "wait", "signal", "saga"};
  return std::none_of(kDoing.begin(), kDoing.end(), [&node](std::string_view key) { return node.find(key); });
}

void read_where(const Node& node, Step& step, Problems& problems) {
  const Node* service = node.find("service");
  const Node* url = node.find("url");
  if (service != nullptr) step.service = read_name(*service, "service", kServiceName, problems).value_or("");
  if (url != nullptr) step.url = read_url(*url, problems).value_or("");
  if (service == nullptr && url == nullptr) {
    problems.add(node.position,
                 fmt::format("{} has neither 'service' nor 'url': expected one of them, such as service: inventory",
                             in_step(step)));
  } else if (service != nullptr && url != nullptr) {
    problems.add(url->position, fmt::format("{} has both 'service' and 'url': expected one of them", in_step(step)));
  }
}

void read_calls(const Node& node, Visibility visible, Step& step, ExpressionReader& expressions, Problems& problems) {
  const Node* action = node.find("action");
  if (action != nullptr) {
    step.action = read_call(*action, "action", visible, expressions, problems);
  } else {
    problems.add(node.position,
                 fmt::format("{} has no 'action': expected a path such as /reservations", in_step(step)));
  }
  if (const Node* input = node.find("input")) {
    if (action != nullptr && action->find("input") != nullptr) {
      problems.add(input->position,
                   fmt::format("{} has 'input' twice, here and in its 'action': expected one of them", in_step(step)));
    }
    step.action.input = expressions.read_value(*input, visible);
  }
  if (const Node* error_code = node.find("error_code")) {
    Visibility with_body = visible;
    with_body.body = true;
    step.error_code = expressions.read_template(*error_code, "error_code", with_body);
  }
  if (const Node* compensation = node.find("compensation")) {
    visible.own_call = true;
    step.compensation = read_call(*compensation, "compensation", visible, expressions, problems);
  }
}

void read_policies(const Node& node, const Policies& defaults, Step& step, Problems& problems) {
  step.timeout = defaults.timeout;
  step.retry = defaults.retry;
  step.compensation_retry = defaults.compensation_retry;
  if (const Node* timeout = node.find("timeout")) {
    step.timeout = read_duration(*timeout, "timeout", problems).value_or(step.timeout);
  }
  if (const Node* total = node.find("total_timeout"))
    step.total_timeout = read_duration(*total, "total_timeout", problems);
  if (const Node* retry = node.find("retry")) {
    step.retry = read_retry(*retry, "retry", std::move(step.retry), problems);
    step.has_own_retry = true;
  }
  if (const Node* retry = node.find("compensation_retry")) {
    step.compensation_retry = read_retry(*retry, "compensation_retry", std::move(step.compensation_retry), problems);
  }
}

void read_failure_rules(const Node& node, Step& step, Problems& problems) {
  const Node* pivot = node.find("pivot");
  if (pivot != nullptr) step.pivot = read_bool(*pivot, "pivot", problems).value_or(false);
  const Node* on_failure = node.find("on_failure");
  if (on_failure != nullptr) {
    const auto choice = read_choice(*on_failure, "on_failure", kOnFailure, problems);
    if (choice) step.on_failure = static_cast<OnFailure>(*choice);
  }
  if (step.pivot && step.on_failure == OnFailure::kContinue) {
    problems.add(
        on_failure->position,
        "a pivot cannot have 'on_failure: continue': what follows it relies on it; expected compensate or suspend");
  }
}

}  // namespace

std::string step_name(const Node& node) {
  const Node* name = node.find("name");
  return name != nullptr && name->is_string() ? name->text() : "";
}

Step read_step(const Node& node, const Visibility& visible, const Policies& defaults, ExpressionReader& expressions,
               Problems& problems) {
  Step step;
  if (!node.is_map()) {
    problems.add(node.position,
                 fmt::format("a step must be a mapping with name, service and action, but it is {}", describe(node)));
    return step;
  }
  step.kind = kind_of(node);
  if (step.kind == StepKind::kCall) {
    check_keys(node, "a step", kStepKeys, problems);
  } else {
    check_kind_keys(node, step.kind, problems);
  }
  if (const Node* name = node.find("name")) {
    step.name = read_name(*name, "name", kStepName, problems).value_or("");
  } else {
    problems.add(node.position, "the step has no 'name'");
  }
  if (const Node* when = node.find("when")) step.when = expressions.read_condition(*when, "when", visible);
  if (says_nothing(node)) {
    problems.add(node.position,
                 fmt::format("{} does nothing: expected a call, with 'service' and 'action', or one of parallel, wait, "
                             "signal, saga",
                             in_step(step)));
  } else if (step.kind == StepKind::kCall) {
    read_where(node, step, problems);
    read_calls(node, visible, step, expressions, problems);
    read_policies(node, defaults, step, problems);
  } else {
    read_kind(node, step, visible, expressions, problems);
  }
  read_failure_rules(node, step, problems);
  return step;
}

}  // namespace saga::workflows
