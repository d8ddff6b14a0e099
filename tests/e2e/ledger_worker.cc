#include "tests/e2e/ledger_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace saga::testing {
namespace {

std::string key_of(const LedgerEntry& e) { return e.saga + "/" + e.step + "/" + e.phase; }

}  // namespace

LedgerWorker::LedgerWorker(std::string refused_step) : refused_step_(std::move(refused_step)) {
  httplib::Server& http = server_.http();
  http.new_task_queue = [] { return new httplib::ThreadPool(64); };
  http.set_keep_alive_max_count(1'000'000);
  http.set_tcp_nodelay(true);
  http.Post(".*", [this](const httplib::Request& request, httplib::Response& response) { take(request, response); });
  server_.listen();
}

std::vector<LedgerEntry> LedgerWorker::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

void LedgerWorker::take(const httplib::Request& request, httplib::Response& response) {
  LedgerEntry entry;
  entry.saga = request.get_header_value("Saga-Id");
  entry.step = request.get_header_value("Saga-Step");
  entry.phase = request.get_header_value("Saga-Phase");
  entry.outcome = request.get_header_value("Saga-Outcome");
  entry.attempt = std::atoi(request.get_header_value("Saga-Attempt").c_str());
  entry.done = !(entry.phase == "action" && entry.step == refused_step_ && entry.saga.starts_with("undo-"));
  response.status = entry.done ? 200 : 422;
  response.set_content(entry.done ? R"({"ok":true})" : R"({"code":"refused"})", "application/json");
  const std::lock_guard lock(mutex_);
  entries_.push_back(std::move(entry));
}

std::vector<std::string> broken_promises(const std::vector<LedgerEntry>& entries,
                                         const std::vector<std::string>& steps) {
  std::vector<std::string> broken;
  std::map<std::string, std::set<int>> attempts;  // By call: saga/step/phase.
  for (const LedgerEntry& e : entries) {
    if (!attempts[key_of(e)].insert(e.attempt).second)
      broken.push_back(fmt::format("{} attempt {} came twice", key_of(e), e.attempt));
  }
  struct Seen {
    std::vector<std::string> done;
    std::vector<std::string> undone;
  };
  std::map<std::string, Seen> sagas;
  for (const LedgerEntry& e : entries) {
    // What the killed process had sent may arrive after the same call's next attempt: only the newest says when it
    // ended.
    if (e.attempt != *attempts[key_of(e)].rbegin()) continue;
    Seen& seen = sagas[e.saga];
    if (e.phase == "compensation") {
      seen.undone.push_back(e.step);
      continue;
    }
    if (!seen.undone.empty()) broken.push_back(key_of(e) + " after a compensation");
    const std::size_t place = static_cast<std::size_t>(std::find(steps.begin(), steps.end(), e.step) - steps.begin());
    if (place != seen.done.size()) broken.push_back(fmt::format("{} after [{}]", key_of(e), fmt::join(seen.done, " ")));
    if (e.done) seen.done.push_back(e.step);
  }
  for (const auto& [id, seen] : sagas) {
    if (seen.undone.empty()) continue;
    std::vector<std::string> expected(seen.done.rbegin(), seen.done.rend());
    std::vector<std::string> undone = seen.undone;
    // The refused step comes first where an attempt of it was lost: it may have been done.
    if (undone.size() == expected.size() + 1 && undone.front() == steps[expected.size()]) undone.erase(undone.begin());
    if (undone != expected)
      broken.push_back(
          fmt::format("{}: undone [{}], done [{}]", id, fmt::join(undone, " "), fmt::join(seen.done, " ")));
  }
  return broken;
}

}  // namespace saga::testing
