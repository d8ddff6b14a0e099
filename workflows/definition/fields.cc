#include "workflows/definition/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "workflows/definition/suggest.h"

namespace saga::workflows {
namespace {

struct Home {
  std::string_view key;
  std::string_view owner;
};

/// Where a key belongs that stands somewhere else. Keys that several mappings have are told by the nearest one.
constexpr Home kHomes[] = {
    {"version", "the workflow"},
    {"description", "the workflow"},
    {"deadline", "the workflow"},
    {"input_schema", "the workflow"},
    {"defaults", "the workflow"},
    {"steps", "the workflow"},
    {"output", "the workflow"},
    {"on_compensation_failure", "the workflow"},
    {"service", "a step"},
    {"url", "a step"},
    {"action", "a step"},
    {"compensation", "a step"},
    {"total_timeout", "a step"},
    {"when", "a step"},
    {"pivot", "a step"},
    {"on_failure", "a step"},
    {"error_code", "a step"},
    {"parallel", "a step"},
    {"wait", "a step"},
    {"signal", "a step"},
    {"saga", "a step"},
    {"timeout", "a step or in 'defaults'"},
    {"retry", "a step or in 'defaults'"},
    {"compensation_retry", "a step or in 'defaults'"},
    {"method", "'action' or 'compensation'"},
    {"path", "'action' or 'compensation'"},
    {"headers", "'action' or 'compensation'"},
    {"accept", "'action' or 'compensation'"},
    {"input", "a step or in a 'compensation'"},
    {"max_attempts", "'retry' or 'compensation_retry'"},
    {"initial_interval", "'retry' or 'compensation_retry'"},
    {"multiplier", "'retry' or 'compensation_retry'"},
    {"max_interval", "'retry' or 'compensation_retry'"},
    {"jitter", "'retry' or 'compensation_retry'"},
    {"non_retryable", "'retry' or 'compensation_retry'"},
};

/// What other tools call it.
struct Habit {
  std::string_view theirs;
  std::string_view ours;
};
constexpr Habit kHabits[] = {
    {"tasks", "steps"},
    {"activities", "steps"},
    {"stages", "steps"},
    {"undo", "compensation"},
    {"rollback", "compensation"},
    {"revert", "compensation"},
    {"condition", "when"},
    {"if", "when"},
    {"body", "input"},
    {"payload", "input"},
    {"schema", "input_schema"},
    {"id", "name"},
    {"endpoint", "path"},
    {"attempts", "max_attempts"},
    {"backoff", "multiplier"},
    {"on_error", "on_failure"},
    {"sleep", "wait"},
    {"delay", "wait"},
    {"branches", "parallel"},
    {"event", "signal"},
    {"await", "signal"},
    {"child", "saga"},
    {"workflow", "saga"},
    {"subworkflow", "saga"},
};

std::string_view meant_by(std::string_view key, std::span<const std::string_view> known) {
  for (const Habit& habit : kHabits) {
    if (habit.theirs == key && std::find(known.begin(), known.end(), habit.ours) != known.end()) return habit.ours;
  }
  return nearest(key, known);
}

std::string unknown_key(std::string_view key, std::string_view owner, std::span<const std::string_view> known,
                        std::span<const Misplaced> misplaced) {
  const std::string has = fmt::format("{} has {}", owner, list_of(known));
  for (const Misplaced& one : misplaced) {
    if (one.key == key) return fmt::format("'{}' has no place in {}: {} ({})", key, owner, one.why, has);
  }
  for (const Home& home : kHomes) {
    if (home.key == key) return fmt::format("unknown key {}: it belongs in {}; {}", quote(key), home.owner, has);
  }
  const std::string_view meant = meant_by(key, known);
  if (!meant.empty()) return fmt::format("unknown key {}: did you mean '{}'? ({})", quote(key), meant, has);
  return fmt::format("unknown key {}: {}", quote(key), has);
}

}  // namespace

void check_keys(const Node& map, std::string_view owner, std::span<const std::string_view> known, Problems& problems,
                std::span<const Misplaced> misplaced) {
  std::size_t unknown = 0;
  for (const Node::Entry& entry : map.entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    if (++unknown > Problems::kMost) return;  // Nobody is shown more, and a suggestion takes time.
    problems.add(entry.position, unknown_key(entry.key, owner, known, misplaced));
  }
}

void refuse_value(const Node& node, std::string_view key, std::string_view expected, Problems& problems) {
  problems.add(node.position, fmt::format("'{}' must be {}, but it is {}", key, expected, describe(node)));
}

bool require_map(const Node& node, std::string_view key, std::string_view expected, Problems& problems) {
  if (!node.is_map()) refuse_value(node, key, expected, problems);
  return node.is_map();
}

std::optional<std::string> read_text(const Node& node, std::string_view key, Problems& problems) {
  if (node.is_string()) return node.text();
  const bool quotable = node.kind == Node::Kind::kScalar && !node.scalar.is_null();
  problems.add(node.position, fmt::format("'{}' must be a text, but it is {}{}", key, describe(node),
                                          quotable ? ": write it in quotes" : ""));
  return std::nullopt;
}

std::optional<bool> read_bool(const Node& node, std::string_view key, Problems& problems) {
  if (node.kind == Node::Kind::kScalar && node.scalar.is_boolean()) return node.scalar.get<bool>();
  refuse_value(node, key, "true or false", problems);
  return std::nullopt;
}

std::optional<std::int64_t> read_whole(const Node& node, std::string_view key, std::int64_t low, std::int64_t high,
                                       Problems& problems) {
  const bool whole = node.kind == Node::Kind::kScalar && node.scalar.is_number_integer();
  const bool too_large = whole && node.scalar.is_number_unsigned() &&
                         node.scalar.get<std::uint64_t>() > static_cast<std::uint64_t>(kNoLargest);
  if (whole && !too_large) {
    const auto value = node.scalar.get<std::int64_t>();
    if (value >= low && value <= high) return value;
  }
  refuse_value(node, key,
               high == kNoLargest ? fmt::format("a whole number, at least {}", low)
                                  : fmt::format("a whole number from {} to {}", low, high),
               problems);
  return std::nullopt;
}

std::optional<double> read_number(const Node& node, std::string_view key, double low, double high, Problems& problems) {
  if (node.kind == Node::Kind::kScalar && node.scalar.is_number()) {
    const auto value = node.scalar.get<double>();
    if (value >= low && value <= high) return value;
  }
  refuse_value(
      node, key,
      high == kNoHighest ? fmt::format("a number, at least {}", low) : fmt::format("a number from {} to {}", low, high),
      problems);
  return std::nullopt;
}

std::optional<Millis> read_duration(const Node& node, std::string_view key, Problems& problems) {
  if (!node.is_string()) {
    refuse_value(node, key, "a duration such as 250ms, 2s or 1h30m", problems);
    return std::nullopt;
  }
  auto duration = parse_duration(node.text());
  if (duration) return *duration;
  problems.add(node.position, fmt::format("'{}': {}", key, duration.error().message));
  return std::nullopt;
}

std::optional<std::size_t> read_choice(const Node& node, std::string_view key,
                                       std::span<const std::string_view> choices, Problems& problems) {
  if (node.is_string()) {
    const auto found = std::find(choices.begin(), choices.end(), node.text());
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  }
  refuse_value(node, key, "one of " + list_of(choices), problems);
  return std::nullopt;
}

bool fits(std::string_view name, const NamePattern& pattern) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (name.empty() || (pattern.most != 0 && name.size() > pattern.most)) return false;
  if (!is_letter(name.front()) && !(pattern.may_begin_with_digit && is_digit(name.front()))) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return is_letter(c) || is_digit(c) || pattern.besides.find(c) != std::string_view::npos;
  });
}

std::optional<std::string> read_name(const Node& node, std::string_view key, const NamePattern& pattern,
                                     Problems& problems) {
  auto name = read_text(node, key, problems);
  if (!name || fits(*name, pattern)) return name;
  const std::string most = pattern.most == 0 ? "" : fmt::format(", at most {} characters", pattern.most);
  refuse_value(node, key, fmt::format("a name of the form {}{}", pattern.shown, most), problems);
  return std::nullopt;
}

}  // namespace saga::workflows
