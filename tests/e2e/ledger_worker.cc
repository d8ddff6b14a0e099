#include "tests/e2e/ledger_worker.h"

#include <fmt/format.h>

#include <algorithm>

namespace saga::testing {

LedgerWorker::LedgerWorker(std::string refused_step) : refused_step_(std::move(refused_step)) {
  server_.new_task_queue = [] { return new httplib::ThreadPool(64); };
  server_.set_keep_alive_max_count(1'000'000);
  server_.set_tcp_nodelay(true);
  server_.Post(".*", [this](const httplib::Request& request, httplib::Response& response) { take(request, response); });
  port_ = server_.bind_to_any_port("127.0.0.1");
  thread_ = std::jthread([this] { server_.listen_after_bind(); });
}

LedgerWorker::~LedgerWorker() { server_.stop(); }

std::string LedgerWorker::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

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

std::vector<std::string> broken_promises(const std::vector<LedgerEntry>& entries, const std::vector<std::string>& steps) {
  struct Seen {
    std::map<std::string, int> newest;                ///< By step/phase.
    std::vector<std::string> done_actions;
    std::vector<std::string> undone;
    bool undoing = false;
  };
  std::map<std::string, Seen> sagas;
  std::vector<std::string> broken;
  for (const LedgerEntry& e : entries) {
    Seen& seen = sagas[e.saga];
    const std::string call = e.step + "/" + e.phase;
    const auto say = [&](std::string_view what) {
      broken.push_back(fmt::format("{} {} attempt {}: {}", e.saga, call, e.attempt, what));
    };
    int& newest = seen.newest[call];
    if (e.attempt <= newest) say(fmt::format("came after attempt {}", newest));
    newest = std::max(newest, e.attempt);
    if (e.phase == "action") {
      if (seen.undoing) say("an action after a compensation");
      const auto at = std::find(steps.begin(), steps.end(), e.step);
      for (auto before = steps.begin(); before != at; ++before) {
        if (std::find(seen.done_actions.begin(), seen.done_actions.end(), *before) == seen.done_actions.end()) {
          say("before " + *before + " was done");
        }
      }
      if (e.done && std::find(seen.done_actions.begin(), seen.done_actions.end(), e.step) == seen.done_actions.end()) {
        seen.done_actions.push_back(e.step);
      }
    } else {
      seen.undoing = true;
      if (seen.undone.empty() || seen.undone.back() != e.step) seen.undone.push_back(e.step);
    }
  }
  for (const auto& [id, seen] : sagas) {
    if (!seen.undoing) continue;
    std::vector<std::string> expected(seen.done_actions.rbegin(), seen.done_actions.rend());
    std::vector<std::string> undone = seen.undone;
    // A step whose only attempts were lost may be undone as well: it comes first, being the last that was begun.
    if (undone.size() == expected.size() + 1) undone.erase(undone.begin());
    if (undone != expected) broken.push_back(fmt::format("{}: undone [{}], done [{}]", id, fmt::join(undone, " "), fmt::join(seen.done_actions, " ")));
  }
  return broken;
}

}  // namespace saga::testing
