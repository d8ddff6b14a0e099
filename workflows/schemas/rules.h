// A compiled schema: what `compile_schema` makes of JSON and `check_value` reads. A tree but for `$ref`, which points
// anywhere within the same `Tree`.
#pragma once

#include <re2/re2.h>

#include <cstddef>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "workflows/schemas/formats.h"

namespace saga::workflows::schemas {

/// Types as bits. `integer` is a number without a fraction: 1.0 is one.
enum Type : unsigned {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kNumber = 8,
  kString = 16,
  kArray = 32,
  kObject = 64,
};

/// A count that a length, or a number of elements or members, must lie in.
struct CountRange {
  std::size_t least = 0;
  std::size_t most = std::numeric_limits<std::size_t>::max();
};

struct Rules;

struct Pattern {
  std::string source;  ///< As the schema says it.
  std::unique_ptr<const re2::RE2> compiled;
};

struct NumberRules {
  std::optional<Json> minimum;
  std::optional<Json> maximum;
  std::optional<Json> exclusive_minimum;
  std::optional<Json> exclusive_maximum;
  std::optional<Json> multiple_of;
};

struct StringRules {
  CountRange length;  ///< In code points.
  std::optional<Pattern> pattern;
  std::optional<Format> format;
};

struct ArrayRules {
  std::vector<const Rules*> tuple;  ///< `items` as a list.
  const Rules* others = nullptr;    ///< `items` as one schema, or `additionalItems` after a tuple.
  const Rules* contains = nullptr;
  CountRange count;
  bool unique = false;
};

struct Dependency {
  std::string property;
  std::vector<std::string> required;
  const Rules* rules = nullptr;
};

struct ObjectRules {
  std::vector<std::string> required;
  std::vector<std::pair<std::string, const Rules*>> properties;  ///< In the order of their names.
  std::vector<std::pair<Pattern, const Rules*>> pattern_properties;
  const Rules* others = nullptr;  ///< `additionalProperties`.
  const Rules* names = nullptr;   ///< `propertyNames`.
  std::vector<Dependency> dependencies;
  CountRange count;
};

/// Schemas that the same value is held against.
struct Combination {
  std::vector<const Rules*> all_of;
  std::vector<const Rules*> any_of;
  std::vector<const Rules*> one_of;
  const Rules* none_of = nullptr;  ///< `not`.
  const Rules* condition = nullptr;
  const Rules* consequence = nullptr;
  const Rules* alternative = nullptr;
};

/// One schema. What does not concern a value's type is passed over.
struct Rules {
  std::string place;                 ///< JSON Pointer into the schema.
  bool never = false;                ///< The schema `false`.
  const Rules* reference = nullptr;  ///< `$ref`: nothing else is looked at, as draft 7 says.
  unsigned types = 0;                ///< Bits of `Type`; 0 allows all.
  std::optional<Json> constant;
  std::optional<std::vector<Json>> enumeration;
  NumberRules number;
  StringRules string;
  ArrayRules array;
  ObjectRules object;
  Combination combination;
};

/// Owns its rules; addresses in it hold for as long as it lives.
struct Tree {
  std::deque<Rules> rules;
  const Rules* root = nullptr;
};

}  // namespace saga::workflows::schemas
