// A list's filter as SQL over the table `sagas`, with the way in chosen here rather than by SQLite, which has no
// statistics to choose by.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "store/sqlite/connection.h"
#include "store/store.h"

namespace saga::store::sqlite {

/// A piece of SQL and what its question marks stand for, in order.
class Sql {
 public:
  Sql& add(std::string_view text);
  Sql& bind(std::int64_t value);
  Sql& bind(std::string value);

  [[nodiscard]] const std::string& text() const { return text_; }
  void bind_to(Statement& statement) const;

 private:
  std::string text_;
  std::vector<std::variant<std::int64_t, std::string>> values_;
};

/// Keys that can match: bounds found from the times of creation, so that a scan by key ends where the filter does.
struct KeyRange {
  SagaKey from = 0;  ///< Inclusive.
  std::optional<SagaKey> below;
};

/// Where a scan begins.
enum class WayIn {
  kTag,        ///< The first tag's sagas, newest first.
  kStuck,      ///< The sagas stuck at a place; few, sorted.
  kAttention,  ///< The sagas that need attention; few, sorted.
  kStatus,     ///< One workflow's sagas of one status, newest first.
  kKey,        ///< All sagas, newest first.
};

/// Of what kind a filter is; `kStatus` where workflow or status is asked for, which the caller splits into streams.
[[nodiscard]] WayIn way_into(const ListFilter& filter);

/// A stream of `kStatus`.
struct WorkflowStatus {
  std::string workflow;
  std::string status;
};

/// " FROM sagas s … WHERE …" for all that `filter` asks. `stream` stands for the filter's workflow and statuses where
/// it is given.
void add_source(Sql& sql, const ListFilter& filter, WayIn way, const std::optional<WorkflowStatus>& stream,
                const KeyRange& range);

/// True where `counts` alone can answer: nothing but workflow and statuses is asked for.
[[nodiscard]] bool only_workflow_and_status(const ListFilter& filter);

}  // namespace saga::store::sqlite
