#include "store/sqlite/reader.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "store/family.h"
#include "store/sqlite/checksum.h"
#include "store/sqlite/journal_text.h"
#include "store/sqlite/remover.h"
#include "store/sqlite/tag_text.h"

namespace saga::store::sqlite {
namespace {

constexpr const char* kDoing = "reading";

/// In the order that `read_row` takes them.
constexpr const char* kColumns =
    "s.key, s.id, s.workflow, s.version, s.shard, s.status, s.ended, s.needs_attention, s.attention_since, "
    "s.stuck_places, "
    "s.created_at, s.updated_at, s.finished_at, s.wake_at, s.tags";

/// Entries of an index that are read in a few milliseconds.
constexpr std::int64_t kManyMatches = 20'000;

/// `id`: how a row's id is read. All else is in the index.
std::string due_query(const std::string& id) {
  return "SELECT key, " + id +
         ", wake_at FROM sagas INDEXED BY sagas_due WHERE shard = ?1 AND wake_at IS NOT NULL AND wake_at <= ?2 "
         "AND (wake_at, key) > (?3, ?4) ORDER BY wake_at, key LIMIT ?5";
}

/// More events than an append has: a row that says so is itself damaged.
constexpr std::int64_t kMostEvents = 10'000;

/// The events of a saga from `from` on, from its rows as they come. A row that cannot be read stands for all events
/// since the row before it: they were there.
class EventsOfRows {
 public:
  explicit EventsOfRows(SagaKey saga, std::int64_t from) : saga_(saga), from_(from), next_(from) {}

  /// `row`: (seq, events, checksum).
  void add(const Statement& row) {
    const std::int64_t last = row.integer(0);
    std::optional<std::vector<Record>> events = read_journal_text(row.text(1), last);
    if (!events) return add_unreadable(last);
    const bool damaged = !row.is_null(2) && row.integer(2) != checksum_of(saga_, *events);
    for (Record& event : *events) {
      event.damaged = damaged;
      if (event.seq >= from_) events_.push_back(std::move(event));
    }
    next_ = last + 1;
  }

  void add_unreadable(std::int64_t last) {
    for (next_ = std::max(next_, last - kMostEvents); next_ <= last; ++next_) {
      events_.push_back(Record{next_, {}, {}, {}, true});
    }
  }

  [[nodiscard]] std::vector<Record> take() { return std::move(events_); }

 private:
  const SagaKey saga_;
  const std::int64_t from_;
  std::int64_t next_;  ///< The first that no row has had yet.
  std::vector<Record> events_;
};

/// SQLite's LIMIT is signed.
std::int64_t as_limit(std::size_t limit) {
  return static_cast<std::int64_t>(std::min<std::size_t>(limit, std::numeric_limits<std::int64_t>::max()));
}

}  // namespace

Reader::~Reader() {  // Statements before their connection.
  run_ = {};
  notices_ = {};
}

Result<std::unique_ptr<Reader>> Reader::create(std::unique_ptr<Connection> connection) {
  std::unique_ptr<Reader> reader(new Reader(std::move(connection)));
  if (const Result<void> prepared = reader->prepare(); !prepared) return tl::unexpected(prepared.error());
  return reader;
}

Result<void> Reader::prepare() {
  const std::string columns = kColumns;
  const Result<void> prepared = connection_->prepare_all({
      {&run_.begin, "BEGIN"},
      {&run_.end, "ROLLBACK"},
      {&run_.key_of, "SELECT key FROM sagas WHERE id = ?1"},
      {&run_.by_key, "SELECT " + columns + " FROM sagas s WHERE s.key = ?1"},
      {&run_.stuck, "SELECT step, phase, code FROM stuck WHERE saga = ?1 ORDER BY place"},
      {&run_.load, "SELECT seq, events, checksum FROM journal WHERE saga = ?1 AND seq >= ?2 ORDER BY seq"},
      {&run_.row_places,
       "SELECT seq, n FROM journal INDEXED BY journal_of_saga WHERE saga = ?1 AND seq >= ?2 ORDER BY seq"},
      {&run_.row_at, "SELECT seq, events, checksum FROM journal WHERE n = ?1"},
      {&run_.due, due_query("id")},
      {&run_.due_keys, due_query("''")},
      {&run_.purged, "SELECT 1 FROM purged WHERE id = ?1"},
      {&run_.oldest,
       "SELECT key, ended, needs_attention, updated_at, created_at, id, workflow, version, status FROM sagas INDEXED "
       "BY "
       "sagas_created WHERE created_at < ?1 AND (created_at, key) > (?2, ?3) ORDER BY created_at, key LIMIT ?4"},
      {&run_.children, kChildren},
      {&run_.workflows, "SELECT name, version, content, source, registered_at FROM workflows ORDER BY name, version"},
  });
  if (!prepared) return prepared;
  return notices_.prepare(*connection_);
}

template <typename T, typename Work>
Result<T> Reader::in_snapshot(Work work) {
  if (const int code = run_.begin.run(); code != SQLITE_DONE) return tl::unexpected(connection_->error(code, kDoing));
  Result<T> result = work();
  if (connection_->in_transaction()) static_cast<void>(run_.end.run());
  return result;
}

template <typename Take>
Result<void> Reader::query(const Sql& sql, Take take) {
  Result<Statement> statement = connection_->prepare(sql.text());
  if (!statement) return tl::unexpected(statement.error());
  sql.bind_to(*statement);
  while (true) {
    const int code = statement->step();
    if (code == SQLITE_DONE) return {};
    if (code != SQLITE_ROW) return tl::unexpected(connection_->error(code, kDoing));
    if (Result<void> taken = take(*statement); !taken) return taken;
  }
}

// ---- one saga -------------------------------------------------------------------------------------------------------

Result<SagaRow> Reader::find(const std::string& id) {
  return in_snapshot<SagaRow>([&]() -> Result<SagaRow> {
    {
      const ResetAtEnd reset(run_.key_of);
      run_.key_of.bind(1, std::string_view(id));
      const int code = run_.key_of.step();
      if (code == SQLITE_DONE) return tl::unexpected(not_found(id));
      if (code != SQLITE_ROW) return tl::unexpected(connection_->error(code, kDoing));
      run_.by_key.bind(1, run_.key_of.integer(0));
    }
    // The row says itself whose it is: the index of ids may be damaged.
    Result<SagaRow> row = read_one(run_.by_key, fmt::format("saga '{}'", id));
    const bool missing = !row && row.error().code == ErrorCode::kNotFound;
    if (missing || (row && row->identity.id != id))
      return tl::unexpected(connection_->error(SQLITE_CORRUPT_INDEX, kDoing));
    return row;
  });
}

Error Reader::not_found(const std::string& id) {
  const std::string root = root_of(id);
  const ResetAtEnd reset(run_.purged);
  run_.purged.bind(1, std::string_view(root));
  const int code = run_.purged.step();
  if (code != SQLITE_ROW && code != SQLITE_DONE) return connection_->error(code, kDoing);
  const std::string purged = code == SQLITE_ROW ? fmt::format(": '{}' was purged", root) : "";
  return {ErrorCode::kNotFound, fmt::format("there is no saga '{}'{}", id, purged)};
}

Result<SagaRow> Reader::find(SagaKey key) {
  return in_snapshot<SagaRow>([&] {
    run_.by_key.bind(1, key);
    return read_one(run_.by_key, fmt::format("saga {}", key));
  });
}

Result<SagaRow> Reader::read_one(Statement& statement, const std::string& name) {
  const ResetAtEnd reset(statement);
  const int code = statement.step();
  if (code == SQLITE_DONE) return fail(ErrorCode::kNotFound, fmt::format("there is no {}", name));
  if (code != SQLITE_ROW) return tl::unexpected(connection_->error(code, kDoing));
  return read_row(statement);
}

Result<SagaRow> Reader::read_row(const Statement& statement) {
  SagaRow row;
  row.key = statement.integer(0);
  row.identity.id = statement.text(1);
  row.identity.workflow = statement.text(2);
  row.identity.version = statement.integer(3);
  row.identity.shard = static_cast<ShardId>(statement.integer(4));
  row.head.status = statement.text(5);
  row.head.ended = statement.integer(6) != 0;
  row.head.needs_attention = statement.integer(7) != 0;
  row.head.attention_since = statement.optional_time(8);
  const std::int64_t stuck_places = statement.integer(9);
  row.identity.created_at = statement.time(10);
  row.head.updated_at = statement.time(11);
  row.head.finished_at = statement.optional_time(12);
  row.head.wake_at = statement.optional_time(13);
  if (!statement.is_null(14)) {
    Result<Tags> tags = tags_from_text(statement.text(14));
    if (!tags) return fail(tags.error().code, fmt::format("saga '{}': {}", row.identity.id, tags.error().message));
    row.identity.tags = std::move(*tags);
  }
  if (stuck_places == 0) return row;

  const ResetAtEnd reset(run_.stuck);
  run_.stuck.bind(1, row.key);
  while (true) {
    const int code = run_.stuck.step();
    if (code == SQLITE_DONE) return row;
    if (code != SQLITE_ROW) return tl::unexpected(connection_->error(code, kDoing));
    row.head.stuck.push_back(Stuck{run_.stuck.text(0), run_.stuck.text(1), run_.stuck.text(2)});
  }
}

Result<std::vector<Record>> Reader::load(SagaKey saga, std::int64_t from_seq) {
  const ResetAtEnd reset(run_.load);
  run_.load.bind(1, saga);
  run_.load.bind(2, from_seq);
  EventsOfRows events(saga, from_seq);
  while (true) {
    const int code = run_.load.step();
    if (code == SQLITE_DONE) return events.take();
    if (code != SQLITE_ROW) {
      const Error error = connection_->error(code, kDoing);
      if (error.code != ErrorCode::kCorruption) return tl::unexpected(error);
      run_.load.reset();
      return load_what_is_left(saga, from_seq);
    }
    events.add(run_.load);
  }
}

Result<std::vector<Record>> Reader::load_what_is_left(SagaKey saga, std::int64_t from_seq) {
  return in_snapshot<std::vector<Record>>([&]() -> Result<std::vector<Record>> {
    const ResetAtEnd reset(run_.row_places);
    run_.row_places.bind(1, saga);
    run_.row_places.bind(2, from_seq);
    EventsOfRows events(saga, from_seq);
    while (true) {
      const int code = run_.row_places.step();
      if (code == SQLITE_DONE) return events.take();
      if (code != SQLITE_ROW) return tl::unexpected(connection_->error(code, kDoing));
      const std::int64_t seq = run_.row_places.integer(0);
      const ResetAtEnd reset_row(run_.row_at);
      run_.row_at.bind(1, run_.row_places.integer(1));
      if (run_.row_at.step() == SQLITE_ROW && run_.row_at.integer(0) == seq) {
        events.add(run_.row_at);
      } else {
        events.add_unreadable(seq);
      }
    }
  });
}

// ---- what a purge would take ----------------------------------------------------------------------------------------

Result<PurgePage> Reader::purgeable(const PurgeFilter& filter, std::optional<PurgeCursor> after, std::size_t scan) {
  return in_snapshot<PurgePage>([&]() -> Result<PurgePage> {
    const PurgeCursor start = after.value_or(PurgeCursor{{std::numeric_limits<std::int64_t>::min()}, 0});
    const ResetAtEnd reset(run_.oldest);
    Statement& row = run_.oldest;
    row.bind(1, filter.ended_before);
    row.bind(2, start.created_at);
    row.bind(3, start.key);
    row.bind(4, as_limit(scan));
    PurgePage page;
    for (std::size_t looked_at = 0;; ++looked_at) {
      const int code = row.step();
      if (code == SQLITE_DONE) {
        if (looked_at < scan) page.next.reset();
        return page;
      }
      if (code != SQLITE_ROW) return tl::unexpected(connection_->error(code, kDoing));
      page.next = PurgeCursor{row.time(4), row.integer(0)};
      const std::string id = row.text(5);
      if (is_child(id) || !may_go(row, filter.ended_before)) continue;
      if (filter.workflow && row.text(6) != *filter.workflow) continue;
      if (filter.version && row.integer(7) != *filter.version) continue;
      const auto& statuses = filter.statuses;
      if (!statuses.empty() && std::find(statuses.begin(), statuses.end(), row.text(8)) == statuses.end()) continue;
      const Result<std::size_t> sagas = purgeable_family(id, filter.ended_before);
      if (!sagas) return tl::unexpected(sagas.error());
      if (*sagas == 0) continue;
      page.roots.push_back(row.integer(0));
      page.sagas += *sagas;
    }
  });
}

Result<std::size_t> Reader::purgeable_family(const std::string& id, Timestamp ended_before) {
  const ResetAtEnd reset(run_.children);
  run_.children.bind(1, std::string_view(id));
  for (std::size_t sagas = 1;; ++sagas) {
    const int code = run_.children.step();
    if (code == SQLITE_DONE) return sagas;
    if (code != SQLITE_ROW) return tl::unexpected(connection_->error(code, kDoing));
    if (!may_go(run_.children, ended_before)) return 0U;
  }
}

Result<std::vector<Notice>> Reader::notices_due(std::size_t limit) {
  return in_snapshot<std::vector<Notice>>([&] { return notices_.read(limit); });
}

// ---- many sagas -----------------------------------------------------------------------------------------------------

Result<std::vector<DueSaga>> Reader::due(ShardId shard, Timestamp until, std::optional<DueCursor> after,
                                         std::size_t limit) {
  const DueCursor start = after.value_or(DueCursor{{std::numeric_limits<std::int64_t>::min()}, 0});
  Result<std::vector<DueSaga>> sagas = read_due(run_.due, shard, until, start, limit);
  if (sagas || sagas.error().code != ErrorCode::kCorruption) return sagas;
  return read_due(run_.due_keys, shard, until, start, limit);  // A row that cannot be read stops none of the others.
}

Result<std::vector<DueSaga>> Reader::read_due(Statement& statement, ShardId shard, Timestamp until,
                                              const DueCursor& after, std::size_t limit) {
  const ResetAtEnd reset(statement);
  statement.bind(1, std::int64_t{shard});
  statement.bind(2, until);
  statement.bind(3, after.wake_at);
  statement.bind(4, after.key);
  statement.bind(5, as_limit(limit));
  std::vector<DueSaga> sagas;
  while (true) {
    const int code = statement.step();
    if (code == SQLITE_DONE) return sagas;
    if (code != SQLITE_ROW) return tl::unexpected(connection_->error(code, kDoing));
    sagas.push_back(DueSaga{statement.integer(0), statement.text(1), statement.time(2)});
  }
}

Result<KeyRange> Reader::key_range(const ListFilter& filter, std::optional<SagaKey> before) {
  KeyRange range{0, before};
  if (filter.since) {
    // Without an end a scan from the newest finds many that match at once; only where few do does it need one.
    Sql sql;
    sql.add("SELECT MIN(key), COUNT(*) FROM (SELECT key FROM sagas INDEXED BY sagas_created WHERE created_at >= ?");
    sql.bind(filter.since->ms).add(" LIMIT ?").bind(kManyMatches).add(")");
    const Result<void> read = query(sql, [&range](const Statement& row) -> Result<void> {
      const bool none = row.is_null(0);
      if (row.integer(1) < kManyMatches) range.from = none ? std::numeric_limits<SagaKey>::max() : row.integer(0);
      return {};
    });
    if (!read) return tl::unexpected(read.error());
  }
  if (filter.until) {
    Sql sql;
    sql.add("SELECT MAX(key) FROM sagas INDEXED BY sagas_created WHERE created_at < ?").bind(filter.until->ms);
    const Result<void> read = query(sql, [&range](const Statement& row) -> Result<void> {
      const SagaKey below = row.is_null(0) ? 0 : row.integer(0) + 1;
      range.below = range.below ? std::min(*range.below, below) : below;
      return {};
    });
    if (!read) return tl::unexpected(read.error());
  }
  return range;
}

Result<std::vector<WorkflowStatus>> Reader::streams(const ListFilter& filter) {
  const Result<std::vector<StatusCount>> counts = kept_counts(filter);
  if (!counts) return tl::unexpected(counts.error());
  std::vector<WorkflowStatus> streams;
  for (const StatusCount& count : *counts) streams.push_back({count.workflow, count.status});
  return streams;
}

Result<std::vector<SagaRow>> Reader::list(const ListFilter& filter, std::optional<SagaKey> before, std::size_t limit) {
  return in_snapshot<std::vector<SagaRow>>([&]() -> Result<std::vector<SagaRow>> {
    const Result<KeyRange> range = key_range(filter, before);
    if (!range) return tl::unexpected(range.error());
    const WayIn way = way_into(filter);
    std::vector<std::optional<WorkflowStatus>> parts;
    if (way == WayIn::kStatus) {
      const Result<std::vector<WorkflowStatus>> found = streams(filter);
      if (!found) return tl::unexpected(found.error());
      parts.assign(found->begin(), found->end());
    } else {
      parts.emplace_back();
    }

    // Each part gives its newest; the newest of all are among them.
    std::vector<SagaRow> rows;
    KeyRange left = *range;
    for (const std::optional<WorkflowStatus>& part : parts) {
      Sql sql;
      sql.add("SELECT ").add(kColumns);
      add_source(sql, filter, way, part, left);
      sql.add(way == WayIn::kTag ? " ORDER BY t.saga DESC LIMIT ?" : " ORDER BY s.key DESC LIMIT ?")
          .bind(as_limit(limit));
      const Result<void> read = query(sql, [&](const Statement& statement) -> Result<void> {
        Result<SagaRow> row = read_row(statement);
        if (!row) return tl::unexpected(row.error());
        rows.push_back(std::move(*row));
        return {};
      });
      if (!read) return tl::unexpected(read.error());
      if (parts.size() == 1) return rows;
      std::sort(rows.begin(), rows.end(), [](const SagaRow& a, const SagaRow& b) { return a.key > b.key; });
      if (rows.size() > limit) rows.resize(limit);
      if (rows.size() == limit && limit > 0)
        left.from = std::max(left.from, rows.back().key);  // Older ones cannot get in any more.
    }
    return rows;
  });
}

Result<std::vector<StatusCount>> Reader::count_by_status(const ListFilter& filter) {
  return in_snapshot<std::vector<StatusCount>>([&]() -> Result<std::vector<StatusCount>> {
    if (!only_workflow_and_status(filter)) return scanned_counts(filter);
    Result<std::vector<StatusCount>> counts = kept_counts(filter);
    if (!counts) return counts;
    if (const Result<void> oldest = add_oldest_attention(*counts); !oldest) return tl::unexpected(oldest.error());
    return counts;
  });
}

Result<std::vector<StatusCount>> Reader::kept_counts(const ListFilter& filter) {
  Sql sql;
  sql.add("SELECT workflow, status, sagas, needing_attention, NULL FROM counts WHERE sagas > 0");
  if (filter.workflow) sql.add(" AND workflow = ?").bind(*filter.workflow);
  for (std::size_t i = 0; i < filter.statuses.size(); ++i) {
    sql.add(i == 0 ? " AND status IN (?" : ",?").bind(filter.statuses[i]);
  }
  if (!filter.statuses.empty()) sql.add(")");
  sql.add(" ORDER BY workflow, status");
  return query_counts(sql);
}

Result<std::vector<StatusCount>> Reader::scanned_counts(const ListFilter& filter) {
  const Result<KeyRange> range = key_range(filter, std::nullopt);
  if (!range) return tl::unexpected(range.error());
  Sql sql;
  sql.add(
      "SELECT s.workflow, s.status, COUNT(*), SUM(s.needs_attention), MIN(CASE WHEN s.needs_attention THEN "
      "s.attention_since END)");
  add_source(sql, filter, way_into(filter), std::nullopt, *range);
  sql.add(" GROUP BY s.workflow, s.status ORDER BY s.workflow, s.status");
  return query_counts(sql);
}

Result<std::vector<StatusCount>> Reader::query_counts(const Sql& sql) {
  std::vector<StatusCount> counts;
  const Result<void> read = query(sql, [&](const Statement& row) -> Result<void> {
    counts.push_back(StatusCount{row.text(0), row.text(1), row.integer(2), row.integer(3), row.optional_time(4)});
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  return counts;
}

Result<void> Reader::add_oldest_attention(std::vector<StatusCount>& counts) {
  for (StatusCount& count : counts) {
    if (count.needing_attention == 0) continue;
    Sql sql;
    sql.add("SELECT attention_since FROM sagas INDEXED BY sagas_attention WHERE needs_attention = 1 AND workflow = ?")
        .bind(count.workflow);
    sql.add(" AND status = ? AND attention_since IS NOT NULL ORDER BY attention_since LIMIT 1").bind(count.status);
    const Result<void> read = query(sql, [&](const Statement& row) -> Result<void> {
      count.oldest_attention = row.optional_time(0);
      return {};
    });
    if (!read) return read;
  }
  return {};
}

Result<std::vector<AttentionCount>> Reader::count_attention(const ListFilter& filter) {
  return in_snapshot<std::vector<AttentionCount>>([&]() -> Result<std::vector<AttentionCount>> {
    const Result<KeyRange> range = key_range(filter, std::nullopt);
    if (!range) return tl::unexpected(range.error());
    ListFilter attention = filter;
    if (!attention.needs_attention) attention.needs_attention = true;
    // The places that match, not all places of the sagas that match.
    Sql sql;
    sql.add(
        "SELECT a.workflow, q.step, q.phase, q.code, COUNT(DISTINCT a.key) FROM (SELECT s.key AS key, s.workflow AS "
        "workflow");
    add_source(sql, attention, way_into(attention), std::nullopt, *range);
    sql.add(" AND s.needs_attention = 1) a CROSS JOIN stuck q ON q.saga = a.key WHERE 1");
    if (filter.stuck_step) sql.add(" AND q.step = ?").bind(*filter.stuck_step);
    if (filter.stuck_code) sql.add(" AND q.code = ?").bind(*filter.stuck_code);
    sql.add(" GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4");
    std::vector<AttentionCount> counts;
    const Result<void> read = query(sql, [&](const Statement& row) -> Result<void> {
      counts.push_back(AttentionCount{row.text(0), row.text(1), row.text(2), row.text(3), row.integer(4)});
      return {};
    });
    if (!read) return tl::unexpected(read.error());
    return counts;
  });
}

Result<std::vector<WorkflowRow>> Reader::workflows() {
  const ResetAtEnd reset(run_.workflows);
  std::vector<WorkflowRow> rows;
  while (true) {
    const int code = run_.workflows.step();
    if (code == SQLITE_DONE) return rows;
    if (code != SQLITE_ROW) return tl::unexpected(connection_->error(code, kDoing));
    rows.push_back(WorkflowRow{run_.workflows.text(0), run_.workflows.integer(1), run_.workflows.text(2),
                               run_.workflows.text(3), run_.workflows.time(4)});
  }
}

Result<std::vector<AuditRow>> Reader::audit(const AuditFilter& filter, std::optional<AuditKey> before,
                                            std::size_t limit) {
  Sql sql;
  sql.add("SELECT n, at, actor, verified, verb, saga, step, reason, result, detail FROM audit WHERE n < ?");
  sql.bind(before.value_or(std::numeric_limits<AuditKey>::max()));
  // ')' follows '(' in ASCII: what begins with "NAME (", by the index.
  if (filter.actor) {
    sql.add(" AND (actor = ? OR (actor >= ? AND actor < ?))");
    sql.bind(*filter.actor).bind(*filter.actor + " (").bind(*filter.actor + " )");
  }
  if (filter.verb) sql.add(" AND verb = ?").bind(*filter.verb);
  if (filter.saga) sql.add(" AND saga = ? AND saga <> ''").bind(*filter.saga);
  if (filter.since) sql.add(" AND at >= ?").bind(filter.since->ms);
  if (filter.until) sql.add(" AND at < ?").bind(filter.until->ms);
  sql.add(" ORDER BY n DESC LIMIT ?").bind(as_limit(limit));
  std::vector<AuditRow> rows;
  const Result<void> read = query(sql, [&](const Statement& row) -> Result<void> {
    rows.push_back({row.integer(0),
                    {row.time(1), row.text(2), row.integer(3) != 0, row.text(4), row.text(5), row.text(6), row.text(7),
                     row.text(8), row.text(9)}});
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  return rows;
}

}  // namespace saga::store::sqlite
