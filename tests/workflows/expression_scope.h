// What the tests of expressions evaluate against: a workflow with a few steps, and values for what they left.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "workflows/expression.h"

namespace saga::workflows {

class TestScope final : public Scope {
 public:
  Json input_value;
  Json output_value;
  Json action_input_value;
  Json body_value;
  std::map<std::size_t, std::pair<std::string, Json>> step_values;  ///< Status and output by index.

  [[nodiscard]] const Json* input() const override { return &input_value; }
  [[nodiscard]] StepFacts step(std::size_t index) const override {
    const auto found = step_values.find(index);
    if (found == step_values.end()) return {"pending", nullptr};
    const auto& [status, value] = found->second;
    return {status, value.is_null() ? nullptr : &value};
  }
  [[nodiscard]] Json saga(std::string_view name) const override {
    if (name == "id") return "order-42";
    if (name == "workflow") return "order-saga";
    if (name == "version") return 3;
    return "2026-11-23T04:54:47.123Z";
  }
  [[nodiscard]] const Json* output() const override { return &output_value; }
  [[nodiscard]] const Json* action_input() const override { return &action_input_value; }
  [[nodiscard]] const Json* body() const override { return &body_value; }
};

/// `reserve` (0) and `charge` (1) have ended; `ship` (2) has not.
struct TestVisibility {
  std::vector<Visibility::Step> all{{"reserve", 0}, {"charge", 1}, {"ship", 2}};
  Visibility visible;

  TestVisibility() {
    visible.all_steps = all;
    visible.steps = std::span(all).first(2);
  }
};

}  // namespace saga::workflows
