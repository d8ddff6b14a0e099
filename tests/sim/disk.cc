#include "tests/sim/disk.h"

#include <fmt/format.h>

namespace saga::sim {
namespace {

constexpr std::size_t kUnsynced = 20;  ///< Appends that a disk which lies keeps for itself.

tl::unexpected<Error> dead() { return fail(ErrorCode::kUnavailable, "nobody is there any more"); }

}  // namespace

Disk::Disk(Setting& setting, Book& book)
    : setting_(setting),
      book_(book),
      chance_(setting.plan.seed, "disk"),
      tables_(std::make_unique<store::MemoryBackend>()) {}

void Disk::belongs_to(std::shared_ptr<Life> life, const Clock& clock) {
  if (!unsynced_.empty()) lose_unsynced();
  life_ = std::move(life);
  clock_ = &clock;
}

bool Disk::refuses() const { return !setting_.calm && setting_.agenda.now() < refuses_until_; }

Result<std::vector<Result<void>>> Disk::commit(std::span<const store::AppendGroup> groups) {
  if (!life_->pass()) return dead();
  if (refuses()) return fail(ErrorCode::kUnavailable, "no space left on the disk");
  if (!setting_.calm) {
    if (chance_.below(1'500) < setting_.plan.of(Fault::kStoreFails)) {
      setting_.happened(Fault::kStoreFails);
      refuses_until_ = setting_.agenda.now() + chance_.millis(20, 6'000);
      setting_.story.tell(21, [] { return std::string("the disk is full for a while"); });
      return fail(ErrorCode::kUnavailable, "no space left on the disk");
    }
    if (chance_.below(10'000) < setting_.plan.of(Fault::kStorePoisoned)) {
      setting_.happened(Fault::kStorePoisoned);
      const bool written = chance_.one_in(2);
      setting_.story.tell(22, [&] { return fmt::format("a sync fails; written: {}", written); });
      if (written) write(groups);
      return fail(ErrorCode::kPoisoned, "fsync failed");
    }
  }
  auto results = write(groups);
  if (!life_->pass()) return dead();  // Written, and nobody learns of it.
  return results;
}

std::vector<Result<void>> Disk::write(std::span<const store::AppendGroup> groups) {
  setting_.story.tell(23, [&] { return fmt::format("  commit of {}", groups.size()); });
  auto results = *tables_->commit(groups);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!results[i]) continue;
    if (setting_.plan.cuts.disk_lies) {
      unsynced_.push_back(groups[i]);
    } else {
      sync(groups[i]);
    }
  }
  if (unsynced_.size() > kUnsynced) {
    for (const store::AppendGroup& group : unsynced_) sync(group);
    synced_.insert(synced_.end(), unsynced_.begin(), unsynced_.end());
    unsynced_.clear();
  }
  return results;
}

void Disk::sync(const store::AppendGroup& group) {
  for (const store::Append& append : group) {
    if (store::is_audit_alone(append)) continue;
    if (const auto row = tables_->find(append.saga)) book_.durable(append, *row, life_->process(), clock_->now());
  }
}

void Disk::lose_unsynced() {
  setting_.story.tell(24, [&] { return fmt::format("{} commits are lost that were acknowledged", unsynced_.size()); });
  tables_ = std::make_unique<store::MemoryBackend>();
  unsynced_.clear();
  if (synced_.empty()) return;
  const store::Fence fence = synced_.front().front().fence;
  static_cast<void>(tables_->take_over(fence.shard, ""));
  for (store::AppendGroup& group : synced_) {
    for (store::Append& append : group) append.fence.epoch = 1;  // Whoever wrote it then.
    static_cast<void>(tables_->commit(std::span(&group, 1)));
  }
}

Result<bool> Disk::register_workflows(std::span<const store::WorkflowRow> rows, const store::AuditEntry* audit) {
  if (!life_->pass()) return dead();
  return tables_->register_workflows(rows, audit);
}
Result<std::string> Disk::keep_secret(const std::string& name, const std::string& fresh) {
  if (!life_->pass()) return dead();
  return tables_->keep_secret(name, fresh);
}
Result<store::Epoch> Disk::take_over(store::ShardId shard, const std::string& owner) {
  if (!life_->pass()) return dead();
  return tables_->take_over(shard, owner);
}
Result<bool> Disk::record_notices(std::span<const store::Notice> told) {
  if (!life_->pass()) return dead();
  return tables_->record_notices(told);
}
Result<store::Purged> Disk::purge(std::span<const store::SagaKey> roots, Timestamp ended_before) {
  if (!life_->pass()) return dead();
  return tables_->purge(roots, ended_before);
}

}  // namespace saga::sim
