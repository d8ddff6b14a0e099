// A Lua state in which nothing but values can be reached, and whose every use is bounded in instructions and memory.
// It takes any Lua text, so that its limits do not lean on what the analysis lets through.
#pragma once

#include <cstddef>
#include <mutex>
#include <span>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "workflows/expression.h"
#include "workflows/expressions/path.h"

struct lua_State;

namespace saga::workflows {

/// Thread-safe: one use at a time. The Lua state is made by the first `load`. A use that failed, for whatever reason,
/// leaves the state good for the next.
class Sandbox {
 public:
  static constexpr int kMaxInstructions = 1'000'000;
  static constexpr std::size_t kMaxBytes = 4 * 1024 * 1024;  ///< Beyond what the loaded functions themselves hold.

  /// All that one use allocates, what it has let go of included: Lua's own functions, such as `string.upper`, count as
  /// one instruction however long the text.
  static constexpr std::size_t kMaxBytesMade = 64 * 1024 * 1024;

  Sandbox() = default;
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  /// What Lua says about a chunk; `line` is 0 when it names none.
  struct Problem {
    std::string message;
    int line = 0;
  };
  using FunctionId = int;

  /// Runs `chunk`, which must return a function, and keeps that function.
  [[nodiscard]] tl::expected<FunctionId, Problem> load(const std::string& chunk);

  /// Calls it; its first value as JSON.
  [[nodiscard]] tl::expected<Json, Problem> call(FunctionId function, std::span<const expressions::Reading> arguments);

  void release(FunctionId function);

  /// Bytes that Lua holds now, garbage included.
  [[nodiscard]] std::size_t memory_in_use() const;

 private:
  struct Memory {
    std::size_t used = 0;
    std::size_t limit = kMaxBytes;
    std::size_t made = 0;
  };
  static void* allocate(void* memory, void* block, std::size_t old_size, std::size_t new_size);

  bool open();
  [[nodiscard]] Problem take_problem(int status);

  mutable std::mutex mutex_;  ///< Guards all below.
  Memory memory_;
  lua_State* lua_ = nullptr;
  bool functions_changed_ = true;  ///< What the functions hold must be measured again.
  std::size_t held_ = 0;
};

}  // namespace saga::workflows
