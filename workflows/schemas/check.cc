#include "workflows/schemas/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "workflows/schemas/numbers.h"

namespace saga::workflows::schemas {
namespace {

/// Where in the value the check is; a chain on the stack, written out only for a violation.
struct Place {
  const Place* parent = nullptr;
  const std::string* name = nullptr;  ///< Null: an element of an array.
  std::size_t index = 0;

  [[nodiscard]] std::string pointer() const {
    if (parent == nullptr) return "";
    std::string text = parent->pointer() + "/";
    if (name == nullptr) return text + std::to_string(index);
    for (const char c : *name) {
      if (c == '~') {
        text += "~0";
      } else if (c == '/') {
        text += "~1";
      } else {
        text += c;
      }
    }
    return text;
  }
};

unsigned types_of(const Json& value) {
  if (value.is_number()) return is_integral(value) ? kInteger | kNumber : kNumber;
  if (value.is_string()) return kString;
  if (value.is_object()) return kObject;
  if (value.is_array()) return kArray;
  return value.is_boolean() ? kBoolean : kNull;
}

std::string_view type_name(const Json& value) {
  if (value.is_number()) return is_integral(value) ? "integer" : "number";
  return value.type_name();
}

std::string type_names(unsigned types) {
  std::vector<std::string_view> names;
  constexpr std::pair<unsigned, std::string_view> kNames[] = {
      {kNull, "null"},     {kBoolean, "boolean"}, {kInteger, "integer"}, {kNumber, "number"},
      {kString, "string"}, {kArray, "array"},     {kObject, "object"}};
  for (const auto& [type, name] : kNames) {
    if ((types & type) != 0) names.push_back(name);
  }
  return fmt::format("{}", fmt::join(names, " or "));
}

std::string shortened(const Json& value) {
  std::string text = dump_json(value);
  constexpr std::size_t kLongest = 60;
  if (text.size() <= kLongest) return text;
  std::size_t cut = kLongest - 3;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;  // Not inside a character.
  return text.substr(0, cut) + "...";
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool matches(std::string_view text, const Pattern& pattern) {
  return re2::RE2::PartialMatch({text.data(), text.size()}, *pattern.compiled);
}

class Check {
 public:
  /// `checks` is shared by all checks of one value.
  Check(std::size_t most, std::size_t& checks) : most_(most), checks_(checks) {}

  void hold(const Rules& rules, const Json& value, const Place& place) {
    if (is_over() || !spend()) return;
    if (rules.never) return add(place, "nothing is allowed here");
    if (rules.reference != nullptr) return hold(*rules.reference, value, place);
    const unsigned types = types_of(value);
    if (rules.types != 0 && (rules.types & types) == 0) {
      return add(place, fmt::format("expected {}, but it is {}", type_names(rules.types), type_name(value)));
    }
    constants(rules, value, place);
    if ((types & kNumber) != 0) number(rules.number, value, place);
    if (types == kString) string(rules.string, value.get_ref<const std::string&>(), place);
    if (types == kArray) array(rules.array, value.get_ref<const Json::array_t&>(), place);
    if (types == kObject) object(rules.object, value, value.get_ref<const Json::object_t&>(), place);
    combination(rules.combination, value, place);
  }

  [[nodiscard]] std::vector<SchemaViolation>& violations() { return violations_; }

 private:
  [[nodiscard]] bool is_over() const { return violations_.size() >= most_; }

  /// False once there have been too many checks; every check is then given up.
  bool spend() { return checks_ < kMaxChecks && ++checks_ > 0; }

  void add(const Place& place, std::string message) {
    if (!is_over()) violations_.push_back({place.pointer(), std::move(message)});
  }

  /// The first violation, if there is one.
  std::optional<SchemaViolation> first_violation(const Rules& rules, const Json& value, const Place& place) {
    Check check(1, checks_);
    check.hold(rules, value, place);
    if (check.violations_.empty()) return std::nullopt;
    return std::move(check.violations_.front());
  }
  bool fits(const Rules& rules, const Json& value, const Place& place) { return !first_violation(rules, value, place); }

  void constants(const Rules& rules, const Json& value, const Place& place) {
    if (rules.constant && !same_value(*rules.constant, value)) {
      add(place, fmt::format("expected {}, but it is {}", shortened(*rules.constant), shortened(value)));
    }
    if (!rules.enumeration) return;
    const auto& allowed = *rules.enumeration;
    checks_ = std::min(kMaxChecks, checks_ + allowed.size());
    if (std::any_of(allowed.begin(), allowed.end(), [&](const Json& one) { return same_value(one, value); })) return;
    std::string list;
    for (std::size_t i = 0; i < std::min<std::size_t>(allowed.size(), 10); ++i)
      list += (i == 0 ? "" : ", ") + shortened(allowed[i]);
    if (allowed.size() > 10) list += ", ...";
    add(place, fmt::format("expected one of {}, but it is {}", list, shortened(value)));
  }

  void number(const NumberRules& rules, const Json& value, const Place& place) {
    const auto refuse = [&](std::string_view what, const Json& bound) {
      add(place, fmt::format("expected a number {} {}, but it is {}", what, dump_json(bound), dump_json(value)));
    };
    if (rules.minimum && compare_numbers(value, *rules.minimum) < 0) refuse("of at least", *rules.minimum);
    if (rules.maximum && compare_numbers(value, *rules.maximum) > 0) refuse("of at most", *rules.maximum);
    if (rules.exclusive_minimum && compare_numbers(value, *rules.exclusive_minimum) <= 0)
      refuse("over", *rules.exclusive_minimum);
    if (rules.exclusive_maximum && compare_numbers(value, *rules.exclusive_maximum) >= 0)
      refuse("under", *rules.exclusive_maximum);
    if (rules.multiple_of && !is_multiple_of(value, *rules.multiple_of))
      refuse("that is a multiple of", *rules.multiple_of);
  }

  void count(const CountRange& range, std::size_t size, std::string_view what, const Place& place) {
    if (size < range.least)
      add(place, fmt::format("expected at least {} {}, but there are {}", range.least, what, size));
    if (size > range.most) add(place, fmt::format("expected at most {} {}, but there are {}", range.most, what, size));
  }

  void string(const StringRules& rules, const std::string& text, const Place& place) {
    count(rules.length, code_points(text), "characters", place);
    if (rules.pattern && !matches(text, *rules.pattern)) {
      add(place, fmt::format("{} does not match the pattern '{}'", shortened(Json(text)), rules.pattern->source));
    }
    if (rules.format && !has_format(text, *rules.format)) {
      add(place, fmt::format("expected {}, but it is {}", name_of(*rules.format), shortened(Json(text))));
    }
  }

  void array(const ArrayRules& rules, const Json::array_t& elements, const Place& place) {
    count(rules.count, elements.size(), "elements", place);
    for (std::size_t i = 0; i < elements.size() && !is_over(); ++i) {
      const Rules* element = i < rules.tuple.size() ? rules.tuple[i] : rules.others;
      if (element == nullptr) break;
      hold(*element, elements[i], Place{&place, nullptr, i});
    }
    if (rules.contains != nullptr) {
      bool found = false;
      for (std::size_t i = 0; i < elements.size() && !found; ++i)
        found = fits(*rules.contains, elements[i], Place{&place, nullptr, i});
      if (!found) add(place, fmt::format("no element fits what 'contains' asks for ({})", rules.contains->place));
    }
    if (rules.unique) unique(elements, place);
  }

  void unique(const Json::array_t& elements, const Place& place) {
    std::unordered_multimap<std::size_t, std::size_t> seen;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const std::size_t hash = hash_value(elements[i]);
      const auto [first, last] = seen.equal_range(hash);
      for (auto at = first; at != last; ++at) {
        if (!spend()) return;
        if (same_value(elements[at->second], elements[i])) {
          return add(place, fmt::format("expected unique elements, but {} and {} are equal", at->second, i));
        }
      }
      seen.emplace(hash, i);
    }
  }

  void object(const ObjectRules& rules, const Json& whole, const Json::object_t& members, const Place& place) {
    count(rules.count, members.size(), "properties", place);
    for (const std::string& name : rules.required) {
      if (!members.contains(name)) add(place, fmt::format("required property '{}' is missing", name));
    }
    for (const Dependency& dependency : rules.dependencies) {
      if (!members.contains(dependency.property)) continue;
      for (const std::string& name : dependency.required) {
        if (!members.contains(name))
          add(place, fmt::format("with property '{}' there must be '{}', which is missing", dependency.property, name));
      }
      if (dependency.rules != nullptr) hold(*dependency.rules, whole, place);
    }
    for (const auto& [name, content] : members) {
      if (is_over()) return;
      member(rules, name, content, Place{&place, &name, 0});
    }
  }

  void member(const ObjectRules& rules, const std::string& name, const Json& content, const Place& place) {
    if (rules.names != nullptr) {
      if (const auto problem = first_violation(*rules.names, Json(name), place))
        add(place, fmt::format("as a name: {}", problem->message));
    }
    const auto property =
        std::lower_bound(rules.properties.begin(), rules.properties.end(), name,
                         [](const auto& entry, const std::string& wanted) { return entry.first < wanted; });
    bool known = property != rules.properties.end() && property->first == name;
    if (known) hold(*property->second, content, place);
    for (const auto& [pattern, pattern_rules] : rules.pattern_properties) {
      if (!spend()) return;
      if (!matches(name, pattern)) continue;
      known = true;
      hold(*pattern_rules, content, place);
    }
    if (known || rules.others == nullptr) return;
    if (!rules.others->never) return hold(*rules.others, content, place);
    std::vector<std::string_view> names;
    for (const auto& entry : rules.properties) names.emplace_back(entry.first);
    add(place, names.empty() || names.size() > 20
                   ? fmt::format("property '{}' is not allowed", name)
                   : fmt::format("property '{}' is not allowed; there may be {}", name, fmt::join(names, ", ")));
  }

  void combination(const Combination& rules, const Json& value, const Place& place) {
    for (const Rules* one : rules.all_of) hold(*one, value, place);
    if (!rules.any_of.empty()) any_of(rules.any_of, value, place);
    if (!rules.one_of.empty()) one_of(rules.one_of, value, place);
    if (rules.none_of != nullptr && fits(*rules.none_of, value, place)) {
      add(place, fmt::format("fits what 'not' excludes ({})", rules.none_of->place));
    }
    if (rules.condition != nullptr) {
      const Rules* next = fits(*rules.condition, value, place) ? rules.consequence : rules.alternative;
      if (next != nullptr) hold(*next, value, place);
    }
  }

  void any_of(const std::vector<const Rules*>& several, const Json& value, const Place& place) {
    std::string why;
    for (const Rules* one : several) {
      const auto problem = first_violation(*one, value, place);
      if (!problem) return;
      add_reason(why, *problem);
    }
    add(place, fmt::format("fits none of the {} alternatives: {}", several.size(), why));
  }

  void one_of(const std::vector<const Rules*>& several, const Json& value, const Place& place) {
    std::string why;
    const Rules* fitting = nullptr;
    for (const Rules* one : several) {
      if (const auto problem = first_violation(*one, value, place)) {
        add_reason(why, *problem);
      } else if (fitting != nullptr) {
        return add(place, fmt::format("fits both {} and {}, expected exactly one", fitting->place, one->place));
      } else {
        fitting = one;
      }
    }
    if (fitting == nullptr) add(place, fmt::format("fits none of the {} alternatives: {}", several.size(), why));
  }

  static void add_reason(std::string& why, const SchemaViolation& problem) {
    constexpr std::size_t kLongest = 300;
    if (why.size() > kLongest) return;
    if (!why.empty()) why += "; or ";
    if (!problem.pointer.empty()) why += problem.pointer + ": ";
    why += problem.message;
  }

  std::size_t most_;
  std::size_t& checks_;
  std::vector<SchemaViolation> violations_;
};

}  // namespace

std::vector<SchemaViolation> check_value(const Rules& rules, const Json& value, std::size_t most) {
  std::size_t checks = 0;
  Check check(most, checks);
  check.hold(rules, value, Place{});
  if (checks >= kMaxChecks)
    return {{"", fmt::format("the schema needs more than {} checks for this value", kMaxChecks)}};
  return std::move(check.violations());
}

}  // namespace saga::workflows::schemas
