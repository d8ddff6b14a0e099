#include "store/sqlite/remover.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

#include "store/family.h"
#include "store/sqlite/tag_text.h"

namespace saga::store::sqlite {

bool may_go(const Statement& row, Timestamp ended_before) {
  return row.integer(1) != 0 && row.integer(2) == 0 && row.time(3) < ended_before;
}

Result<void> Remover::prepare(Connection& connection) {
  connection_ = &connection;
  return connection.prepare_all({
      {&root_, "SELECT id, ended, needs_attention, updated_at FROM sagas WHERE key = ?1"},
      {&children_, kChildren},
      {&row_, "SELECT workflow, status, stuck_places, tags FROM sagas WHERE key = ?1"},
      {&delete_events_, "DELETE FROM journal WHERE saga = ?1"},
      {&delete_tag_, "DELETE FROM tags WHERE name = ?1 AND value = ?2 AND saga = ?3"},
      {&delete_stuck_, "DELETE FROM stuck WHERE saga = ?1"},
      {&delete_saga_, "DELETE FROM sagas WHERE key = ?1"},
      {&keep_id_, "INSERT OR IGNORE INTO purged(id) VALUES(?1)"},
      {&raise_key_,
       "INSERT INTO marks(name, value) VALUES('purged_key', ?1) ON CONFLICT(name) DO UPDATE SET value = "
       "max(value, excluded.value)"},
  });
}

Error Remover::error(int code) const { return connection_->error(code, "purging"); }

Result<std::vector<SagaKey>> Remover::family(SagaKey root, Timestamp ended_before, std::string& id) {
  std::vector<SagaKey> keys;
  {
    const ResetAtEnd reset(root_);
    root_.bind(1, root);
    const int code = root_.step();
    if (code == SQLITE_DONE) return keys;
    if (code != SQLITE_ROW) return tl::unexpected(error(code));
    id = root_.text(0);
    if (is_child(id) || !may_go(root_, ended_before)) return keys;
  }
  keys.push_back(root);
  const ResetAtEnd reset(children_);
  children_.bind(1, std::string_view(id));
  while (true) {
    const int code = children_.step();
    if (code == SQLITE_DONE) return keys;
    if (code != SQLITE_ROW) return tl::unexpected(error(code));
    if (!may_go(children_, ended_before)) return std::vector<SagaKey>();
    keys.push_back(children_.integer(0));
  }
}

Result<std::size_t> Remover::remove(SagaKey root, Timestamp ended_before, const Gone& gone) {
  std::string id;
  const Result<std::vector<SagaKey>> keys = family(root, ended_before, id);
  if (!keys) return tl::unexpected(keys.error());
  if (keys->empty()) return 0U;
  for (const SagaKey key : *keys) {
    if (const Result<void> removed = remove_one(key, gone); !removed) return tl::unexpected(removed.error());
  }
  if (const Result<void> kept = retire_keys_to(*std::max_element(keys->begin(), keys->end())); !kept)
    return tl::unexpected(kept.error());
  // The children's ids cannot be given to a saga, nor come again without their parent.
  keep_id_.bind(1, std::string_view(id));
  if (const int code = keep_id_.run(); code != SQLITE_DONE) return tl::unexpected(error(code));
  return keys->size();
}

Result<void> Remover::remove_one(SagaKey key, const Gone& gone) {
  Tags tags;
  bool stuck = false;
  {
    const ResetAtEnd reset(row_);
    row_.bind(1, key);
    if (const int code = row_.step(); code != SQLITE_ROW) return tl::unexpected(error(code));
    gone(key, row_.text(0), row_.text(1));
    stuck = row_.integer(2) > 0;
    if (!row_.is_null(3)) {
      Result<Tags> read = tags_from_text(row_.text(3));
      if (!read) return fail(read.error().code, fmt::format("saga {}: {}", key, read.error().message));
      tags = std::move(*read);
    }
  }
  for (const auto& [name, value] : tags) {
    delete_tag_.bind(1, std::string_view(name));
    delete_tag_.bind(2, std::string_view(value));
    delete_tag_.bind(3, key);
    if (const int code = delete_tag_.run(); code != SQLITE_DONE) return tl::unexpected(error(code));
  }
  for (Statement* const statement : {&delete_events_, stuck ? &delete_stuck_ : nullptr, &delete_saga_}) {
    if (statement == nullptr) continue;
    statement->bind(1, key);
    if (const int code = statement->run(); code != SQLITE_DONE) return tl::unexpected(error(code));
  }
  return {};
}

Result<void> Remover::retire_keys_to(SagaKey key) {
  raise_key_.bind(1, key);
  if (const int code = raise_key_.run(); code != SQLITE_DONE) return tl::unexpected(error(code));
  return {};
}

}  // namespace saga::store::sqlite
