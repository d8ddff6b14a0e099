// Short ways to load a definition in a test and to say what is wrong with it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "workflows/load.h"

namespace saga::workflows {

/// The one workflow of a text that must be good.
inline WorkflowRef load_one(std::string_view text) {
  const auto loaded = load_workflows(text, "flow.yaml");
  if (!loaded) {
    for (const Problem& problem : loaded.error()) ADD_FAILURE() << format_problem(problem);
    return nullptr;
  }
  if (loaded->size() != 1) {
    ADD_FAILURE() << "expected one workflow, but there are " << loaded->size();
    return nullptr;
  }
  return loaded->front();
}

/// All that is wrong with a text, as a person reads it, without "flow.yaml:" and "error: ".
inline std::vector<std::string> problems_of(std::string_view text) {
  const auto loaded = load_workflows(text, "flow.yaml");
  std::vector<std::string> problems;
  if (loaded) return problems;
  for (const Problem& problem : loaded.error()) {
    problems.push_back(std::to_string(problem.position.line) + ":" + std::to_string(problem.position.column) + ": " +
                       problem.message);
  }
  return problems;
}

}  // namespace saga::workflows
