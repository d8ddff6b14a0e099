// JSON into Lua and back. Objects and arrays enter as read-only proxies that point into the caller's JSON; what comes
// out is a copy. All functions here may raise a Lua error unless they say otherwise.
#pragma once

#include <lua.hpp>

#include <cstddef>
#include <string>

#include "base/json.h"

namespace saga::workflows::expressions {

/// What one evaluation may build, in bytes as `approximate_size` counts them.
inline constexpr std::size_t kMaxValueBytes = 4 * 1024 * 1024;

/// Prepares `lua` for proxies, and gives nil its answer to being read into: nil. Once, before anything else here.
void install_proxies(lua_State* lua);

/// Pushes `value`; null for nil. Integers over 63 bits are proxies too: they keep their value, but do not compute.
void push_json(lua_State* lua, const Json* value);

/// The value at `index` as JSON. Tables: 1, 2, … n become an array, names an object; the empty table is an object.
/// The error says what JSON cannot hold. Raises no Lua error.
[[nodiscard]] tl::expected<Json, std::string> to_json(lua_State* lua, int index);

/// Pushes the text of the value at `index` as `tostring` gives it; objects, arrays and tables as JSON, so that no
/// address is ever seen.
void push_text(lua_State* lua, int index);

/// About what `value` takes in memory. Stops counting once past `enough`.
[[nodiscard]] std::size_t approximate_size(const Json& value, std::size_t enough);

/// How many containers stand inside each other; 0 for a scalar. Stops counting past `enough`.
[[nodiscard]] std::size_t depth_of(const Json& value, std::size_t enough);

[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace saga::workflows::expressions
