#include "workflows/expressions/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "workflows/expressions/path.h"

namespace saga::workflows::expressions {
namespace {

// Registry keys of the metatables: their addresses.
const char kObjectProxy = 0;
const char kArrayProxy = 0;
const char kBigProxy = 0;

const Json& proxied(lua_State* lua, int index) { return **static_cast<const Json**>(lua_touserdata(lua, index)); }

void push_proxy(lua_State* lua, const Json& value, const void* metatable) {
  *static_cast<const Json**>(lua_newuserdatauv(lua, sizeof(const Json*), 0)) = &value;
  lua_rawgetp(lua, LUA_REGISTRYINDEX, metatable);
  lua_setmetatable(lua, -2);
}

int index_object(lua_State* lua) {
  if (lua_type(lua, 2) != LUA_TSTRING) return 0;
  std::size_t size = 0;
  const char* name = lua_tolstring(lua, 2, &size);
  push_json(lua, member(proxied(lua, 1), std::string_view(name, size)));
  return 1;
}

int index_array(lua_State* lua) {
  int exact = 0;
  const lua_Integer place = lua_type(lua, 2) == LUA_TNUMBER ? lua_tointegerx(lua, 2, &exact) : 0;
  if (exact == 0) return 0;
  push_json(lua, member(proxied(lua, 1), std::int64_t{place}));
  return 1;
}

int length_of_array(lua_State* lua) {
  lua_pushinteger(lua, static_cast<lua_Integer>(proxied(lua, 1).size()));
  return 1;
}

int equal(lua_State* lua) {
  const bool both = lua_type(lua, 1) == LUA_TUSERDATA && lua_type(lua, 2) == LUA_TUSERDATA;
  if (both) {
    const Json& left = proxied(lua, 1);
    const Json& right = proxied(lua, 2);
    lua_pushboolean(lua, static_cast<int>(&left == &right || left == right));
  } else {
    lua_pushboolean(lua, 0);
  }
  return 1;
}

int refuse_write(lua_State* lua) { return luaL_error(lua, "what an expression reads cannot be changed"); }

int refuse_big(lua_State* lua) {
  const int big = lua_type(lua, 1) == LUA_TUSERDATA && proxied(lua, 1).is_number() ? 1 : 2;
  push_text(lua, big);
  return luaL_error(lua, "%s is over 9223372036854775807, the largest integer that can be computed with",
                    lua_tostring(lua, -1));
}

int nil_index(lua_State*) { return 0; }

void set(lua_State* lua, const char* event, lua_CFunction function) {
  lua_pushcfunction(lua, function);
  lua_setfield(lua, -2, event);
}

void new_metatable(lua_State* lua, const char* name) {
  lua_newtable(lua);
  lua_pushstring(lua, name);
  lua_setfield(lua, -2, "__name");
  set(lua, "__eq", equal);
  set(lua, "__newindex", refuse_write);
}

class Reader {
 public:
  explicit Reader(lua_State* lua) : lua_(lua) {}

  /// `room`: how many further containers may stand inside each other here.
  std::optional<Json> read(int index, std::size_t room) {
    switch (lua_type(lua_, index)) {
      case LUA_TNIL:
        return Json(nullptr);
      case LUA_TBOOLEAN:
        return Json(lua_toboolean(lua_, index) != 0);
      case LUA_TNUMBER:
        return number(index);
      case LUA_TSTRING:
        return string(index);
      case LUA_TUSERDATA:
        return proxy(proxied(lua_, index), room);
      case LUA_TTABLE:
        return table(index, room);
      default:
        return refuse(fmt::format("a {} is not a JSON value", luaL_typename(lua_, index)));
    }
  }

  [[nodiscard]] std::string take_problem() { return std::move(problem_); }

 private:
  std::nullopt_t refuse(std::string problem) {
    problem_ = std::move(problem);
    return std::nullopt;
  }

  bool spend(std::size_t bytes) {
    spent_ += bytes;
    if (spent_ <= kMaxValueBytes) return true;
    problem_ = "the value is larger than 4 MB";
    return false;
  }

  std::optional<Json> number(int index) {
    if (lua_isinteger(lua_, index) != 0) return Json(std::int64_t{lua_tointeger(lua_, index)});
    const double value = lua_tonumber(lua_, index);
    if (std::isnan(value)) return refuse("the result is not a number (NaN), which JSON cannot hold");
    if (std::isinf(value)) return refuse("the result is infinite, which JSON cannot hold");
    return Json(value);
  }

  std::optional<std::string> text(int index) {
    std::size_t size = 0;
    const char* bytes = lua_tolstring(lua_, index, &size);
    if (!spend(size)) return std::nullopt;
    if (!is_utf8({bytes, size})) return refuse("a string is not valid UTF-8 (string.sub counts bytes)");
    return std::string(bytes, size);
  }

  std::optional<Json> string(int index) {
    auto read = text(index);
    if (!read) return std::nullopt;
    return Json(std::move(*read));
  }

  std::optional<Json> proxy(const Json& value, std::size_t room) {
    if (!spend(approximate_size(value, kMaxValueBytes))) return std::nullopt;
    if (depth_of(value, room) > room) return too_deep();
    return value;
  }

  std::nullopt_t too_deep() { return refuse(fmt::format("the value is nested deeper than {} levels", kMaxJsonDepth)); }

  std::optional<Json> table(int index, std::size_t room) {
    if (room == 0) return too_deep();
    if (lua_checkstack(lua_, 4) == 0) return refuse("the value is nested too deeply");
    index = lua_absindex(lua_, index);
    std::size_t places = 0;
    std::size_t names = 0;
    for (lua_pushnil(lua_); lua_next(lua_, index) != 0; lua_pop(lua_, 1)) {
      if (lua_type(lua_, -2) == LUA_TSTRING) {
        ++names;
      } else if (lua_isinteger(lua_, -2) != 0 && lua_tointeger(lua_, -2) >= 1) {
        ++places;
      } else {
        lua_pop(lua_, 2);
        return refuse("a table has a key that is neither a name nor a place from 1, which JSON cannot hold");
      }
    }
    if (!spend(32 + 16 * (places + names))) return std::nullopt;
    if (places > 0 && names > 0)
      return refuse("a table has both names and places, which is neither a JSON object nor an array");
    return places > 0 ? array(index, places, room) : object(index, room);
  }

  std::optional<Json> array(int index, std::size_t places, std::size_t room) {
    Json array = Json::array();
    for (std::size_t i = 1; i <= places; ++i) {
      if (lua_rawgeti(lua_, index, static_cast<lua_Integer>(i)) == LUA_TNIL) {
        lua_pop(lua_, 1);
        return refuse(fmt::format("a list has nothing (nil) at place {}, but something after it", i));
      }
      auto element = read(-1, room - 1);
      lua_pop(lua_, 1);
      if (!element) return std::nullopt;
      array.push_back(std::move(*element));
    }
    return array;
  }

  std::optional<Json> object(int index, std::size_t room) {
    Json object = Json::object();
    for (lua_pushnil(lua_); lua_next(lua_, index) != 0; lua_pop(lua_, 1)) {
      auto name = text(-2);
      auto value = name ? read(-1, room - 1) : std::nullopt;
      if (!value) {
        lua_pop(lua_, 2);
        return std::nullopt;
      }
      object.emplace(std::move(*name), std::move(*value));
    }
    return object;
  }

  lua_State* lua_;
  std::size_t spent_ = 0;
  std::string problem_;
};

void add_size(const Json& value, std::size_t enough, std::size_t& size) {
  size += sizeof(Json);
  if (const auto* text = value.get_ptr<const std::string*>()) {
    size += text->size();
  } else if (const auto* array = value.get_ptr<const Json::array_t*>()) {
    for (auto at = array->begin(); at != array->end() && size <= enough; ++at) add_size(*at, enough, size);
  } else if (const auto* object = value.get_ptr<const Json::object_t*>()) {
    for (auto at = object->begin(); at != object->end() && size <= enough; ++at) {
      size += sizeof(std::string) + at->first.size();
      add_size(at->second, enough, size);
    }
  }
}

tl::expected<std::string, std::string> json_text(lua_State* lua, int index) {
  if (lua_type(lua, index) == LUA_TUSERDATA) return dump_json(proxied(lua, index));
  auto value = to_json(lua, index);
  if (!value) return tl::unexpected<std::string>(std::move(value.error()));
  return dump_json(*value);
}

}  // namespace

void install_proxies(lua_State* lua) {
  new_metatable(lua, "JSON object");
  set(lua, "__index", index_object);
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &kObjectProxy);

  new_metatable(lua, "JSON array");
  set(lua, "__index", index_array);
  set(lua, "__len", length_of_array);
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &kArrayProxy);

  new_metatable(lua, "integer over 63 bits");
  for (const char* event : {"__add", "__sub", "__mul", "__div", "__idiv", "__mod", "__pow", "__unm", "__band", "__bor",
                            "__bxor", "__bnot", "__shl", "__shr", "__lt", "__le"}) {
    set(lua, event, refuse_big);
  }
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &kBigProxy);

  lua_pushnil(lua);
  lua_newtable(lua);
  set(lua, "__index", nil_index);
  lua_setmetatable(lua, -2);
  lua_pop(lua, 1);
}

void push_json(lua_State* lua, const Json* value) {
  using Type = Json::value_t;
  switch (value == nullptr ? Type::null : value->type()) {
    case Type::boolean:
      lua_pushboolean(lua, static_cast<int>(*value->get_ptr<const bool*>()));
      return;
    case Type::number_integer:
      lua_pushinteger(lua, *value->get_ptr<const std::int64_t*>());
      return;
    case Type::number_unsigned: {
      const std::uint64_t number = *value->get_ptr<const std::uint64_t*>();
      if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        push_proxy(lua, *value, &kBigProxy);
      } else {
        lua_pushinteger(lua, static_cast<lua_Integer>(number));
      }
      return;
    }
    case Type::number_float:
      lua_pushnumber(lua, *value->get_ptr<const double*>());
      return;
    case Type::string: {
      const auto& text = *value->get_ptr<const std::string*>();
      lua_pushlstring(lua, text.data(), text.size());
      return;
    }
    case Type::object:
      push_proxy(lua, *value, &kObjectProxy);
      return;
    case Type::array:
      push_proxy(lua, *value, &kArrayProxy);
      return;
    case Type::null:
    case Type::binary:
    case Type::discarded:
      lua_pushnil(lua);
      return;
  }
}

tl::expected<Json, std::string> to_json(lua_State* lua, int index) {
  Reader reader(lua);
  auto value = reader.read(index, kMaxJsonDepth);
  if (value) return std::move(*value);
  return tl::unexpected<std::string>(reader.take_problem());
}

void push_text(lua_State* lua, int index) {
  const int type = lua_type(lua, index);
  if (type == LUA_TUSERDATA || type == LUA_TTABLE) {
    const auto text = json_text(lua, index);
    const std::string& what = text ? *text : text.error();
    lua_pushlstring(lua, what.data(), what.size());
    if (!text) lua_error(lua);
    return;
  }
  if (type == LUA_TFUNCTION) luaL_error(lua, "a function has no text");
  luaL_tolstring(lua, index, nullptr);
}

std::size_t approximate_size(const Json& value, std::size_t enough) {
  std::size_t size = 0;
  add_size(value, enough, size);
  return size;
}

std::size_t depth_of(const Json& value, std::size_t enough) {
  if (!value.is_structured()) return 0;
  std::size_t deepest = 0;
  if (enough == 0) return 1;
  for (const Json& element : value) {
    deepest = std::max(deepest, depth_of(element, enough - 1));
    if (deepest >= enough) break;
  }
  return deepest + 1;
}

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
  const auto follows = [&](std::size_t at) { return (byte(at) & 0xC0U) == 0x80U; };
  while (i < text.size()) {
    const unsigned lead = byte(i);
    if (lead < 0x80) {
      ++i;
    } else if (lead >= 0xC2 && lead <= 0xDF && follows(i + 1)) {
      i += 2;
    } else if (lead >= 0xE0 && lead <= 0xEF && follows(i + 1) && follows(i + 2) &&
               !(lead == 0xE0 && byte(i + 1) < 0xA0) && !(lead == 0xED && byte(i + 1) > 0x9F)) {
      i += 3;
    } else if (lead >= 0xF0 && lead <= 0xF4 && follows(i + 1) && follows(i + 2) && follows(i + 3) &&
               !(lead == 0xF0 && byte(i + 1) < 0x90) && !(lead == 0xF4 && byte(i + 1) > 0x8F)) {
      i += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace saga::workflows::expressions
