// What the clients ask for, drawn from a seed: the n-th start is the same in every run with that seed.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/json.h"

namespace saga::torture {

using Random = std::mt19937_64;

/// 0 to `below` - 1.
[[nodiscard]] std::size_t pick(Random& random, std::size_t below);
[[nodiscard]] bool chance(Random& random, double probability);

/// How a saga has to end, by its input and its definition.
enum class Ending {
  kCompleted,
  kCompensated,
  kEither,   ///< Its answers come about when they are given up.
  kNothing,  ///< Its start was refused: there is no such saga.
};

struct Plan {
  std::string id;
  std::string workflow;
  Json input;
  Ending ending = Ending::kCompleted;
};

enum class StartKind {
  kOne,
  kBatch,       ///< All of its sagas at once.
  kClashing,    ///< An id that is taken, with another input: 409.
  kBatchClash,  ///< A batch in which one such is: 409, none of it.
  kUnfit,       ///< An input that the schema refuses: 422.
  kUnknown,     ///< No such workflow: 404.
};

/// One request of a client.
struct Start {
  StartKind kind = StartKind::kOne;
  std::vector<Plan> sagas;
};

/// The n-th start of the run with `seed`.
[[nodiscard]] Start draw_start(std::uint64_t seed, std::int64_t n);

}  // namespace saga::torture
