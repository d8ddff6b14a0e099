#include "workflows/expressions/sandbox.h"

#include <fmt/format.h>

#include <cstdlib>
#include <lua.hpp>
#include <optional>
#include <utility>

#include "base/check.h"
#include "workflows/expressions/analysis.h"
#include "workflows/expressions/values.h"

namespace saga::workflows {
namespace {

using expressions::Reading;

const char kEnvironment = 0;  // Registry key: its address.

void stop_runaway(lua_State* lua, lua_Debug*) {
  luaL_error(lua, "it ran for more than %d instructions", Sandbox::kMaxInstructions);
}

int tostring(lua_State* lua) {
  luaL_checkany(lua, 1);
  expressions::push_text(lua, 1);
  return 1;
}

/// `%p` would show an address, and `%s` of a table too.
int format(lua_State* lua) {
  std::size_t size = 0;
  const char* pattern = luaL_checklstring(lua, 1, &size);
  for (std::size_t i = 0; i < size; ++i) {
    if (pattern[i] != '%') continue;
    for (++i; i < size && std::string_view("-+ #.0123456789").find(pattern[i]) != std::string_view::npos;) ++i;
    if (i < size && pattern[i] == 'p') return luaL_error(lua, "string.format has no '%%p' here");
  }
  for (int i = 2; i <= lua_gettop(lua); ++i) {
    const int type = lua_type(lua, i);
    if (type != LUA_TTABLE && type != LUA_TUSERDATA && type != LUA_TFUNCTION) continue;
    expressions::push_text(lua, i);
    lua_replace(lua, i);
  }
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

/// Leaves a table with those members of the library on top of the stack that `names` has.
void open_library(lua_State* lua, lua_CFunction library, const std::vector<std::string_view>& names) {
  lua_pushcfunction(lua, library);
  lua_call(lua, 0, 1);
  lua_newtable(lua);
  for (const std::string_view name : names) {
    lua_pushlstring(lua, name.data(), name.size());
    lua_pushvalue(lua, -1);
    const int type = lua_gettable(lua, -4);
    SAGA_CHECK(type != LUA_TNIL, "Lua's own libraries to have what we name");
    lua_settable(lua, -3);
  }
  lua_remove(lua, -2);
}

/// Fills the environment of all expressions. Runs protected: it allocates.
int furnish(lua_State* lua) {
  expressions::install_proxies(lua);
  lua_newtable(lua);

  open_library(lua, luaopen_string, expressions::string_functions());
  lua_getfield(lua, -1, "format");
  lua_pushcclosure(lua, format, 1);
  lua_setfield(lua, -2, "format");
  lua_pushliteral(lua, "");  // Strings answer to methods through the metatable that luaopen_string gave them.
  lua_getmetatable(lua, -1);
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 2);
  lua_setfield(lua, -2, "string");

  open_library(lua, luaopen_math, expressions::math_members());
  lua_setfield(lua, -2, "math");

  lua_pushcfunction(lua, tostring);
  lua_setfield(lua, -2, "tostring");
  open_library(lua, luaopen_base, {"tonumber"});
  lua_getfield(lua, -1, "tonumber");
  lua_setfield(lua, -3, "tonumber");
  lua_pop(lua, 1);
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &kEnvironment);

  // luaopen_base filled the state's globals, which no chunk sees; emptied, so that nothing leans on it.
  lua_newtable(lua);
  lua_rawseti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  return 0;
}

struct LoadRequest {
  const std::string* chunk;
  int function = LUA_NOREF;
};

int load_protected(lua_State* lua) {
  auto& request = *static_cast<LoadRequest*>(lua_touserdata(lua, 1));
  if (luaL_loadbufferx(lua, request.chunk->data(), request.chunk->size(), "=e", "t") != LUA_OK) return lua_error(lua);
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &kEnvironment);
  lua_setupvalue(lua, -2, 1);
  lua_call(lua, 0, 1);
  luaL_checktype(lua, -1, LUA_TFUNCTION);
  request.function = luaL_ref(lua, LUA_REGISTRYINDEX);
  return 0;
}

struct CallRequest {
  Sandbox::FunctionId function;
  std::span<const Reading> arguments;
  tl::expected<Json, std::string> result;
};

int call_protected(lua_State* lua) {
  auto& request = *static_cast<CallRequest*>(lua_touserdata(lua, 1));
  lua_rawgeti(lua, LUA_REGISTRYINDEX, request.function);
  luaL_checkstack(lua, static_cast<int>(request.arguments.size()) + 8, nullptr);
  for (const Reading& argument : request.arguments) expressions::push_json(lua, argument.json());
  lua_call(lua, static_cast<int>(request.arguments.size()), 1);
  request.result = expressions::to_json(lua, -1);
  return 0;
}

/// Lua quotes what it read, escapes undone and cut at any byte: made fit to be stored and shown, on one line.
void make_readable(std::string& message) {
  const bool whole = expressions::is_utf8(message);
  for (char& c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = ' ';
    if (!whole && byte >= 0x80) c = '?';
  }
}

/// Runs `function` with `request` as its argument, all errors caught. Leaves the error on the stack.
int run(lua_State* lua, lua_CFunction function, void* request) {
  lua_sethook(lua, stop_runaway, LUA_MASKCOUNT, Sandbox::kMaxInstructions);
  lua_pushcfunction(lua, function);
  lua_pushlightuserdata(lua, request);
  return lua_pcall(lua, 1, 0, 0);
}

}  // namespace

std::shared_ptr<Sandbox> make_sandbox() { return std::make_shared<Sandbox>(); }

Sandbox::~Sandbox() {
  if (lua_ != nullptr) lua_close(lua_);
}

void* Sandbox::allocate(void* memory, void* block, std::size_t old_size, std::size_t new_size) {
  auto& account = *static_cast<Memory*>(memory);
  if (block == nullptr) old_size = 0;  // Lua passes the kind of the new object there.
  if (new_size == 0) {
    std::free(block);
    account.used -= old_size;
    return nullptr;
  }
  if (new_size > old_size) {
    account.made += new_size - old_size;
    if (account.made > kMaxBytesMade || account.used + (new_size - old_size) > account.limit) return nullptr;
  }
  void* moved = std::realloc(block, new_size);
  if (moved != nullptr) account.used = account.used - old_size + new_size;
  return moved;
}

bool Sandbox::open() {
  if (lua_ != nullptr) return true;
  memory_.limit = kMaxBytes;
  lua_ = lua_newstate(allocate, &memory_);
  if (lua_ == nullptr) return false;
  if (run(lua_, furnish, nullptr) == LUA_OK) return true;
  lua_close(std::exchange(lua_, nullptr));
  return false;
}

Sandbox::Problem Sandbox::take_problem(int status) {
  Problem problem;
  if (status == LUA_ERRMEM) {
    problem.message = memory_.made > kMaxBytesMade ? "it makes more than 64 MB of values" : "it needs more than 4 MB";
  } else if (status == LUA_ERRRUN && lua_type(lua_, -1) == LUA_TSTRING) {
    std::size_t size = 0;
    const char* text = lua_tolstring(lua_, -1, &size);
    problem.message.assign(text, size);
    // "e:12: …": the line is for the caller, who knows what stands there.
    if (problem.message.starts_with("e:")) {
      const auto colon = problem.message.find(": ");
      if (colon != std::string::npos) {
        problem.line = std::atoi(problem.message.c_str() + 2);
        problem.message.erase(0, colon + 2);
      }
    }
  } else {
    problem.message = "it ran out of the process's memory";
  }
  make_readable(problem.message);
  lua_settop(lua_, 0);
  lua_gc(lua_, LUA_GCCOLLECT);
  return problem;
}

tl::expected<Sandbox::FunctionId, Sandbox::Problem> Sandbox::load(const std::string& chunk) {
  const std::lock_guard lock(mutex_);
  if (!open()) return tl::unexpected<Problem>({"there is no memory for Lua", 0});
  functions_changed_ = true;
  memory_.limit = memory_.used + kMaxBytes;
  memory_.made = 0;
  LoadRequest request{&chunk};
  const int status = run(lua_, load_protected, &request);
  if (status != LUA_OK) return tl::unexpected<Problem>(take_problem(status));
  return request.function;
}

tl::expected<Json, Sandbox::Problem> Sandbox::call(FunctionId function, std::span<const Reading> arguments) {
  const std::lock_guard lock(mutex_);
  SAGA_CHECK(lua_ != nullptr, "a function to be loaded before it is called");
  if (functions_changed_) {
    lua_gc(lua_, LUA_GCCOLLECT);
    held_ = memory_.used;
    functions_changed_ = false;
  }
  memory_.limit = held_ + kMaxBytes;
  memory_.made = 0;
  CallRequest request{function, arguments, Json()};
  const int status = run(lua_, call_protected, &request);
  if (status != LUA_OK) return tl::unexpected<Problem>(take_problem(status));
  if (!request.result) return tl::unexpected<Problem>({std::move(request.result.error()), 0});
  return std::move(*request.result);
}

void Sandbox::release(FunctionId function) {
  const std::lock_guard lock(mutex_);
  if (lua_ == nullptr) return;
  luaL_unref(lua_, LUA_REGISTRYINDEX, function);
  functions_changed_ = true;
}

std::size_t Sandbox::memory_in_use() const {
  const std::lock_guard lock(mutex_);
  return memory_.used;
}

}  // namespace saga::workflows
