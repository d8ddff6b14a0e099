#include "store/memory/backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "store/family.h"
#include "store/memory/filter.h"

namespace saga::store {
namespace {

std::int64_t bytes_of(const std::vector<Record>& events) {
  std::int64_t bytes = 0;
  for (const Record& event : events) bytes += static_cast<std::int64_t>(event.data.size());
  return bytes;
}

}  // namespace

// ---- writing --------------------------------------------------------------------------------------------------------

Result<std::vector<Result<void>>> MemoryBackend::commit(std::span<const AppendGroup> groups) {
  const std::unique_lock lock(mutex_);
  std::vector<Result<void>> results;
  results.reserve(groups.size());
  for (const AppendGroup& group : groups) results.push_back(write_group(group));
  return results;
}

Result<void> MemoryBackend::write_group(const AppendGroup& group) {
  if (group.size() == 1) {
    Result<void> fits = check(group[0]);
    if (fits) write(group[0]);
    return fits;
  }
  const std::size_t audited = audit_.size();
  // One member may build on another, so that each is checked against what those before it wrote; what was there
  // before is kept to be put back.
  std::map<SagaKey, std::optional<Saga>> before;
  for (const Append& append : group) {
    if (const Result<void> fits = check(append); !fits) {
      audit_.resize(audited);
      for (auto& [key, saga] : before) {
        const auto now = sagas_.find(key);
        unindex(now->second.row);
        bytes_ -= bytes_of(now->second.events);
        sagas_.erase(now);
        if (!saga) continue;
        index(saga->row);
        bytes_ += bytes_of(saga->events);
        sagas_.emplace(key, std::move(*saga));
      }
      return fits;
    }
    const auto keep = [&](SagaKey key) {
      const auto there = sagas_.find(key);
      before.try_emplace(key, there == sagas_.end() ? std::nullopt : std::optional(there->second));
    };
    if (!is_audit_alone(append)) keep(append.saga);
    for (const std::string& id : append.wake) {
      if (const auto woken = keys_.find(id); woken != keys_.end()) keep(woken->second);
    }
    write(append);
  }
  return {};
}

Result<void> MemoryBackend::check(const Append& append) const {
  if (is_audit_alone(append)) return {};
  const auto epoch = epochs_.find(append.fence.shard);
  if (epoch == epochs_.end() || epoch->second != append.fence.epoch) {
    return fail(ErrorCode::kFenced,
                fmt::format("shard {} is at epoch {}, the writer's is {}: another has taken it over",
                            append.fence.shard, epoch == epochs_.end() ? 0 : epoch->second, append.fence.epoch));
  }
  const auto saga = sagas_.find(append.saga);
  if (append.create) {
    if (purged_.contains(append.create->id))
      return fail(ErrorCode::kConflict,
                  fmt::format("the id '{}' is taken for good: its saga was purged", append.create->id));
    if (saga == sagas_.end() && !keys_.contains(append.create->id)) return {};
    return fail(ErrorCode::kConflict, fmt::format("the id '{}' is taken", append.create->id));
  }
  if (saga == sagas_.end()) return fail(ErrorCode::kConflict, fmt::format("there is no saga {}", append.saga));
  const std::int64_t next = saga->second.events.back().seq + 1;
  if (append.first_seq == next) return {};
  return fail(ErrorCode::kConflict,
              fmt::format("the next event of saga {} is {}, got {}", append.saga, next, append.first_seq));
}

void MemoryBackend::write(const Append& append) {
  if (append.audit) audit_.push_back(*append.audit);
  if (is_audit_alone(append)) return;
  Saga& saga = sagas_[append.saga];
  if (append.create) {
    saga.row.key = append.saga;
    saga.row.identity = *append.create;
    last_key_ = std::max(last_key_, append.saga);
  } else if (append.head) {
    unindex(saga.row);
  }
  saga.events.insert(saga.events.end(), append.events.begin(), append.events.end());
  bytes_ += bytes_of(append.events);
  if (append.head) {
    saga.row.head = *append.head;
    index(saga.row);
  }
  for (const std::string& id : append.wake) wake(id, append.wake_at);
}

void MemoryBackend::wake(const std::string& id, Timestamp at) {
  const auto key = keys_.find(id);
  if (key == keys_.end()) return;
  SagaRow& row = sagas_.at(key->second).row;
  if (row.head.ended || (row.head.wake_at && *row.head.wake_at <= at)) return;
  unindex(row);
  row.head.wake_at = at;
  index(row);
}

void MemoryBackend::index(const SagaRow& row) {
  keys_.emplace(row.identity.id, row.key);
  if (row.head.wake_at) due_.emplace(row.identity.shard, *row.head.wake_at, row.key);
}

void MemoryBackend::unindex(const SagaRow& row) {
  keys_.erase(row.identity.id);
  if (row.head.wake_at) due_.erase(Due{row.identity.shard, *row.head.wake_at, row.key});
}

Result<bool> MemoryBackend::register_workflows(std::span<const WorkflowRow> rows, const AuditEntry* audit) {
  const std::unique_lock lock(mutex_);
  auto registered = workflows_;
  bool any_new = false;
  for (const WorkflowRow& row : rows) {
    const auto [there, added] = registered.try_emplace({row.name, row.version}, row);
    any_new = any_new || added;
    if (there->second.content == row.content) continue;
    return fail(ErrorCode::kConflict,
                fmt::format("workflow {}/{} is registered with other content", row.name, row.version));
  }
  workflows_ = std::move(registered);
  if (any_new && audit != nullptr) audit_.push_back(*audit);
  return any_new;
}

Result<std::string> MemoryBackend::keep_secret(const std::string& name, const std::string& fresh) {
  const std::unique_lock lock(mutex_);
  return secrets_.try_emplace(name, fresh).first->second;
}

Result<Epoch> MemoryBackend::take_over(ShardId shard, const std::string&) {
  const std::unique_lock lock(mutex_);
  return ++epochs_[shard];
}

// ---- purging --------------------------------------------------------------------------------------------------------

std::vector<SagaKey> MemoryBackend::purgeable_family(const SagaRow& root, Timestamp ended_before) const {
  const auto may_go = [ended_before](const Head& head) {
    return head.ended && !head.needs_attention && head.updated_at < ended_before;
  };
  if (is_child(root.identity.id) || !may_go(root.head)) return {};
  std::vector<SagaKey> family{root.key};
  const std::string children = root.identity.id + '~';
  for (auto at = keys_.lower_bound(children); at != keys_.end() && at->first.starts_with(children); ++at) {
    if (!may_go(sagas_.at(at->second).row.head)) return {};
    family.push_back(at->second);
  }
  return family;
}

Result<Purged> MemoryBackend::purge(std::span<const SagaKey> roots, Timestamp ended_before) {
  constexpr std::size_t kAtATime = 200;
  const std::unique_lock lock(mutex_);
  Purged purged;
  for (const SagaKey root : roots.first(std::min(roots.size(), kAtATime))) {
    ++purged.roots;
    const auto there = sagas_.find(root);
    if (there == sagas_.end()) continue;
    for (const SagaKey key : purgeable_family(there->second.row, ended_before)) {
      const auto saga = sagas_.find(key);
      bytes_ -= bytes_of(saga->second.events);
      unindex(saga->second.row);
      if (key == root) purged_.insert(saga->second.row.identity.id);
      sagas_.erase(saga);
      ++purged.sagas;
    }
  }
  return purged;
}

PurgePage MemoryBackend::purgeable(const PurgeFilter& filter, std::optional<PurgeCursor> after,
                                   std::size_t scan) const {
  const std::shared_lock lock(mutex_);
  ListFilter wanted;
  wanted.workflow = filter.workflow;
  wanted.version = filter.version;
  wanted.statuses = filter.statuses;
  const auto place = [](const SagaRow& row) { return std::pair(row.identity.created_at, row.key); };
  std::map<std::pair<Timestamp, SagaKey>, const SagaRow*> oldest;
  for (const auto& [key, saga] : sagas_) {
    const bool beyond = !after || place(saga.row) > std::pair(after->created_at, after->key);
    if (beyond && saga.row.identity.created_at < filter.ended_before) oldest.emplace(place(saga.row), &saga.row);
  }
  PurgePage page;
  for (const auto& [at, row] : oldest) {
    if (scan-- == 0) return page;
    page.next = PurgeCursor{at.first, at.second};
    if (!matches(wanted, *row)) continue;
    const std::vector<SagaKey> family = purgeable_family(*row, filter.ended_before);
    if (family.empty()) continue;
    page.roots.push_back(row->key);
    page.sagas += family.size();
  }
  page.next.reset();
  return page;
}

// ---- notices --------------------------------------------------------------------------------------------------------

Result<bool> MemoryBackend::record_notices(std::span<const Notice> told) {
  const std::unique_lock lock(mutex_);
  for (const Notice& notice : told) {
    if (!notice.over) {
      told_[notice.saga] = notice;
    } else if (const auto at = told_.find(notice.saga); at != told_.end() && at->second.since == notice.since) {
      told_.erase(at);
    }
  }
  return true;
}

std::vector<Notice> MemoryBackend::notices_due(std::size_t limit) const {
  const std::shared_lock lock(mutex_);
  const auto holds = [this](const Notice& notice) {
    const auto saga = sagas_.find(notice.saga);
    return saga != sagas_.end() && saga->second.row.head.attention_since == notice.since;
  };
  std::vector<Notice> due;
  for (const auto& [key, notice] : told_) {
    if (!holds(notice)) due.push_back(Notice{key, notice.id, notice.since, true});
  }
  for (const auto& [key, saga] : sagas_) {
    const auto& since = saga.row.head.attention_since;
    if (!since) continue;
    const auto told = told_.find(key);
    if (told == told_.end() || told->second.since != *since)
      due.push_back(Notice{key, saga.row.identity.id, *since, false});
  }
  std::sort(due.begin(), due.end(), [](const Notice& a, const Notice& b) {
    return std::tuple(!a.over, a.since, a.saga) < std::tuple(!b.over, b.since, b.saga);
  });
  if (due.size() > limit) due.resize(limit);
  return due;
}

// ---- reading --------------------------------------------------------------------------------------------------------

Result<SagaRow> MemoryBackend::find(const std::string& id) const {
  const std::shared_lock lock(mutex_);
  const auto key = keys_.find(id);
  if (key == keys_.end()) {
    const std::string root = root_of(id);
    const std::string purged = purged_.contains(root) ? fmt::format(": '{}' was purged", root) : "";
    return fail(ErrorCode::kNotFound, fmt::format("there is no saga '{}'{}", id, purged));
  }
  return sagas_.at(key->second).row;
}

Result<SagaRow> MemoryBackend::find(SagaKey key) const {
  const std::shared_lock lock(mutex_);
  const auto saga = sagas_.find(key);
  if (saga == sagas_.end()) return fail(ErrorCode::kNotFound, fmt::format("there is no saga {}", key));
  return saga->second.row;
}

std::vector<Record> MemoryBackend::load(SagaKey saga, std::int64_t from_seq) const {
  const std::shared_lock lock(mutex_);
  const auto there = sagas_.find(saga);
  if (there == sagas_.end()) return {};
  const std::vector<Record>& events = there->second.events;
  const auto first =
      std::find_if(events.begin(), events.end(), [from_seq](const Record& event) { return event.seq >= from_seq; });
  return {first, events.end()};
}

std::vector<DueSaga> MemoryBackend::due(ShardId shard, Timestamp until, std::optional<DueCursor> after,
                                        std::size_t limit) const {
  const std::shared_lock lock(mutex_);
  auto next = after ? due_.upper_bound(Due{shard, after->wake_at, after->key})
                    : due_.lower_bound(Due{shard, Timestamp{std::numeric_limits<std::int64_t>::min()}, 0});
  std::vector<DueSaga> sagas;
  for (; next != due_.end() && sagas.size() < limit; ++next) {
    const auto& [of_shard, wake_at, key] = *next;
    if (of_shard != shard || wake_at > until) break;
    sagas.push_back(DueSaga{key, sagas_.at(key).row.identity.id, wake_at});
  }
  return sagas;
}

std::vector<SagaRow> MemoryBackend::list(const ListFilter& filter, std::optional<SagaKey> before,
                                         std::size_t limit) const {
  const std::shared_lock lock(mutex_);
  auto next = std::make_reverse_iterator(before ? sagas_.lower_bound(*before) : sagas_.end());
  std::vector<SagaRow> rows;
  for (; next != sagas_.rend() && rows.size() < limit; ++next) {
    if (matches(filter, next->second.row)) rows.push_back(next->second.row);
  }
  return rows;
}

std::vector<StatusCount> MemoryBackend::count_by_status(const ListFilter& filter) const {
  const std::shared_lock lock(mutex_);
  std::map<std::pair<std::string, std::string>, StatusCount> counts;
  for (const auto& [key, saga] : sagas_) {
    const auto& [identity, head] = std::tie(saga.row.identity, saga.row.head);
    if (!matches(filter, saga.row)) continue;
    StatusCount& count = counts[{identity.workflow, head.status}];
    count.workflow = identity.workflow;
    count.status = head.status;
    ++count.sagas;
    if (!head.needs_attention) continue;
    ++count.needing_attention;
    if (head.attention_since)
      count.oldest_attention = std::min(count.oldest_attention.value_or(*head.attention_since), *head.attention_since);
  }
  std::vector<StatusCount> sorted;
  for (auto& [of, count] : counts) sorted.push_back(std::move(count));
  return sorted;
}

std::vector<AttentionCount> MemoryBackend::count_attention(const ListFilter& filter) const {
  const std::shared_lock lock(mutex_);
  std::map<std::tuple<std::string, std::string, std::string, std::string>, std::int64_t> counts;
  for (const auto& [key, saga] : sagas_) {
    if (!saga.row.head.needs_attention || !matches(filter, saga.row)) continue;
    std::set<std::tuple<std::string, std::string, std::string, std::string>> places;
    for (const Stuck& place : saga.row.head.stuck) {
      if (matches_place(filter, place)) places.emplace(saga.row.identity.workflow, place.step, place.phase, place.code);
    }
    for (const auto& place : places) ++counts[place];
  }
  std::vector<AttentionCount> sorted;
  for (const auto& [of, sagas] : counts) {
    const auto& [workflow, step, phase, code] = of;
    sorted.push_back(AttentionCount{workflow, step, phase, code, sagas});
  }
  return sorted;
}

std::vector<WorkflowRow> MemoryBackend::workflows() const {
  const std::shared_lock lock(mutex_);
  std::vector<WorkflowRow> rows;
  for (const auto& [of, row] : workflows_) rows.push_back(row);
  return rows;
}

std::vector<AuditRow> MemoryBackend::audit(const AuditFilter& filter, std::optional<AuditKey> before,
                                           std::size_t limit) const {
  const std::shared_lock lock(mutex_);
  std::vector<AuditRow> rows;
  const auto newest = static_cast<AuditKey>(audit_.size());
  for (AuditKey key = before ? std::min(*before - 1, newest) : newest; key > 0 && rows.size() < limit; --key) {
    const AuditEntry& entry = audit_[static_cast<std::size_t>(key - 1)];
    if (matches(filter, entry)) rows.push_back({key, entry});
  }
  return rows;
}

std::int64_t MemoryBackend::size_bytes() const {
  const std::shared_lock lock(mutex_);
  return bytes_;
}

SagaKey MemoryBackend::last_key() const {
  const std::shared_lock lock(mutex_);
  return last_key_;
}

}  // namespace saga::store
