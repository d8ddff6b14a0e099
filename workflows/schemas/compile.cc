#include "workflows/schemas/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "workflows/schemas/numbers.h"

namespace saga::workflows::schemas {
namespace {

constexpr std::array<std::pair<std::string_view, unsigned>, 7> kTypes = {{{"null", kNull},
                                                                          {"boolean", kBoolean},
                                                                          {"integer", kInteger},
                                                                          {"number", kNumber},
                                                                          {"string", kString},
                                                                          {"array", kArray},
                                                                          {"object", kObject}}};

std::string pointer_to(const std::string& place, std::string_view key) {
  std::string pointer = place + "/";
  for (const char c : key) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

/// The part of `document` that `pointer` leads to; null if it leads nowhere.
const Json* find(const Json& document, std::string_view pointer) {
  const Json* at = &document;
  while (!pointer.empty()) {
    if (pointer[0] != '/') return nullptr;
    pointer.remove_prefix(1);
    const auto end = std::min(pointer.find('/'), pointer.size());
    std::string token;
    for (std::size_t i = 0; i < end; ++i) {
      const bool escape = pointer[i] == '~' && i + 1 < end;
      token += !escape ? pointer[i] : pointer[++i] == '1' ? '/' : '~';
    }
    pointer.remove_prefix(end);
    if (const auto* object = at->get_ptr<const Json::object_t*>()) {
      const auto member = object->find(token);
      if (member == object->end()) return nullptr;
      at = &member->second;
    } else if (const auto* array = at->get_ptr<const Json::array_t*>()) {
      std::size_t index = 0;
      const auto [stopped, error] = std::from_chars(token.data(), token.data() + token.size(), index);
      if (error != std::errc() || stopped != token.data() + token.size() || index >= array->size()) return nullptr;
      at = &(*array)[index];
    } else {
      return nullptr;
    }
  }
  return at;
}

class Compiler {
 public:
  explicit Compiler(const Json& document) : document_(document) {}

  Result<Tree> run() {
    tree_.root = rules_for(document_, "");
    while (!waiting_.empty() && problem_.empty()) {
      const Waiting next = std::move(waiting_.back());
      waiting_.pop_back();
      read(*next.schema, *next.rules);
    }
    if (problem_.empty()) check_chains();
    if (!problem_.empty()) return fail(ErrorCode::kInvalid, std::move(problem_));
    return std::move(tree_);
  }

 private:
  struct Waiting {
    const Json* schema;
    Rules* rules;
  };

  void refuse(const std::string& place, std::string_view message) {
    if (problem_.empty()) problem_ = fmt::format("{}: {}", place.empty() ? "the schema" : place, message);
  }
  void expect(const std::string& place, std::string_view expected, const Json& came) {
    refuse(place, fmt::format("expected {}, but it is {}", expected, came.type_name()));
  }

  /// The rules of `schema`, read later; the same for the same schema.
  const Rules* rules_for(const Json& schema, std::string place) {
    auto& rules = known_[&schema];
    if (rules == nullptr) {
      rules = &tree_.rules.emplace_back();
      rules->place = std::move(place);
      waiting_.push_back({&schema, rules});
    }
    return rules;
  }

  const Json* keyword(const Json& schema, const char* name) {
    const auto found = schema.find(name);
    return found == schema.end() ? nullptr : &*found;
  }

  void read(const Json& schema, Rules& rules) {
    if (schema.is_boolean()) {
      rules.never = !schema.get<bool>();
      return;
    }
    if (!schema.is_object()) return expect(rules.place, "a schema (an object, true or false)", schema);
    read_identity(schema, rules);
    read_definitions(schema, rules);
    if (const Json* reference = keyword(schema, "$ref")) return read_reference(*reference, rules);
    read_types(schema, rules);
    if (const Json* constant = keyword(schema, "const")) rules.constant = *constant;
    if (const Json* values = keyword(schema, "enum")) {
      if (!values->is_array()) return expect(rules.place + "/enum", "an array", *values);
      rules.enumeration = values->get<std::vector<Json>>();
    }
    read_number_rules(schema, rules);
    read_string_rules(schema, rules);
    read_array_rules(schema, rules);
    read_object_rules(schema, rules);
    read_combination(schema, rules);
  }

  void read_identity(const Json& schema, Rules& rules) {
    if (const Json* dialect = keyword(schema, "$schema")) {
      if (!dialect->is_string()) return expect(rules.place + "/$schema", "a string", *dialect);
      std::string_view uri = dialect->get_ref<const std::string&>();
      if (uri.ends_with('#')) uri.remove_suffix(1);
      if (!uri.ends_with("://json-schema.org/draft-07/schema") &&
          !uri.ends_with("://json-schema.org/draft-06/schema")) {
        return refuse(rules.place + "/$schema", fmt::format("only draft 7 is understood "
                                                            "(http://json-schema.org/draft-07/schema#), not '{}'",
                                                            uri));
      }
    }
    if (const Json* id = keyword(schema, "$id"); id != nullptr && &schema != &document_) {
      refuse(rules.place + "/$id",
             "only the schema as a whole may have an '$id'; refer to a part by its place, as in "
             "'#/definitions/NAME'");
    }
  }

  void read_definitions(const Json& schema, Rules& rules) {
    const Json* definitions = keyword(schema, "definitions");
    if (definitions == nullptr) return;
    if (!definitions->is_object()) return expect(rules.place + "/definitions", "an object", *definitions);
    for (const auto& [name, definition] : definitions->items()) {
      rules_for(definition, pointer_to(rules.place + "/definitions", name));
    }
  }

  void read_reference(const Json& reference, Rules& rules) {
    const std::string place = rules.place + "/$ref";
    if (!reference.is_string()) return expect(place, "a string", reference);
    std::string_view uri = reference.get_ref<const std::string&>();
    const Json* id = keyword(document_, "$id");
    if (id != nullptr && id->is_string()) {  // The schema by its own name.
      std::string_view own = id->get_ref<const std::string&>();
      if (own.ends_with('#')) own.remove_suffix(1);
      if (!own.empty() && uri.starts_with(own)) uri.remove_prefix(own.size());
    }
    if (!uri.empty() && uri[0] != '#') {
      return refuse(
          place, fmt::format("only a reference within the schema, such as '#/definitions/NAME', is followed, not '{}'",
                             reference.get_ref<const std::string&>()));
    }
    const std::string pointer = uri.empty() ? "" : percent_decoded(uri.substr(1));
    const Json* target = find(document_, pointer);
    if (target == nullptr)
      return refuse(place, fmt::format("there is nothing at '{}'", reference.get_ref<const std::string&>()));
    rules.reference = rules_for(*target, pointer);
  }

  void read_types(const Json& schema, Rules& rules) {
    const Json* types = keyword(schema, "type");
    if (types == nullptr) return;
    const std::string place = rules.place + "/type";
    const auto add = [&](const Json& name) {
      const auto known =
          std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& type) { return name == type.first; });
      if (known == kTypes.end()) {
        return refuse(place,
                      fmt::format("expected null, boolean, integer, number, string, array or object, but it is {}",
                                  dump_json(name)));
      }
      rules.types |= known->second;
    };
    if (!types->is_array()) return add(*types);
    if (types->empty()) return refuse(place, "expected at least one type");
    for (const Json& type : *types) add(type);
  }

  void read_number_rules(const Json& schema, Rules& rules) {
    const auto take = [&](const char* name, std::optional<Json>& bound) {
      const Json* value = keyword(schema, name);
      if (value == nullptr) return;
      if (!value->is_number()) return expect(pointer_to(rules.place, name), "a number", *value);
      bound = *value;
    };
    take("minimum", rules.number.minimum);
    take("maximum", rules.number.maximum);
    take("exclusiveMinimum", rules.number.exclusive_minimum);
    take("exclusiveMaximum", rules.number.exclusive_maximum);
    take("multipleOf", rules.number.multiple_of);
    const auto& step = rules.number.multiple_of;
    if (step && compare_numbers(*step, Json(0)) <= 0) refuse(rules.place + "/multipleOf", "expected a number over 0");
  }

  void take_count(const Json& schema, const Rules& rules, const char* name, std::size_t& count) {
    const Json* value = keyword(schema, name);
    if (value == nullptr) return;
    const bool whole = value->is_number() && is_integral(*value) && compare_numbers(*value, Json(0)) >= 0;
    if (!whole)
      return refuse(pointer_to(rules.place, name),
                    fmt::format("expected a whole number from 0, but it is {}", dump_json(*value)));
    constexpr std::size_t kEnough = std::numeric_limits<std::size_t>::max() / 2;  // More than any value can have.
    count = compare_numbers(*value, Json(kEnough)) > 0 ? kEnough : value->get<std::size_t>();
  }

  std::optional<Pattern> pattern(const std::string& source, const std::string& place) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    Pattern result{source, std::make_unique<const re2::RE2>(pattern_for_re2(source), options)};
    if (!result.compiled->ok()) {
      refuse(place,
             fmt::format("'{}' is no pattern that is understood (RE2: no look-around and no back-references): {}",
                         source, result.compiled->error()));
      return std::nullopt;
    }
    return result;
  }

  void read_string_rules(const Json& schema, Rules& rules) {
    take_count(schema, rules, "minLength", rules.string.length.least);
    take_count(schema, rules, "maxLength", rules.string.length.most);
    if (const Json* source = keyword(schema, "pattern")) {
      if (!source->is_string()) return expect(rules.place + "/pattern", "a string", *source);
      rules.string.pattern = pattern(source->get_ref<const std::string&>(), rules.place + "/pattern");
    }
    if (const Json* name = keyword(schema, "format")) {
      if (!name->is_string()) return expect(rules.place + "/format", "a string", *name);
      rules.string.format = format_named(name->get_ref<const std::string&>());
    }
  }

  const Rules* sub(const Json& schema, const Rules& rules, const char* name) {
    const Json* found = keyword(schema, name);
    return found == nullptr ? nullptr : rules_for(*found, pointer_to(rules.place, name));
  }

  std::vector<const Rules*> list(const Json& schemas, const std::string& place) {
    std::vector<const Rules*> result;
    for (std::size_t i = 0; i < schemas.size(); ++i)
      result.push_back(rules_for(schemas[i], fmt::format("{}/{}", place, i)));
    return result;
  }

  void read_array_rules(const Json& schema, Rules& rules) {
    take_count(schema, rules, "minItems", rules.array.count.least);
    take_count(schema, rules, "maxItems", rules.array.count.most);
    rules.array.contains = sub(schema, rules, "contains");
    const Rules* additional = sub(schema, rules, "additionalItems");
    if (const Json* items = keyword(schema, "items")) {
      if (items->is_array()) {
        rules.array.tuple = list(*items, rules.place + "/items");
        rules.array.others = additional;
      } else {
        rules.array.others = rules_for(*items, rules.place + "/items");
      }
    }
    if (const Json* unique = keyword(schema, "uniqueItems")) {
      if (!unique->is_boolean()) return expect(rules.place + "/uniqueItems", "true or false", *unique);
      rules.array.unique = unique->get<bool>();
    }
  }

  std::vector<std::string> names(const Json& list, const std::string& place) {
    std::vector<std::string> result;
    const bool strings =
        list.is_array() && std::all_of(list.begin(), list.end(), [](const Json& name) { return name.is_string(); });
    if (!strings) {
      refuse(place, "expected an array of strings");
      return result;
    }
    for (const Json& name : list) result.push_back(name.get<std::string>());
    return result;
  }

  const Json* object_keyword(const Json& schema, const Rules& rules, const char* name) {
    const Json* found = keyword(schema, name);
    if (found == nullptr || found->is_object()) return found;
    expect(pointer_to(rules.place, name), "an object", *found);
    return nullptr;
  }

  void read_object_rules(const Json& schema, Rules& rules) {
    ObjectRules& object = rules.object;
    take_count(schema, rules, "minProperties", object.count.least);
    take_count(schema, rules, "maxProperties", object.count.most);
    object.others = sub(schema, rules, "additionalProperties");
    object.names = sub(schema, rules, "propertyNames");
    if (const Json* required = keyword(schema, "required"))
      object.required = names(*required, rules.place + "/required");
    if (const Json* properties = object_keyword(schema, rules, "properties")) {
      for (const auto& [name, property] : properties->items()) {
        object.properties.emplace_back(name, rules_for(property, pointer_to(rules.place + "/properties", name)));
      }
    }
    if (const Json* properties = object_keyword(schema, rules, "patternProperties")) {
      for (const auto& [source, property] : properties->items()) {
        const std::string place = pointer_to(rules.place + "/patternProperties", source);
        auto compiled = pattern(source, place);
        if (!compiled) return;
        object.pattern_properties.emplace_back(std::move(*compiled), rules_for(property, place));
      }
    }
    if (const Json* dependencies = object_keyword(schema, rules, "dependencies")) {
      for (const auto& [name, needed] : dependencies->items()) {
        const std::string place = pointer_to(rules.place + "/dependencies", name);
        Dependency dependency{name, {}, nullptr};
        if (needed.is_array()) {
          dependency.required = names(needed, place);
        } else {
          dependency.rules = rules_for(needed, place);
        }
        object.dependencies.push_back(std::move(dependency));
      }
    }
  }

  void read_combination(const Json& schema, Rules& rules) {
    const auto take = [&](const char* name, std::vector<const Rules*>& schemas) {
      const Json* found = keyword(schema, name);
      if (found == nullptr) return;
      const std::string place = pointer_to(rules.place, name);
      if (!found->is_array() || found->empty()) return expect(place, "an array of at least one schema", *found);
      schemas = list(*found, place);
    };
    take("allOf", rules.combination.all_of);
    take("anyOf", rules.combination.any_of);
    take("oneOf", rules.combination.one_of);
    rules.combination.none_of = sub(schema, rules, "not");
    rules.combination.condition = sub(schema, rules, "if");
    const Rules* consequence = sub(schema, rules, "then");
    const Rules* alternative = sub(schema, rules, "else");
    if (rules.combination.condition != nullptr) {
      rules.combination.consequence = consequence;
      rules.combination.alternative = alternative;
    }
  }

  /// The rules that the same value is held against when it is held against `rules`.
  static std::vector<const Rules*> for_the_same_value(const Rules& rules) {
    std::vector<const Rules*> next;
    const Combination& c = rules.combination;
    for (const auto* several : {&c.all_of, &c.any_of, &c.one_of})
      next.insert(next.end(), several->begin(), several->end());
    next.insert(next.end(), {rules.reference, c.none_of, c.condition, c.consequence, c.alternative});
    for (const Dependency& dependency : rules.object.dependencies) next.push_back(dependency.rules);
    std::erase(next, nullptr);
    return next;
  }

  /// Walks depth first, so that every chain is seen, and each of the rules once.
  void check_chains() {
    constexpr std::size_t kOpen = std::numeric_limits<std::size_t>::max();
    struct Frame {
      const Rules* rules;
      std::vector<const Rules*> next;
      std::size_t longest = 0;
    };
    std::unordered_map<const Rules*, std::size_t> length;
    for (const Rules& start : tree_.rules) {
      if (length.contains(&start)) continue;
      std::vector<Frame> path;
      path.push_back({&start, for_the_same_value(start)});
      length[&start] = kOpen;
      while (!path.empty()) {
        Frame& frame = path.back();
        if (frame.next.empty()) {
          const std::size_t done = frame.longest + 1;
          if (done > kMaxChain)
            return refuse(frame.rules->place,
                          fmt::format("one value is held against over {} schemas, one leading to the next", kMaxChain));
          length[frame.rules] = done;
          path.pop_back();
          if (!path.empty()) path.back().longest = std::max(path.back().longest, done);
          continue;
        }
        const Rules* next = frame.next.back();
        frame.next.pop_back();
        const auto known = length.find(next);
        if (known == length.end()) {
          length[next] = kOpen;
          path.push_back({next, for_the_same_value(*next)});
        } else if (known->second == kOpen) {
          return refuse(next->place, "a $ref leads back to itself, for the same value and so without end");
        } else {
          frame.longest = std::max(frame.longest, known->second);
        }
      }
    }
  }

  const Json& document_;
  Tree tree_;
  std::unordered_map<const Json*, Rules*> known_;
  std::vector<Waiting> waiting_;
  std::string problem_;  ///< The first one; nothing is read after it.
};

}  // namespace

Result<Tree> compile_schema(const Json& schema) { return Compiler(schema).run(); }

}  // namespace saga::workflows::schemas
