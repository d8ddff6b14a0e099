#include "store/sqlite/schema.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

#include "base/text.h"

namespace saga::store::sqlite {
namespace {

constexpr const char* kVersion1 = R"sql(
CREATE TABLE sagas(
  key             INTEGER PRIMARY KEY,   -- grows with time, never reused
  id              TEXT    NOT NULL UNIQUE,
  workflow        TEXT    NOT NULL,
  version         INTEGER NOT NULL,
  shard           INTEGER NOT NULL,
  status          TEXT    NOT NULL,
  ended           INTEGER NOT NULL,
  needs_attention INTEGER NOT NULL,
  attention_since INTEGER,
  stuck_places    INTEGER NOT NULL,      -- rows of this saga in `stuck`
  created_at      INTEGER NOT NULL,      -- all times: UTC milliseconds since 1970
  updated_at      INTEGER NOT NULL,
  finished_at     INTEGER,
  wake_at         INTEGER,               -- when somebody has to look at it again
  tags            TEXT                   -- [["key","value"],...]; NULL: none
);
CREATE INDEX sagas_due       ON sagas(shard, wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX sagas_attention ON sagas(workflow, status, attention_since) WHERE needs_attention = 1;
CREATE INDEX sagas_status    ON sagas(workflow, status);
CREATE INDEX sagas_created   ON sagas(created_at);

CREATE TABLE events(
  n    INTEGER PRIMARY KEY,              -- order of commit; appended at the end, whichever saga it is
  saga INTEGER NOT NULL,
  seq  INTEGER NOT NULL,
  at   INTEGER NOT NULL,
  type TEXT    NOT NULL,
  data TEXT    NOT NULL
);
CREATE UNIQUE INDEX events_of_saga ON events(saga, seq);

CREATE TABLE tags(                       -- to find sagas by; sagas.tags is what is shown
  name  TEXT    NOT NULL,
  value TEXT    NOT NULL,
  saga  INTEGER NOT NULL,
  PRIMARY KEY(name, value, saga)
) WITHOUT ROWID;

CREATE TABLE stuck(
  saga  INTEGER NOT NULL,
  place INTEGER NOT NULL,
  step  TEXT    NOT NULL,
  phase TEXT    NOT NULL,
  code  TEXT    NOT NULL,
  PRIMARY KEY(saga, place)
) WITHOUT ROWID;

CREATE TABLE counts(                     -- kept with every head, so that statistics never scan the sagas
  workflow        TEXT    NOT NULL,
  status          TEXT    NOT NULL,
  sagas           INTEGER NOT NULL,
  needing_attention INTEGER NOT NULL,
  PRIMARY KEY(workflow, status)
) WITHOUT ROWID;

CREATE TABLE workflows(
  name          TEXT    NOT NULL,
  version       INTEGER NOT NULL,
  content       TEXT    NOT NULL,
  source        TEXT    NOT NULL,
  registered_at INTEGER NOT NULL,
  PRIMARY KEY(name, version)
);

CREATE TABLE shards(
  shard INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  owner TEXT    NOT NULL
);

CREATE TABLE purged_ids(                 -- an id is never free again, a key is never used again
  key INTEGER PRIMARY KEY,
  id  TEXT    NOT NULL UNIQUE
);
)sql";

constexpr const char* kVersion2 = R"sql(
CREATE TABLE secrets(                    -- what every owner of the store has to agree on, made once: text, not shown
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
)sql";

constexpr const char* kVersion3 = R"sql(
CREATE TABLE audit(                      -- never changed, never removed; '' where a column does not apply
  n        INTEGER PRIMARY KEY,          -- order of commit
  at       INTEGER NOT NULL,
  actor    TEXT    NOT NULL,             -- 'ops', or 'ops (bob@desk)' with what a verified caller added
  verified INTEGER NOT NULL,
  verb     TEXT    NOT NULL,
  saga     TEXT    NOT NULL,             -- an id: the saga may be purged, or never have been
  step     TEXT    NOT NULL,
  reason   TEXT    NOT NULL,
  result   TEXT    NOT NULL,             -- done, nothing, refused
  detail   TEXT    NOT NULL
);
CREATE INDEX audit_of_saga  ON audit(saga) WHERE saga <> '';
CREATE INDEX audit_of_actor ON audit(actor);
)sql";

/// Ids alone: half of what both columns and two indexes took.
constexpr const char* kVersion4 = R"sql(
CREATE TABLE purged(id TEXT PRIMARY KEY) WITHOUT ROWID;  -- a root's id is never free again; a child's goes with it
CREATE TABLE marks(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;  -- purged_key: the highest key purged
INSERT INTO purged SELECT id FROM purged_ids;
INSERT INTO marks SELECT 'purged_key', MAX(key) FROM purged_ids HAVING COUNT(*) > 0;
DROP TABLE purged_ids;
)sql";

/// What somebody outside has been told: that the saga needs attention since then.
constexpr const char* kVersion5 = R"sql(
CREATE TABLE notices(saga INTEGER PRIMARY KEY, id TEXT NOT NULL, since INTEGER NOT NULL);
)sql";

/// A sum over the event (checksum.h); NULL where it was written before there was one.
constexpr const char* kVersion6 = "ALTER TABLE events ADD COLUMN checksum INTEGER;";

/// A row an append in the place of a row an event: half the rows, half the entries of their index.
constexpr const char* kVersion7 = R"sql(
CREATE TABLE journal(
  n        INTEGER PRIMARY KEY,          -- order of commit; appended at the end, whichever saga it is
  saga     INTEGER NOT NULL,
  seq      INTEGER NOT NULL,             -- of the last of its events
  events   TEXT    NOT NULL,             -- [[at,"type",{data}],...] (journal_text.h)
  checksum INTEGER                       -- over its events (checksum.h); NULL where they were written before there was one
);
INSERT INTO journal SELECT n, saga, seq, '[[' || at || ',"' || type || '",' || data || ']]', checksum FROM events;
CREATE UNIQUE INDEX journal_of_saga ON journal(saga, seq);
DROP TABLE events;
CREATE VIEW events AS                    -- one by one, for who looks into the file
  SELECT j.n, j.saga, j.seq - json_array_length(j.events) + 1 + e.key AS seq, json_extract(e.value, '$[0]') AS at,
         json_extract(e.value, '$[1]') AS type, json_extract(e.value, '$[2]') AS data
  FROM journal j, json_each(j.events) e;
)sql";

constexpr const char* kVersions =
    "CREATE TABLE IF NOT EXISTS schema_version(version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL);";

/// 0: an empty file.
Result<std::int64_t> version_of(Connection& connection) {
  const auto tables = connection.query_integer("SELECT COUNT(*) FROM sqlite_master");
  if (!tables) {
    if (tables.error().code != ErrorCode::kCorruption) return tl::unexpected(tables.error());
    return fail(ErrorCode::kInvalid,
                fmt::format("{} is not a SQLite database, or it is damaged: name another file, or restore a backup",
                            connection.path()));
  }
  if (**tables == 0) return 0;
  const auto ours =
      connection.query_integer("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'");
  if (!ours) return tl::unexpected(ours.error());
  if (**ours == 0) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} is a SQLite database, but not a store of sagad: it has no table schema_version; name "
                            "another file, or, if it was a store, restore a backup",
                            connection.path()));
  }
  // Every version from the first one on has its row.
  const auto version = connection.query_integer(
      "SELECT CASE WHEN MIN(version) = 1 AND MAX(version) = COUNT(*) THEN MAX(version) END FROM schema_version");
  if (!version) return tl::unexpected(version.error());
  if (!*version) return tl::unexpected(connection.damaged("schema_version lacks a version"));
  return **version;
}

/// One text a table or index, in the order of their names.
Result<std::vector<std::string>> schema_of(Connection& connection) {
  auto statement = connection.prepare(
      "SELECT printf('%s %s of %s: %s', type, name, tbl_name, sql) FROM sqlite_master ORDER BY name");
  if (!statement) return tl::unexpected(statement.error());
  std::vector<std::string> schema;
  int code = SQLITE_ROW;
  while ((code = statement->step()) == SQLITE_ROW) schema.push_back(statement->text(0));
  if (code != SQLITE_DONE) return tl::unexpected(connection.error(code, "reading its schema"));
  return schema;
}

/// Whether the file has all that `steps` make. What an operator added, an index say, is not looked at.
Result<void> check_tables(Connection& connection, std::span<const std::string> steps) {
  const auto fresh = Connection::open(":memory:", "", OpenMode::kReadWrite);
  if (!fresh) return tl::unexpected(fresh.error());
  std::string sql = kVersions;
  for (const std::string& step : steps) sql += step + ";";
  if (Result<void> made = (*fresh)->execute(sql); !made) return made;
  const auto expected = schema_of(**fresh);
  const auto found = schema_of(connection);
  if (!expected) return tl::unexpected(expected.error());
  if (!found) return tl::unexpected(found.error());
  for (const std::string& one : *expected) {
    if (std::find(found->begin(), found->end(), one) != found->end()) continue;
    return tl::unexpected(connection.damaged(fmt::format("no {}", front_of(one, one.find(" of ")))));
  }
  return {};
}

}  // namespace

const std::vector<std::string>& migrations() {
  static const std::vector<std::string> kSteps{kVersion1, kVersion2, kVersion3, kVersion4,
                                               kVersion5, kVersion6, kVersion7};
  return kSteps;
}

Result<void> check_schema(Connection& connection, std::span<const std::string> steps) {
  const Result<std::int64_t> version = version_of(connection);
  if (!version) return tl::unexpected(version.error());
  if (*version > static_cast<std::int64_t>(steps.size())) {
    return fail(
        ErrorCode::kUnsupported,
        fmt::format("{} was written by a newer version of sagad (schema {}, this one knows {}): start that one, "
                    "or restore a backup from before it",
                    connection.path(), *version, steps.size()));
  }
  return *version == 0 ? Result<void>{} : check_tables(connection, steps.first(static_cast<std::size_t>(*version)));
}

Result<void> migrate(Connection& connection, std::span<const std::string> steps) {
  const Result<std::int64_t> version = version_of(connection);
  if (!version) return tl::unexpected(version.error());
  for (std::size_t step = static_cast<std::size_t>(*version); step < steps.size(); ++step) {
    const std::string sql =
        fmt::format("BEGIN IMMEDIATE; {}{}; INSERT INTO schema_version VALUES({}, datetime('now')); COMMIT", kVersions,
                    steps[step], step + 1);
    const Result<void> done = connection.execute(sql);
    if (done) continue;
    Error error = done.error();
    if (connection.in_transaction()) static_cast<void>(connection.execute("ROLLBACK"));
    error.message =
        fmt::format("{}: bringing the store to schema {} failed: {}", connection.path(), step + 1, error.message);
    return tl::unexpected(error);
  }
  return {};
}

}  // namespace saga::store::sqlite
