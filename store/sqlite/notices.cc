#include "store/sqlite/notices.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>

namespace saga::store::sqlite {

Result<void> NoticesDue::prepare(Connection& connection) {
  connection_ = &connection;
  return connection.prepare_all({
      {&begun_,
       "SELECT s.key, s.id, s.attention_since FROM sagas s INDEXED BY sagas_attention "
       "LEFT JOIN notices n ON n.saga = s.key WHERE s.needs_attention = 1 AND s.attention_since IS NOT n.since "
       "ORDER BY s.attention_since, s.key LIMIT ?1"},
      {&over_,
       "SELECT n.saga, n.id, n.since FROM notices n LEFT JOIN sagas s ON s.key = n.saga WHERE "
       "s.attention_since IS NOT n.since ORDER BY n.since, n.saga LIMIT ?1"},
  });
}

Result<std::vector<Notice>> NoticesDue::read(std::size_t limit) {
  std::vector<Notice> notices;
  for (const bool over : {true, false}) {
    if (Result<void> done = read(over ? over_ : begun_, over, limit - notices.size(), notices); !done)
      return tl::unexpected(done.error());
  }
  return notices;
}

Result<void> NoticesDue::read(Statement& statement, bool over, std::size_t limit, std::vector<Notice>& notices) {
  const ResetAtEnd reset(statement);
  statement.bind(1, static_cast<std::int64_t>(std::min<std::size_t>(limit, std::numeric_limits<int>::max())));
  while (true) {
    const int code = statement.step();
    if (code == SQLITE_DONE) return {};
    if (code != SQLITE_ROW) return tl::unexpected(connection_->error(code, "reading"));
    notices.push_back(Notice{statement.integer(0), statement.text(1), statement.time(2), over});
  }
}

Result<void> NoticesTold::prepare(Connection& connection) {
  connection_ = &connection;
  return connection.prepare_all({
      {&keep_, "INSERT OR REPLACE INTO notices(saga, id, since) VALUES(?1, ?2, ?3)"},
      {&forget_, "DELETE FROM notices WHERE saga = ?1 AND since = ?2"},
  });
}

Result<void> NoticesTold::write(std::span<const Notice> told) {
  for (const Notice& notice : told) {
    Statement& statement = notice.over ? forget_ : keep_;
    statement.bind(1, notice.saga);
    if (!notice.over) statement.bind(2, std::string_view(notice.id));
    statement.bind(notice.over ? 2 : 3, notice.since);
    if (const int code = statement.run(); code != SQLITE_DONE)
      return tl::unexpected(connection_->error(code, "writing what was told"));
  }
  return {};
}

}  // namespace saga::store::sqlite
