#include "store/memory/filter.h"

#include <algorithm>

namespace saga::store {

bool matches_place(const ListFilter& filter, const Stuck& place) {
  return (!filter.stuck_step || place.step == *filter.stuck_step) &&
         (!filter.stuck_code || place.code == *filter.stuck_code);
}

bool matches(const ListFilter& filter, const SagaRow& row) {
  const Identity& identity = row.identity;
  const Head& head = row.head;
  if (filter.workflow && identity.workflow != *filter.workflow) return false;
  if (filter.version && identity.version != *filter.version) return false;
  if (!filter.statuses.empty() &&
      std::find(filter.statuses.begin(), filter.statuses.end(), head.status) == filter.statuses.end())
    return false;
  if (filter.needs_attention && head.needs_attention != *filter.needs_attention) return false;
  if (filter.since && identity.created_at < *filter.since) return false;
  if (filter.until && identity.created_at >= *filter.until) return false;
  if (filter.stuck_step || filter.stuck_code) {
    const auto fits = [&filter](const Stuck& place) { return matches_place(filter, place); };
    if (std::none_of(head.stuck.begin(), head.stuck.end(), fits)) return false;
  }
  return std::all_of(filter.tags.begin(), filter.tags.end(), [&identity](const auto& tag) {
    return std::find(identity.tags.begin(), identity.tags.end(), tag) != identity.tags.end();
  });
}

bool matches(const AuditFilter& filter, const AuditEntry& entry) {
  if (filter.actor && entry.actor != *filter.actor && !entry.actor.starts_with(*filter.actor + " (")) return false;
  if (filter.verb && entry.verb != *filter.verb) return false;
  if (filter.saga && entry.saga != *filter.saga) return false;
  if (filter.since && entry.at < *filter.since) return false;
  return !filter.until || entry.at < *filter.until;
}

}  // namespace saga::store
