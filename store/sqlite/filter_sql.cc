#include "store/sqlite/filter_sql.h"

namespace saga::store::sqlite {
namespace {

bool asks_for_stuck(const ListFilter& filter) { return filter.stuck_step || filter.stuck_code; }

/// Completes a WHERE over `stuck p`, and closes its parenthesis: step and code are of one place.
void add_place(Sql& sql, const ListFilter& filter) {
  if (filter.stuck_step) sql.add(" AND p.step = ?").bind(*filter.stuck_step);
  if (filter.stuck_code) sql.add(" AND p.code = ?").bind(*filter.stuck_code);
  sql.add(")");
}

void add_statuses(Sql& sql, const std::vector<std::string>& statuses) {
  sql.add(" AND s.status IN (");
  for (std::size_t i = 0; i < statuses.size(); ++i) sql.add(i == 0 ? "?" : ",?").bind(statuses[i]);
  sql.add(")");
}

}  // namespace

Sql& Sql::add(std::string_view text) {
  text_ += text;
  return *this;
}

Sql& Sql::bind(std::int64_t value) {
  values_.emplace_back(value);
  return *this;
}

Sql& Sql::bind(std::string value) {
  values_.emplace_back(std::move(value));
  return *this;
}

void Sql::bind_to(Statement& statement) const {
  int parameter = 1;
  for (const auto& value : values_) {
    if (const auto* const number = std::get_if<std::int64_t>(&value)) {
      statement.bind(parameter++, *number);
    } else {
      statement.bind(parameter++, std::string_view(std::get<std::string>(value)));
    }
  }
}

WayIn way_into(const ListFilter& filter) {
  if (!filter.tags.empty()) return WayIn::kTag;
  if (asks_for_stuck(filter)) return WayIn::kStuck;
  if (filter.needs_attention.value_or(false)) return WayIn::kAttention;
  if (filter.workflow || !filter.statuses.empty()) return WayIn::kStatus;
  return WayIn::kKey;
}

void add_source(Sql& sql, const ListFilter& filter, WayIn way, const std::optional<WorkflowStatus>& stream,
                const KeyRange& range) {
  switch (way) {
    case WayIn::kTag:
      sql.add(" FROM tags t CROSS JOIN sagas s ON s.key = t.saga WHERE t.name = ?").bind(filter.tags[0].first);
      sql.add(" AND t.value = ?").bind(filter.tags[0].second);
      sql.add(" AND t.saga >= ?").bind(range.from);
      if (range.below) sql.add(" AND t.saga < ?").bind(*range.below);
      break;
    case WayIn::kStuck:
      sql.add(" FROM sagas s WHERE s.key IN (SELECT p.saga FROM stuck p WHERE 1");
      add_place(sql, filter);
      break;
    case WayIn::kAttention:
      sql.add(" FROM sagas s INDEXED BY sagas_attention WHERE s.needs_attention = 1");
      break;
    case WayIn::kStatus:
      sql.add(stream ? " FROM sagas s INDEXED BY sagas_status WHERE 1" : " FROM sagas s WHERE 1");
      break;
    case WayIn::kKey:
      sql.add(" FROM sagas s NOT INDEXED WHERE 1");
      break;
  }
  if (way != WayIn::kTag) {
    sql.add(" AND s.key >= ?").bind(range.from);
    if (range.below) sql.add(" AND s.key < ?").bind(*range.below);
  }
  if (stream) {
    sql.add(" AND s.workflow = ?").bind(stream->workflow);
    sql.add(" AND s.status = ?").bind(stream->status);
  } else {
    if (filter.workflow) sql.add(" AND s.workflow = ?").bind(*filter.workflow);
    if (!filter.statuses.empty()) add_statuses(sql, filter.statuses);
  }
  if (filter.version) sql.add(" AND s.version = ?").bind(*filter.version);
  if (filter.needs_attention && way != WayIn::kAttention) {
    sql.add(*filter.needs_attention ? " AND s.needs_attention = 1" : " AND s.needs_attention = 0");
  }
  if (asks_for_stuck(filter) && way != WayIn::kStuck) {
    sql.add(" AND EXISTS(SELECT 1 FROM stuck p WHERE p.saga = s.key");
    add_place(sql, filter);
  }
  for (std::size_t i = way == WayIn::kTag ? 1 : 0; i < filter.tags.size(); ++i) {
    sql.add(" AND EXISTS(SELECT 1 FROM tags o WHERE o.name = ?").bind(filter.tags[i].first);
    sql.add(" AND o.value = ?").bind(filter.tags[i].second);
    sql.add(" AND o.saga = s.key)");
  }
  if (filter.since) sql.add(" AND s.created_at >= ?").bind(filter.since->ms);
  if (filter.until) sql.add(" AND s.created_at < ?").bind(filter.until->ms);
}

bool only_workflow_and_status(const ListFilter& filter) {
  return !filter.version && !filter.needs_attention && !asks_for_stuck(filter) && filter.tags.empty() &&
         !filter.since && !filter.until;
}

}  // namespace saga::store::sqlite
