// A list's filter, one row at a time.
#pragma once

#include "store/store.h"

namespace saga::store {

[[nodiscard]] bool matches(const ListFilter& filter, const SagaRow& row);

/// True where `filter`'s step and code are both those of `place`.
[[nodiscard]] bool matches_place(const ListFilter& filter, const Stuck& place);

[[nodiscard]] bool matches(const AuditFilter& filter, const AuditEntry& entry);

}  // namespace saga::store
