#include "engine/runtime/recovery.h"

#include <fmt/format.h>

namespace saga::runtime {
namespace {

/// Between two pages of a scan, however much there is to do: who is due has its turn beside any load of new ones.
constexpr Millis kLongestPause{100};

}  // namespace

Recovery::Recovery(const Registry& registry, store::Store& store, const Clock& clock, const RuntimeOptions& options,
                   std::function<void(RecoveryReport)> report, std::function<bool()> is_enough)
    : registry_(registry),
      store_(store),
      clock_(clock),
      options_(options),
      report_(std::move(report)),
      is_enough_(std::move(is_enough)) {}

Recovery::~Recovery() = default;

void Recovery::start() {
  if (!thread_.joinable()) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
}

void Recovery::load(std::string id) { ask(std::move(id)); }
void Recovery::load(std::vector<store::SagaKey> keys) { ask(std::move(keys)); }
void Recovery::look_up(std::vector<std::string> ids, std::function<void(std::vector<SagaLoaded>)> found) {
  ask(LookUp{std::move(ids), std::move(found)});
}

void Recovery::ask(Request request) {
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
  }
  wake_.notify_one();
}

void Recovery::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (step()) continue;
    std::unique_lock lock(mutex_);
    const Millis patience = std::max(Millis{1}, next_scan_ - clock_.now());
    wake_.wait_for(lock, stop, std::min(patience, options_.scan_interval), [this] { return !requests_.empty(); });
  }
}

bool Recovery::step() {
  std::optional<Request> request;
  {
    const std::lock_guard lock(mutex_);
    if (!requests_.empty()) {
      request = std::move(requests_.front());
      requests_.pop_front();
    }
  }
  if (request) {
    serve(*request);
    return true;
  }
  return scan_page();
}

Timestamp Recovery::next_step() {
  const std::lock_guard lock(mutex_);
  return !requests_.empty() || scan_cursor_ ? Timestamp{} : next_scan_;
}

void Recovery::serve(const Request& request) {
  std::vector<SagaLoaded> loaded;
  if (const auto* id = std::get_if<std::string>(&request)) {
    loaded.push_back(read(*id, std::nullopt, store_.find(*id)));
  } else if (const auto* wanted = std::get_if<LookUp>(&request)) {
    loaded.reserve(wanted->ids.size());
    for (const std::string& wanted_id : wanted->ids) {
      loaded.push_back(read(wanted_id, std::nullopt, store_.find(wanted_id)));
    }
    return wanted->found(std::move(loaded));
  } else {
    const auto& keys = std::get<std::vector<store::SagaKey>>(request);
    loaded.reserve(keys.size());
    for (const store::SagaKey key : keys) {
      auto row = store_.find(key);
      std::string found = row ? row->identity.id : std::string();
      loaded.push_back(read(std::move(found), key, std::move(row)));
    }
  }
  report_(std::move(loaded));
}

/// True when the page was full and the scan goes on. A store that cannot be read is asked again at the next scan.
bool Recovery::scan_page() {
  const Timestamp now = clock_.now();
  const bool lately = page_at_ <= now && now < page_at_ + kLongestPause;
  if (scan_cursor_ && lately && is_enough_()) return false;
  page_at_ = now;
  if (!scan_cursor_) {
    if (now < next_scan_) return false;
    scan_until_ = now + options_.scan_ahead;
  }
  auto page = store_.due(options_.shard, scan_until_, scan_cursor_, options_.scan_batch);
  if (!page || page->size() < options_.scan_batch) {
    scan_cursor_.reset();
    next_scan_ = clock_.now() + options_.scan_interval;
  } else {
    scan_cursor_ = store::DueCursor{page->back().wake_at, page->back().key};
  }
  if (page && !page->empty()) report_(DueFound{std::move(*page)});
  return scan_cursor_.has_value();
}

SagaLoaded Recovery::read(std::string id, std::optional<store::SagaKey> asked_key, Result<store::SagaRow> row) {
  SagaLoaded loaded{std::move(id), asked_key, std::move(row), nullptr, nullptr, "", 0, false};
  while (loaded.row) {
    read_events(loaded);
    if (!loaded.row || loaded.problem.empty()) break;
    // Moved on between the two reads? Else it is as it is.
    auto now = store_.find(loaded.row->key);
    if (now && *now == *loaded.row) break;
    loaded.row = std::move(now);
  }
  return loaded;
}

/// Fills in what follows from the events of `loaded.row`; a row whose events cannot be read is none.
void Recovery::read_events(SagaLoaded& loaded) {
  loaded.state = nullptr;
  loaded.problem.clear();
  const store::Identity& identity = loaded.row->identity;
  auto records = store_.load(loaded.row->key);
  if (!records) {
    loaded.row = tl::unexpected(records.error());
    return;
  }
  if (!records->empty()) loaded.last_seq = records->back().seq;
  loaded.workflow = registry_.find(identity.workflow, identity.version);
  if (!loaded.workflow) {
    loaded.problem = fmt::format("its workflow {}/{} cannot be read", identity.workflow, identity.version);
    return;
  }
  auto state = replay(*loaded.workflow, *records);
  loaded.problem = state ? contradiction(*loaded.row, *state) : state.error().message;
  if (!loaded.problem.empty()) return;
  loaded.state = std::make_shared<core::SagaState>(std::move(*state));
  const std::string& parent = loaded.state->facts->parent_id;
  if (!parent.empty() && !loaded.row->head.ended) {
    const auto parent_row = store_.find(parent);
    loaded.parent_terminated = parent_row && parent_row->head.status == core::to_string(core::SagaStatus::kTerminated);
  }
}

}  // namespace saga::runtime
