// What cannot happen. SAGA_CHECK stays on in every build: it says what it expected and aborts, because a process
// that goes on after its own invariant broke would write the damage to disk.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace saga {

[[noreturn]] inline void check_failed(const char* file, int line, const char* expression, const char* expected) {
  std::fprintf(stderr, "%s:%d: broken invariant: expected %s (%s)\n", file, line, expected, expression);
  std::abort();
}

}  // namespace saga

/// Aborts with `expected` (a phrase that says what should have held) when `condition` is false.
#define SAGA_CHECK(condition, expected) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::saga::check_failed(__FILE__, __LINE__, #condition, expected))
