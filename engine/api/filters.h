// The filters of lists and counts, and the cursor that continues a list.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "engine/api/problem.h"
#include "engine/api/target.h"
#include "store/store.h"

namespace saga::api {

inline constexpr std::size_t kDefaultLimit = 50;
inline constexpr std::size_t kMaxLimit = 500;

/// Which part of a list: `cursor` and `limit`.
struct PageRequest {
  std::optional<std::int64_t> before;
  std::size_t limit = kDefaultLimit;
};
[[nodiscard]] Checked<PageRequest> read_page(const Query& query);

/// A time, or a duration before `now`.
[[nodiscard]] Checked<std::optional<Timestamp>> read_time(const Query& query, const std::string& name, Timestamp now);

struct ListRequest : PageRequest {
  store::ListFilter filter;
};

/// Reads `workflow` (NAME[/VERSION]), `status` (several by commas), `needs_attention`, `step`, `code`, `tag` (K=V,
/// repeatable), `since` and `until` (a time, or a duration ago), `cursor`, `limit`. 422 names the first that does not
/// fit.
[[nodiscard]] Checked<ListRequest> read_list_request(std::string_view query, Timestamp now);

/// The same without `cursor` and `limit`.
[[nodiscard]] Checked<store::ListFilter> read_filter(std::string_view query, Timestamp now);

[[nodiscard]] std::string make_cursor(store::SagaKey last_shown);
[[nodiscard]] std::optional<store::SagaKey> read_cursor(std::string_view cursor);

}  // namespace saga::api
