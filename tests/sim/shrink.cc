#include "tests/sim/shrink.h"

#include <algorithm>

namespace saga::sim {
namespace {

class Shrinking {
 public:
  Shrinking(std::uint64_t seed, Cuts cuts, const std::string& invariant, Definitions& definitions)
      : seed_(seed), best_(std::move(cuts)), invariant_(invariant), definitions_(definitions) {}

  Shrunk run() {
    drop_sagas();
    for (std::size_t i = 0; i < kFaults; ++i) {
      Cuts smaller = best_;
      smaller.without.set(i);
      if (!best_.without[i]) attempt(std::move(smaller));
    }
    for (int crashes = 0; crashes < Plan::draw(seed_, best_).crashes; ++crashes) {
      Cuts smaller = best_;
      smaller.most_crashes = crashes;
      if (attempt(std::move(smaller))) break;
    }
    drop_sagas();
    Report report = World(Plan::draw(seed_, best_), definitions_, true).run();
    return {best_, std::move(report), tries_};
  }

 private:
  /// Halves first, then ever smaller pieces.
  void drop_sagas() {
    const int sagas = Plan::draw(seed_, best_).sagas;
    for (int piece = std::max(1, sagas / 2);; piece /= 2) {
      for (int from = 0; from < sagas; from += piece) {
        Cuts smaller = best_;
        for (int i = from; i < std::min(from + piece, sagas); ++i) smaller.without_sagas.insert(i);
        if (smaller.without_sagas.size() > best_.without_sagas.size()) attempt(std::move(smaller));
      }
      if (piece == 1) return;
    }
  }

  bool attempt(Cuts smaller) {
    ++tries_;
    const Report report = World(Plan::draw(seed_, smaller), definitions_, false).run();
    if (!report.violation || report.violation->invariant != invariant_) return false;
    best_ = std::move(smaller);
    return true;
  }

  std::uint64_t seed_;
  Cuts best_;
  std::string invariant_;
  Definitions& definitions_;
  int tries_ = 0;
};

}  // namespace

Shrunk shrink(std::uint64_t seed, const Cuts& cuts, const std::string& invariant, Definitions& definitions) {
  return Shrinking(seed, cuts, invariant, definitions).run();
}

}  // namespace saga::sim
