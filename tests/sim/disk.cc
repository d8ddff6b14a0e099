#include "tests/sim/disk.h"

#include <fmt/format.h>

namespace saga::sim {
namespace {

tl::unexpected<Error> dead() { return fail(ErrorCode::kUnavailable, "nobody is there any more"); }

}  // namespace

Disk::Disk(Setting& setting, Book& book)
    : setting_(setting),
      book_(book),
      chance_(setting.plan.seed, "disk"),
      tables_(std::make_unique<store::MemoryBackend>()) {}

void Disk::belongs_to(std::shared_ptr<Life> life, const Clock& clock) {
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
    for (const store::Append& append : groups[i]) {
      if (store::is_audit_alone(append)) continue;
      if (const auto row = tables_->find(append.saga)) book_.durable(append, *row, life_->process(), clock_->now());
    }
  }
  return results;
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
