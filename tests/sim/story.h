// What happened in a world, line by line, and a number that stands for all of it: two runs of one seed have the same
// number, whether the lines are kept or not.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/agenda.h"
#include "tests/sim/chance.h"

namespace saga::sim {

class Story {
 public:
  Story(const Agenda& agenda, bool told) : agenda_(agenda), told_(told) {}

  /// `sum` stands for what happened; `line` is only asked for where lines are kept.
  template <typename Line>
  void tell(std::uint64_t sum, const Line& line) {
    hash_ = Chance::mix(Chance::mix(hash_, static_cast<std::uint64_t>(agenda_.now().ms)), sum);
    if (told_) add(line());
  }

  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  void add(std::string line);

  const Agenda& agenda_;
  bool told_;
  std::uint64_t hash_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace saga::sim
