#include "store/sqlite/writer.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>

#include "store/sqlite/tag_text.h"

namespace saga::store::sqlite {

namespace {
/// Of one purge's transaction, before its sync: what a commit may have to wait for it.
constexpr std::chrono::milliseconds kPurgeSlice{1};
}  // namespace

Writer::Writer(std::unique_ptr<Connection> connection, int checkpoint_pages)
    : connection_(std::move(connection)), checkpoint_pages_(checkpoint_pages), checkpoint_at_(checkpoint_pages) {}

Result<std::unique_ptr<Writer>> Writer::create(std::unique_ptr<Connection> connection, int checkpoint_pages) {
  std::unique_ptr<Writer> writer(new Writer(std::move(connection), checkpoint_pages));
  if (const Result<void> prepared = writer->prepare(); !prepared) return tl::unexpected(prepared.error());
  // In the place of SQLite's own automatic checkpoint: that one runs before the commit is acknowledged, and drops its
  // errors.
  sqlite3_wal_hook(
      writer->connection_->handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Writer*>(self)->log_pages_ = pages;
        return SQLITE_OK;
      },
      writer.get());
  return writer;
}

Result<void> Writer::prepare() {
  const Result<void> own = connection_->prepare_all({
      {&run_.begin, "BEGIN IMMEDIATE"},
      {&run_.commit, "COMMIT"},
      {&run_.rollback, "ROLLBACK"},
      {&run_.savepoint, "SAVEPOINT one_group"},
      {&run_.release, "RELEASE one_group"},
      {&run_.rollback_to, "ROLLBACK TO one_group"},
      {&run_.epoch, "SELECT epoch FROM shards WHERE shard = ?1"},
      {&run_.take_over,
       "INSERT INTO shards(shard, epoch, owner) VALUES(?1, 1, ?2) "
       "ON CONFLICT(shard) DO UPDATE SET epoch = epoch + 1, owner = excluded.owner"},
      {&run_.insert_saga,
       "INSERT INTO sagas(key, id, workflow, version, shard, status, ended, needs_attention, attention_since, "
       "stuck_places, "
       "created_at, updated_at, finished_at, wake_at, tags) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
       "?13, ?14, ?15)"},
      {&run_.purged, "SELECT 1 FROM purged WHERE id = ?1"},
      {&run_.insert_tag, "INSERT OR IGNORE INTO tags(name, value, saga) VALUES(?1, ?2, ?3)"},
      {&run_.old_head,
       "SELECT workflow, status, needs_attention, stuck_places, attention_since FROM sagas WHERE key = ?1"},
      {&run_.update_head,
       "UPDATE sagas SET status = ?2, ended = ?3, needs_attention = ?4, attention_since = ?5, stuck_places = ?6, "
       "updated_at = ?7, "
       "finished_at = ?8, wake_at = ?9 WHERE key = ?1"},
      {&run_.update_times,
       "UPDATE sagas SET ended = ?2, updated_at = ?3, finished_at = ?4, wake_at = ?5 WHERE key = ?1"},
      {&run_.wake, "UPDATE sagas SET wake_at = ?2 WHERE id = ?1 AND ended = 0 AND (wake_at IS NULL OR wake_at > ?2)"},
      {&run_.secret, "SELECT value FROM secrets WHERE name = ?1"},
      {&run_.insert_secret, "INSERT INTO secrets(name, value) VALUES(?1, ?2)"},
      {&run_.insert_audit,
       "INSERT INTO audit(at, actor, verified, verb, saga, step, reason, result, detail) "
       "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
      {&run_.insert_stuck, "INSERT INTO stuck(saga, place, step, phase, code) VALUES(?1, ?2, ?3, ?4, ?5)"},
      {&run_.delete_stuck, "DELETE FROM stuck WHERE saga = ?1"},
      {&run_.count,
       "INSERT INTO counts(workflow, status, sagas, needing_attention) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(workflow, "
       "status) "
       "DO UPDATE SET sagas = sagas + excluded.sagas, needing_attention = needing_attention + "
       "excluded.needing_attention"},
      {&run_.workflow, "SELECT content FROM workflows WHERE name = ?1 AND version = ?2"},
      {&run_.insert_workflow,
       "INSERT INTO workflows(name, version, content, source, registered_at) VALUES(?1, ?2, ?3, ?4, ?5)"},
  });
  if (!own) return own;
  if (Result<void> prepared = journal_.prepare(*connection_); !prepared) return prepared;
  if (Result<void> prepared = remover_.prepare(*connection_); !prepared) return prepared;
  return notices_.prepare(*connection_);
}

// ---- transactions ---------------------------------------------------------------------------------------------------

template <typename T, typename Work>
Result<T> Writer::in_transaction(const char* doing, Work work) {
  epochs_.clear();
  counts_.clear();
  if (const int code = run_.begin.run(); code != SQLITE_DONE) return tl::unexpected(connection_->error(code, doing));
  Result<T> result = work();
  if (!result) {
    roll_back();
    return result;
  }
  if (const int code = run_.commit.run(); code != SQLITE_DONE) {
    const Error error = connection_->error(code, doing);
    roll_back();
    // What a failed sync has left stays as it is for the next start to sort out: no checkpoint on the way out.
    if (error.code == ErrorCode::kPoisoned)
      sqlite3_db_config(connection_->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    return tl::unexpected(error);
  }
  return result;
}

void Writer::roll_back() {
  journal_.forget_all();
  // Some errors have rolled back already. One that cannot be rolled back leaves a transaction that the next BEGIN
  // refuses, which poisons.
  if (connection_->in_transaction()) static_cast<void>(run_.rollback.run());
}

Result<std::vector<Result<void>>> Writer::commit(std::span<const AppendGroup> groups) {
  constexpr const char* kDoing = "committing";
  for (const Isolation isolation : {Isolation::kNone, Isolation::kSavepoints}) {
    std::vector<Result<void>> results;
    results.reserve(groups.size());
    bool again = false;
    const Result<bool> committed = in_transaction<bool>(kDoing, [&]() -> Result<bool> {
      const Result<BatchOutcome> outcome = write_batch(groups, isolation, results);
      if (!outcome) return tl::unexpected(outcome.error());
      again = *outcome == BatchOutcome::kNeedsSavepoints;
      if (again) return fail(ErrorCode::kConflict, "");
      return true;
    });
    if (committed) return results;
    if (!again) return tl::unexpected(committed.error());
  }
  return fail(ErrorCode::kInternal, "a batch with savepoints asked for savepoints");
}

Result<Writer::BatchOutcome> Writer::write_batch(std::span<const AppendGroup> groups, Isolation isolation,
                                                 std::vector<Result<void>>& results) {
  for (const AppendGroup& group : groups) {
    Result<void> written = write_group(group, isolation);
    if (written) {
      add_group_counts();
    } else if (written.error().code != ErrorCode::kConflict && written.error().code != ErrorCode::kFenced) {
      return tl::unexpected(written.error());
    } else if (group_wrote_ && isolation == Isolation::kNone) {
      return BatchOutcome::kNeedsSavepoints;
    }
    results.push_back(std::move(written));
  }
  if (const Result<void> written = journal_.write_waiting(); !written) {
    const bool conflicts = written.error().code == ErrorCode::kConflict && isolation == Isolation::kNone;
    if (conflicts) return BatchOutcome::kNeedsSavepoints;
    return tl::unexpected(written.error());
  }
  const Result<void> counted = write_counts();
  if (!counted) return tl::unexpected(counted.error());
  return BatchOutcome::kWritten;
}

Result<void> Writer::write_group(const AppendGroup& group, Isolation isolation) {
  group_wrote_ = false;
  group_counts_.clear();
  const bool savepoint = isolation == Isolation::kSavepoints;
  if (savepoint) {
    if (const int code = run_.savepoint.run(); code != SQLITE_DONE)
      return tl::unexpected(connection_->error(code, "committing"));
  }
  Result<void> written;
  for (const Append& append : group) {
    written = write_append(append);
    if (!written) break;
  }
  if (!savepoint) return written;
  if (written) written = journal_.write_waiting();
  if (!written) {
    journal_.forget_all();
    if (const int code = run_.rollback_to.run(); code != SQLITE_DONE)
      return tl::unexpected(connection_->error(code, "undoing a conflict"));
  }
  if (const int code = run_.release.run(); code != SQLITE_DONE)
    return tl::unexpected(connection_->error(code, "committing"));
  return written;
}

// ---- one append -----------------------------------------------------------------------------------------------------

Result<void> Writer::write_append(const Append& append) {
  if (is_audit_alone(append)) return write_audit(*append.audit);
  if (Result<void> owner = check_fence(append.fence); !owner) return owner;
  // What conflicts most often goes first: a group that failed before its first row needs no savepoint.
  if (append.create) {
    if (Result<void> created = create_saga(append); !created) return created;
  }
  if (Result<void> written = write_events(append); !written) return written;
  if (append.head && !append.create) {
    if (Result<void> updated = update_head(append); !updated) return updated;
  }
  if (append.audit) {
    if (Result<void> audited = write_audit(*append.audit); !audited) return audited;
  }
  return write_wake_ups(append);
}

Result<void> Writer::check_fence(const Fence& fence) {
  auto known =
      std::find_if(epochs_.begin(), epochs_.end(), [&](const auto& entry) { return entry.first == fence.shard; });
  if (known == epochs_.end()) {
    const ResetAtEnd reset(run_.epoch);
    run_.epoch.bind(1, std::int64_t{fence.shard});
    const int code = run_.epoch.step();
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return tl::unexpected(connection_->error(code, "reading a shard's epoch"));
    epochs_.emplace_back(fence.shard, code == SQLITE_ROW ? std::optional(run_.epoch.integer(0)) : std::nullopt);
    known = epochs_.end() - 1;
  }
  if (known->second == fence.epoch) return {};
  return fail(ErrorCode::kFenced, fmt::format("shard {} is at epoch {}, the writer's is {}: another has taken it over",
                                              fence.shard, known->second.value_or(0), fence.epoch));
}

Result<void> Writer::write_events(const Append& append) {
  if (Result<void> follows = journal_.check_follows(append); !follows || append.events.empty()) return follows;
  group_wrote_ = true;  // Should a row conflict, it may be another group's: with savepoints it is found out.
  return journal_.add(append);
}

Result<void> Writer::create_saga(const Append& append) {
  const Identity& identity = *append.create;
  const Head& head = *append.head;
  {
    const ResetAtEnd reset(run_.purged);
    run_.purged.bind(1, std::string_view(identity.id));
    const int code = run_.purged.step();
    if (code == SQLITE_ROW)
      return fail(ErrorCode::kConflict, fmt::format("the id '{}' is taken for good: its saga was purged", identity.id));
    if (code != SQLITE_DONE) return tl::unexpected(connection_->error(code, "looking for a purged id"));
  }
  Statement& insert = run_.insert_saga;
  const std::string tags = identity.tags.empty() ? "" : tags_to_text(identity.tags);
  insert.bind(1, append.saga);
  insert.bind(2, std::string_view(identity.id));
  insert.bind(3, std::string_view(identity.workflow));
  insert.bind(4, identity.version);
  insert.bind(5, std::int64_t{identity.shard});
  insert.bind(6, std::string_view(head.status));
  insert.bind(7, std::int64_t{head.ended});
  insert.bind(8, std::int64_t{head.needs_attention});
  insert.bind(9, head.attention_since);
  insert.bind(10, static_cast<std::int64_t>(head.stuck.size()));
  insert.bind(11, identity.created_at);
  insert.bind(12, head.updated_at);
  insert.bind(13, head.finished_at);
  insert.bind(14, head.wake_at);
  if (identity.tags.empty()) {
    insert.bind(15, std::optional<Timestamp>());
  } else {
    insert.bind(15, std::string_view(tags));
  }
  if (const int code = insert.run(); code != SQLITE_DONE) {
    return tl::unexpected(connection_->write_error(code, fmt::format("the id '{}' is taken", identity.id)));
  }
  group_wrote_ = true;
  run_.insert_tag.bind(3, append.saga);
  for (const auto& [name, value] : identity.tags) {
    run_.insert_tag.bind(1, std::string_view(name));
    run_.insert_tag.bind(2, std::string_view(value));
    if (const int code = run_.insert_tag.run(); code != SQLITE_DONE)
      return tl::unexpected(connection_->error(code, "writing a tag"));
  }
  count(identity.workflow, head.status, head.needs_attention, 1);
  return write_stuck(append.saga, head.stuck);
}

Result<void> Writer::update_head(const Append& append) {
  const Head& head = *append.head;
  std::string workflow, status;
  bool needed_attention = false;
  bool was_noticed = false;
  std::int64_t stuck_places = 0;
  {
    const ResetAtEnd reset(run_.old_head);
    run_.old_head.bind(1, append.saga);
    const int code = run_.old_head.step();
    if (code == SQLITE_DONE) return fail(ErrorCode::kConflict, fmt::format("there is no saga {}", append.saga));
    if (code != SQLITE_ROW) return tl::unexpected(connection_->error(code, "reading a saga's row"));
    group_wrote_ = true;
    workflow = run_.old_head.text(0);
    status = run_.old_head.text(1);
    needed_attention = run_.old_head.integer(2) != 0;
    stuck_places = run_.old_head.integer(3);
    was_noticed = !run_.old_head.is_null(4);
  }
  const bool attention = needed_attention || was_noticed || head.needs_attention || head.attention_since;
  const bool only_times = status == head.status && !attention && stuck_places == 0 && head.stuck.empty();
  if (only_times) {  // Going to sleep or waking: spares the indexes of what has not changed.
    run_.update_times.bind(1, append.saga);
    run_.update_times.bind(2, std::int64_t{head.ended});
    run_.update_times.bind(3, head.updated_at);
    run_.update_times.bind(4, head.finished_at);
    run_.update_times.bind(5, head.wake_at);
    const int code = run_.update_times.run();
    if (code != SQLITE_DONE) return tl::unexpected(connection_->error(code, "writing a saga's row"));
    return {};
  }
  Statement& update = run_.update_head;
  update.bind(1, append.saga);
  update.bind(2, std::string_view(head.status));
  update.bind(3, std::int64_t{head.ended});
  update.bind(4, std::int64_t{head.needs_attention});
  update.bind(5, head.attention_since);
  update.bind(6, static_cast<std::int64_t>(head.stuck.size()));
  update.bind(7, head.updated_at);
  update.bind(8, head.finished_at);
  update.bind(9, head.wake_at);
  if (const int code = update.run(); code != SQLITE_DONE)
    return tl::unexpected(connection_->error(code, "writing a saga's row"));
  count(workflow, status, needed_attention, -1);
  count(workflow, head.status, head.needs_attention, 1);
  if (stuck_places > 0) {
    run_.delete_stuck.bind(1, append.saga);
    if (const int code = run_.delete_stuck.run(); code != SQLITE_DONE)
      return tl::unexpected(connection_->error(code, "writing where a saga is stuck"));
  }
  return write_stuck(append.saga, head.stuck);
}

Result<void> Writer::write_stuck(SagaKey saga, const std::vector<Stuck>& stuck) {
  std::int64_t place = 0;
  for (const Stuck& where : stuck) {
    run_.insert_stuck.bind(1, saga);
    run_.insert_stuck.bind(2, place++);
    run_.insert_stuck.bind(3, std::string_view(where.step));
    run_.insert_stuck.bind(4, std::string_view(where.phase));
    run_.insert_stuck.bind(5, std::string_view(where.code));
    const int code = run_.insert_stuck.run();
    if (code != SQLITE_DONE) return tl::unexpected(connection_->error(code, "writing where a saga is stuck"));
  }
  return {};
}

Result<void> Writer::write_wake_ups(const Append& append) {
  for (const std::string& id : append.wake) {
    run_.wake.bind(1, std::string_view(id));
    run_.wake.bind(2, append.wake_at);
    if (const int code = run_.wake.run(); code != SQLITE_DONE)
      return tl::unexpected(connection_->error(code, "waking a saga"));
  }
  return {};
}

Result<void> Writer::write_audit(const AuditEntry& entry) {
  Statement& insert = run_.insert_audit;
  insert.bind(1, entry.at);
  insert.bind(2, std::string_view(entry.actor));
  insert.bind(3, std::int64_t{entry.verified});
  insert.bind(4, std::string_view(entry.verb));
  insert.bind(5, std::string_view(entry.saga));
  insert.bind(6, std::string_view(entry.step));
  insert.bind(7, std::string_view(entry.reason));
  insert.bind(8, std::string_view(entry.result));
  insert.bind(9, std::string_view(entry.detail));
  if (const int code = insert.run(); code != SQLITE_DONE)
    return tl::unexpected(connection_->error(code, "writing the audit"));
  group_wrote_ = true;
  return {};
}

void Writer::add_group_counts() {
  for (const auto& [of, change] : group_counts_) {
    Count& sum = counts_[of];
    sum.sagas += change.sagas;
    sum.needing_attention += change.needing_attention;
  }
}

void Writer::count(const std::string& workflow, const std::string& status, bool needs_attention, std::int64_t sagas) {
  group_counts_.push_back({{workflow, status}, Count{sagas, needs_attention ? sagas : 0}});
}

Result<void> Writer::write_counts() {
  for (const auto& [of, change] : counts_) {
    if (change.sagas == 0 && change.needing_attention == 0) continue;
    run_.count.bind(1, std::string_view(of.first));
    run_.count.bind(2, std::string_view(of.second));
    run_.count.bind(3, change.sagas);
    run_.count.bind(4, change.needing_attention);
    if (const int code = run_.count.run(); code != SQLITE_DONE)
      return tl::unexpected(connection_->error(code, "counting sagas"));
  }
  return {};
}

// ---- workflows, shards, upkeep --------------------------------------------------------------------------------------

Result<bool> Writer::register_workflows(std::span<const WorkflowRow> rows, const AuditEntry* audit) {
  constexpr const char* kDoing = "registering workflows";
  return in_transaction<bool>(kDoing, [&]() -> Result<bool> {
    bool any_new = false;
    for (const WorkflowRow& row : rows) {
      {
        const ResetAtEnd reset(run_.workflow);
        run_.workflow.bind(1, std::string_view(row.name));
        run_.workflow.bind(2, row.version);
        const int code = run_.workflow.step();
        if (code == SQLITE_ROW) {
          if (run_.workflow.text(0) == row.content) continue;
          return fail(ErrorCode::kConflict,
                      fmt::format("workflow {}/{} is registered with other content", row.name, row.version));
        }
        if (code != SQLITE_DONE) return tl::unexpected(connection_->error(code, kDoing));
      }
      run_.insert_workflow.bind(1, std::string_view(row.name));
      run_.insert_workflow.bind(2, row.version);
      run_.insert_workflow.bind(3, std::string_view(row.content));
      run_.insert_workflow.bind(4, std::string_view(row.source));
      run_.insert_workflow.bind(5, row.registered_at);
      if (const int code = run_.insert_workflow.run(); code != SQLITE_DONE)
        return tl::unexpected(connection_->error(code, kDoing));
      any_new = true;
    }
    if (any_new && audit != nullptr) {
      if (Result<void> audited = write_audit(*audit); !audited) return tl::unexpected(audited.error());
    }
    return any_new;
  });
}

Result<std::string> Writer::keep_secret(const std::string& name, const std::string& fresh) {
  constexpr const char* kDoing = "keeping a secret";
  return in_transaction<std::string>(kDoing, [&]() -> Result<std::string> {
    {
      const ResetAtEnd reset(run_.secret);
      run_.secret.bind(1, std::string_view(name));
      const int code = run_.secret.step();
      if (code == SQLITE_ROW) return std::string(run_.secret.text(0));
      if (code != SQLITE_DONE) return tl::unexpected(connection_->error(code, kDoing));
    }
    run_.insert_secret.bind(1, std::string_view(name));
    run_.insert_secret.bind(2, std::string_view(fresh));
    if (const int code = run_.insert_secret.run(); code != SQLITE_DONE)
      return tl::unexpected(connection_->error(code, kDoing));
    return fresh;
  });
}

Result<Epoch> Writer::take_over(ShardId shard, const std::string& owner) {
  constexpr const char* kDoing = "taking a shard over";
  return in_transaction<Epoch>(kDoing, [&]() -> Result<Epoch> {
    run_.take_over.bind(1, std::int64_t{shard});
    run_.take_over.bind(2, std::string_view(owner));
    if (const int code = run_.take_over.run(); code != SQLITE_DONE)
      return tl::unexpected(connection_->error(code, kDoing));
    const ResetAtEnd reset(run_.epoch);
    run_.epoch.bind(1, std::int64_t{shard});
    if (const int code = run_.epoch.step(); code != SQLITE_ROW) return tl::unexpected(connection_->error(code, kDoing));
    return run_.epoch.integer(0);
  });
}

Result<Purged> Writer::purge(std::span<const SagaKey> roots, Timestamp ended_before) {
  const auto until = std::chrono::steady_clock::now() + kPurgeSlice;
  return in_transaction<Purged>("purging", [&]() -> Result<Purged> {
    group_counts_.clear();
    Purged purged;
    const Remover::Gone gone = [this](SagaKey key, const std::string& workflow, const std::string& status) {
      journal_.forget(key);
      count(workflow, status, false, -1);
    };
    for (const SagaKey root : roots) {
      if (purged.roots > 0 && std::chrono::steady_clock::now() >= until) break;
      const Result<std::size_t> removed = remover_.remove(root, ended_before, gone);
      if (!removed) return tl::unexpected(removed.error());
      ++purged.roots;
      purged.sagas += *removed;
    }
    add_group_counts();
    if (const Result<void> counted = write_counts(); !counted) return tl::unexpected(counted.error());
    return purged;
  });
}

Result<bool> Writer::record_notices(std::span<const Notice> told) {
  return in_transaction<bool>("writing what was told", [&]() -> Result<bool> {
    if (const Result<void> written = notices_.write(told); !written) return tl::unexpected(written.error());
    return true;
  });
}

Result<SagaKey> Writer::next_key() {
  const auto highest = connection_->query_integer(
      "SELECT MAX(COALESCE((SELECT MAX(key) FROM sagas), 0), COALESCE((SELECT value FROM marks WHERE name = "
      "'purged_key'), 0))");
  if (!highest) return tl::unexpected(highest.error());
  return highest->value_or(0) + 1;
}

Result<void> Writer::maintain() {
  if (log_pages_ < checkpoint_pages_) checkpoint_at_ = checkpoint_pages_;  // The log has begun anew.
  if (log_pages_ < checkpoint_at_) return {};
  // Passive: waits for nobody. Where a reader holds it back the log grows, and it is tried again some pages later.
  checkpoint_at_ = log_pages_ + std::max(checkpoint_pages_ / 4, 1);
  const int code =
      sqlite3_wal_checkpoint_v2(connection_->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  return tl::unexpected(connection_->error(code, "copying the log into the database"));
}

}  // namespace saga::store::sqlite
