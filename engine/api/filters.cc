#include "engine/api/filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/api/names.h"
#include "engine/core/state.h"

namespace saga::api {
namespace {

using core::SagaStatus;

constexpr std::array<std::string_view, 8> kFilterKeys{"workflow", "status", "needs_attention", "step",
                                                      "code",     "tag",    "since",           "until"};
constexpr std::array<std::string_view, 10> kListKeys{"workflow", "status", "needs_attention", "step",   "code",
                                                     "tag",      "since",  "until",           "cursor", "limit"};
constexpr std::array<SagaStatus, 8> kStatuses{SagaStatus::kPending,   SagaStatus::kRunning,   SagaStatus::kCompensating,
                                              SagaStatus::kSuspended, SagaStatus::kCompleted, SagaStatus::kCompensated,
                                              SagaStatus::kFailed,    SagaStatus::kTerminated};

/// Cursors of this form; another form is another letter.
constexpr char kCursorForm = 'a';

Checked<std::vector<std::string>> read_statuses(const Query& query) {
  std::vector<std::string> statuses;
  for (const std::string& value : query.all("status")) {
    for (std::string_view rest = value; !rest.empty();) {
      const std::string_view name = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
      const bool known =
          std::any_of(kStatuses.begin(), kStatuses.end(), [&](SagaStatus s) { return core::to_string(s) == name; });
      if (!known) {
        std::vector<std::string_view> names;
        for (const SagaStatus status : kStatuses) names.push_back(core::to_string(status));
        return tl::unexpected(does_not_fit_parameter(
            "status", fmt::format("no status is named {}{}", quote(name), suggestion(name, names))));
      }
      statuses.emplace_back(name);
    }
  }
  return statuses;
}

Checked<store::ListFilter> read_filter(const Query& query, Timestamp now) {
  store::ListFilter filter;
  if (const auto text = query.first("workflow")) {
    auto name = parse_workflow_name(*text);
    if (!name) return tl::unexpected(does_not_fit_parameter("workflow", name.error().message));
    filter.workflow = std::move(name->name);
    filter.version = name->version;
  }
  auto statuses = read_statuses(query);
  if (!statuses) return tl::unexpected(std::move(statuses.error()));
  filter.statuses = std::move(*statuses);
  if (const auto text = query.first("needs_attention")) {
    if (*text != "true" && *text != "false") {
      return tl::unexpected(
          does_not_fit_parameter("needs_attention", fmt::format("expected true or false, but it is {}", quote(*text))));
    }
    filter.needs_attention = *text == "true";
  }
  filter.stuck_step = query.first("step");
  filter.stuck_code = query.first("code");
  for (const std::string& tag : query.all("tag")) {
    const std::size_t equals = tag.find('=');
    if (equals == std::string::npos || equals == 0) {
      return tl::unexpected(does_not_fit_parameter("tag", fmt::format("expected KEY=VALUE, but it is {}", quote(tag))));
    }
    filter.tags.emplace_back(tag.substr(0, equals), tag.substr(equals + 1));
  }
  auto since = read_time(query, "since", now);
  if (!since) return tl::unexpected(std::move(since.error()));
  auto until = read_time(query, "until", now);
  if (!until) return tl::unexpected(std::move(until.error()));
  filter.since = *since;
  filter.until = *until;
  return filter;
}

}  // namespace

Checked<std::optional<Timestamp>> read_time(const Query& query, const std::string& name, Timestamp now) {
  const auto text = query.first(name);
  if (!text) return std::optional<Timestamp>{};
  if (const auto time = parse_time(*text)) return std::optional(*time);
  if (const auto ago = parse_duration(*text)) return std::optional(now - *ago);
  return tl::unexpected(does_not_fit_parameter(
      name, fmt::format("expected a time such as 2026-01-31T12:00:00Z or a duration such as 24h, but it is {}",
                        quote(*text))));
}

Checked<PageRequest> read_page(const Query& query) {
  PageRequest page;
  if (const auto cursor = query.first("cursor")) {
    page.before = read_cursor(*cursor);
    if (!page.before) {
      return tl::unexpected(does_not_fit_parameter(
          "cursor", fmt::format("expected the next_cursor of an earlier list, but it is {}", quote(*cursor))));
    }
  }
  if (const auto limit = query.first("limit")) {
    const auto number = parse_version(*limit);
    if (!number || *number > static_cast<std::int64_t>(kMaxLimit)) {
      return tl::unexpected(does_not_fit_parameter(
          "limit", fmt::format("expected a whole number from 1 to {}, but it is {}", kMaxLimit, quote(*limit))));
    }
    page.limit = static_cast<std::size_t>(*number);
  }
  return page;
}

Checked<store::ListFilter> read_filter(std::string_view text, Timestamp now) {
  const auto query = Query::parse(text, kFilterKeys);
  if (!query) return tl::unexpected(query.error());
  return read_filter(*query, now);
}

Checked<ListRequest> read_list_request(std::string_view text, Timestamp now) {
  const auto query = Query::parse(text, kListKeys);
  if (!query) return tl::unexpected(query.error());
  ListRequest request;
  auto filter = read_filter(*query, now);
  if (!filter) return tl::unexpected(std::move(filter.error()));
  request.filter = std::move(*filter);
  auto page = read_page(*query);
  if (!page) return tl::unexpected(std::move(page.error()));
  static_cast<PageRequest&>(request) = *page;
  return request;
}

std::string make_cursor(store::SagaKey last_shown) { return fmt::format("{}{:x}", kCursorForm, last_shown); }

std::optional<store::SagaKey> read_cursor(std::string_view cursor) {
  if (cursor.size() < 2 || cursor.front() != kCursorForm) return std::nullopt;
  store::SagaKey key = 0;
  const auto [end, error] = std::from_chars(cursor.data() + 1, cursor.data() + cursor.size(), key, 16);
  if (error != std::errc{} || end != cursor.data() + cursor.size() || key < 1) return std::nullopt;
  return key;
}

}  // namespace saga::api
