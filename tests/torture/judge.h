// Reads everything back, when all has ended, and judges it saga by saga.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/torture/checker.h"
#include "tests/torture/figures.h"

namespace saga::torture {

struct Judgement {
  std::vector<std::string>
      violations;            ///< Each with the invariant and the saga's id; the first of them with its story.
  std::int64_t sagas = 0;    ///< In the store, children included.
  std::int64_t refused = 0;  ///< Starts that left nothing behind.
  std::map<std::string, std::int64_t> by_status;
  std::map<std::string, std::int64_t> by_workflow;
  std::int64_t calls = 0;    ///< That workers saw.
  std::int64_t effects = 0;  ///< Done and undone, charges included.
  std::int64_t events = 0;
};

/// `known`: what the clients know. `ledgers` is used up. sagad is ready on `port`, the workers have ended.
[[nodiscard]] Judgement judge(std::uint16_t port, const std::vector<workflows::WorkflowRef>& workflows,
                              const std::map<std::string, Plan>& known, Ledgers ledgers, Resumptions& resumptions);

}  // namespace saga::torture
