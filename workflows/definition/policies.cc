#include "workflows/definition/policies.h"

#include <array>
#include <limits>
#include <utility>

#include "workflows/definition/fields.h"

namespace saga::workflows {
namespace {

constexpr std::array<std::string_view, 3> kDefaultsKeys{"timeout", "retry", "compensation_retry"};
constexpr std::array<std::string_view, 6> kRetryKeys{"max_attempts", "initial_interval", "multiplier",
                                                     "max_interval", "jitter",           "non_retryable"};

std::vector<std::string> read_codes(const Node& node, Problems& problems) {
  constexpr std::string_view kExpected = "a list of codes or statuses, such as [card_declined, 402]";
  std::vector<std::string> codes;
  if (!node.is_list()) {
    refuse_value(node, "non_retryable", kExpected, problems);
    return codes;
  }
  for (const Node& item : node.items) {
    if (item.is_string() && !item.text().empty()) {
      codes.push_back(item.text());
    } else if (item.kind == Node::Kind::kScalar && item.scalar.is_number_integer()) {
      if (const auto status = read_whole(item, "non_retryable", 100, 599, problems)) {
        codes.push_back(std::to_string(*status));
      }
    } else {
      refuse_value(item, "non_retryable", kExpected, problems);
    }
  }
  return codes;
}

}  // namespace

RetryPolicy read_retry(const Node& node, std::string_view key, RetryPolicy base, Problems& problems) {
  if (!require_map(node, key, "a mapping such as { max_attempts: 3 }", problems)) return base;
  check_keys(node, "'" + std::string(key) + "'", kRetryKeys, problems);
  if (const Node* value = node.find("max_attempts")) {
    const auto read = read_whole(*value, "max_attempts", 1, std::numeric_limits<int>::max(), problems);
    if (read) base.max_attempts = static_cast<int>(*read);
  }
  if (const Node* value = node.find("initial_interval")) {
    base.initial_interval = read_duration(*value, "initial_interval", problems).value_or(base.initial_interval);
  }
  if (const Node* value = node.find("multiplier")) {
    base.multiplier = read_number(*value, "multiplier", 1, kNoHighest, problems).value_or(base.multiplier);
  }
  if (const Node* value = node.find("max_interval")) {
    base.max_interval = read_duration(*value, "max_interval", problems).value_or(base.max_interval);
  }
  if (const Node* value = node.find("jitter")) {
    base.jitter = read_number(*value, "jitter", 0, 1, problems).value_or(base.jitter);
  }
  if (const Node* value = node.find("non_retryable")) base.non_retryable = read_codes(*value, problems);
  return base;
}

Policies read_defaults(const Node& defaults, Problems& problems) {
  Policies policies;
  if (!require_map(defaults, "defaults", "a mapping with timeout, retry or compensation_retry", problems))
    return policies;
  check_keys(defaults, "'defaults'", kDefaultsKeys, problems);
  if (const Node* value = defaults.find("timeout")) {
    policies.timeout = read_duration(*value, "timeout", problems).value_or(policies.timeout);
  }
  if (const Node* value = defaults.find("retry")) {
    policies.retry = read_retry(*value, "retry", std::move(policies.retry), problems);
  }
  if (const Node* value = defaults.find("compensation_retry")) {
    policies.compensation_retry =
        read_retry(*value, "compensation_retry", std::move(policies.compensation_retry), problems);
  }
  return policies;
}

}  // namespace saga::workflows
