// Takes sagas out of the tables, inside the writer's transaction.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

namespace saga::store::sqlite {

/// Gives the children of the saga whose id is ?1, with what `may_go` needs.
inline constexpr const char* kChildren =
    "SELECT key, ended, needs_attention, updated_at FROM sagas WHERE id > ?1 || '~' AND id < ?1 || char(127)";

/// Reads columns 1 to 3 of `kChildren`: ended, needs no attention, and has been so since before `ended_before`.
[[nodiscard]] bool may_go(const Statement& row, Timestamp ended_before);

/// One connection, one thread: the writer's.
class Remover {
 public:
  /// Told of every saga that goes.
  using Gone = std::function<void(SagaKey key, const std::string& workflow, const std::string& status)>;

  [[nodiscard]] Result<void> prepare(Connection& connection);

  /// Removes `root` and its children if they may go by what the tables now say. Gives how many sagas went.
  [[nodiscard]] Result<std::size_t> remove(SagaKey root, Timestamp ended_before, const Gone& gone);

  /// No saga is numbered up to `key` again.
  [[nodiscard]] Result<void> retire_keys_to(SagaKey key);

 private:
  /// `root`'s and its children's keys; none if one has to stay.
  [[nodiscard]] Result<std::vector<SagaKey>> family(SagaKey root, Timestamp ended_before, std::string& id);
  [[nodiscard]] Result<void> remove_one(SagaKey key, const Gone& gone);
  [[nodiscard]] Error error(int code) const;

  Connection* connection_ = nullptr;
  Statement root_, children_, row_;
  Statement delete_events_, delete_tag_, delete_stuck_, delete_saga_;
  Statement keep_id_, raise_key_;
};

}  // namespace saga::store::sqlite
