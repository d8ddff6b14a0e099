// Builds the daemon's objects, wires them, and takes them down in order.
#pragma once

#include "engine/sagad/options.h"

namespace saga::sagad {

inline constexpr int kExitOk = 0;
inline constexpr int kExitRefused = 2;   ///< A flag, a file, an address or a store that does not do.
inline constexpr int kExitRestart = 75;  ///< The store failed: nothing more is durable until a restart reads it back.

/// Runs until SIGTERM or SIGINT; at SIGHUP it reads the tokens and the certificate again. The caller has blocked all
/// three in all threads. Returns the exit code.
[[nodiscard]] int run_daemon(const Options& options);

/// `--check`: 0 when the definitions are good, else 2 with their problems on stderr.
[[nodiscard]] int check_only(const Options& options);

}  // namespace saga::sagad
