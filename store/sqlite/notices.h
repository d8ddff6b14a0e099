// What has been told outside about sagas that need attention: the table `notices`, on either side.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

namespace saga::store::sqlite {

/// On a reader's connection: what is due to be told. Those that are over come first: one that needs attention anew has
/// its old notice taken back before.
class NoticesDue {
 public:
  [[nodiscard]] Result<void> prepare(Connection& connection);
  [[nodiscard]] Result<std::vector<Notice>> read(std::size_t limit);

 private:
  [[nodiscard]] Result<void> read(Statement& statement, bool over, std::size_t limit, std::vector<Notice>& notices);

  Connection* connection_ = nullptr;
  Statement begun_, over_;
};

/// On the writer's connection, inside its transaction: what was told.
class NoticesTold {
 public:
  [[nodiscard]] Result<void> prepare(Connection& connection);
  [[nodiscard]] Result<void> write(std::span<const Notice> told);

 private:
  Connection* connection_ = nullptr;
  Statement keep_, forget_;
};

}  // namespace saga::store::sqlite
