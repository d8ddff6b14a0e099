#include "tests/torture/judge.h"

#include <fmt/format.h>
#include <httplib.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

namespace saga::torture {
namespace {

constexpr int kReaders = 3;
constexpr std::size_t kTold = 20;  ///< Violations that are told with all there is about them.

class Judge {
 public:
  Judge(std::uint16_t port, const std::vector<workflows::WorkflowRef>& workflows,
        const std::map<std::string, Plan>& known, Ledgers ledgers, Resumptions& resumptions)
      : port_(port), known_(known), ledgers_(std::move(ledgers)), resumptions_(resumptions) {
    for (const auto& workflow : workflows) workflows_[workflow->name] = workflow.get();
  }

  Judgement run() {
    if (list()) {
      look_for_the_lost();
      std::atomic<std::size_t> next{0};
      std::vector<std::jthread> readers;
      for (int i = 0; i < kReaders; ++i) readers.emplace_back([&] { read(next); });
      readers.clear();
      look_for_strangers();
    }
    return std::move(judgement_);
  }

 private:
  static std::optional<Json> get(httplib::Client& http, const std::string& path, int* status = nullptr) {
    const auto answer = http.Get(path);
    if (status != nullptr) *status = answer ? answer->status : 0;
    if (!answer || answer->status != 200) return std::nullopt;
    auto json = parse_json(answer->body);
    return json ? std::optional(std::move(*json)) : std::nullopt;
  }

  void wrong(const std::string& invariant, const std::string& id, const std::string& what,
             const Evidence* evidence = nullptr) {
    const std::lock_guard lock(mutex_);
    std::string told = fmt::format("{} {}: {}", invariant, id, what);
    if (evidence != nullptr && judgement_.violations.size() < kTold) told += "\n" + tell(*evidence);
    judgement_.violations.push_back(std::move(told));
  }

  /// Every saga there is, with its status.
  bool list() {
    httplib::Client http("127.0.0.1", port_);
    http.set_keep_alive(true);
    http.set_read_timeout(60);
    std::string cursor;
    do {
      const auto page = get(http, "/v1/sagas?limit=500" + (cursor.empty() ? "" : "&cursor=" + cursor));
      if (!page) {
        wrong("I1", "-", "the sagas cannot be listed");
        return false;
      }
      for (const Json& saga : page->at("sagas")) {
        const std::string status = saga.at("status");
        ++judgement_.by_status[status];
        ++judgement_.by_workflow[saga.at("workflow")];
        ids_.push_back(saga.at("id"));
        if (!status_.emplace(ids_.back(), status).second) wrong("I1", ids_.back(), "it is listed twice");
      }
      cursor = page->at("next_cursor").is_string() ? page->at("next_cursor").get<std::string>() : "";
    } while (!cursor.empty());
    judgement_.sagas = static_cast<std::int64_t>(ids_.size());
    return true;
  }

  /// What the clients know of and the list has not: it is asked for by its id.
  void look_for_the_lost() {
    for (const auto& [id, plan] : known_) {
      if (plan.ending == Ending::kNothing) ++judgement_.refused;
      if (!status_.contains(id)) ids_.push_back(id);
      const auto workflow = workflows_.find(plan.workflow);
      if (workflow == workflows_.end() || !status_.contains(id) || status_[id] != "completed") continue;
      for (const auto& step : workflow->second->steps) {
        if (step.kind == workflows::StepKind::kSaga && !status_.contains(id + "~" + step.name))
          wrong("I1", id, "completed, but its child is lost");
      }
    }
  }

  void read(std::atomic<std::size_t>& next) {
    httplib::Client http("127.0.0.1", port_);
    http.set_keep_alive(true);
    http.set_tcp_nodelay(true);
    http.set_read_timeout(60);
    for (std::size_t i = next++; i < ids_.size(); i = next++) judge_one(http, ids_[i]);
  }

  void judge_one(httplib::Client& http, const std::string& id) {
    Evidence evidence;
    evidence.id = id;
    const std::string parent = id.substr(0, id.find('~'));
    const auto plan = known_.find(parent);
    if (plan == known_.end()) return wrong("I8", id, "nobody has ever been told that it was accepted");
    evidence.ending = plan->second.ending;
    evidence.amount = plan->second.input.value("amount", 0);
    if (parent != id) {
      const std::string& status = status_.at(parent);
      evidence.ending = status == "completed" ? Ending::kCompleted : Ending::kCompensated;
    }
    int status = 0;
    if (auto shown = get(http, "/v1/sagas/" + id, &status)) evidence.shown = std::move(*shown);
    if (status != 200 && status != 404) return wrong("I7", id, fmt::format("GET was answered {}", status));
    if (status == 200) {
      const auto events = get(http, "/v1/sagas/" + id + "/events");
      if (!events) return wrong("I7", id, "its events cannot be read");
      evidence.events = read_events(*events);
      evidence.workflow = workflows_.at(evidence.shown.at("workflow"));
      if (parent == id && evidence.shown.at("input") != plan->second.input)
        wrong("I7", id, "its input is shown otherwise than it was sent");
    }
    {
      const std::lock_guard lock(mutex_);
      if (const auto ledger = ledgers_.find(id); ledger != ledgers_.end()) {
        evidence.ledger = std::move(ledger->second);
        ledgers_.erase(ledger);
      }
      judgement_.calls += static_cast<std::int64_t>(evidence.ledger.calls.size());
      judgement_.effects += static_cast<std::int64_t>(evidence.ledger.effects.size() + evidence.ledger.charges.size());
      judgement_.events += static_cast<std::int64_t>(evidence.events.size());
    }
    for (const Violation& violation : check_saga(evidence)) wrong(violation.invariant, id, violation.what, &evidence);
    resumptions_.see(evidence);
  }

  /// Whom a worker was called for, though the store does not know it.
  void look_for_strangers() {
    for (const auto& [id, ledger] : ledgers_) wrong("I1", id, "a worker was called for it, but there is no such saga");
  }

  const std::uint16_t port_;
  const std::map<std::string, Plan>& known_;
  std::map<std::string, const workflows::Workflow*> workflows_;
  std::vector<std::string> ids_;
  std::map<std::string, std::string> status_;  ///< Not changed once there are readers.
  std::mutex mutex_;
  Ledgers ledgers_;  ///< Guarded by mutex_ while there are readers, as judgement_.
  Resumptions& resumptions_;
  Judgement judgement_;
};

}  // namespace

Judgement judge(std::uint16_t port, const std::vector<workflows::WorkflowRef>& workflows,
                const std::map<std::string, Plan>& known, Ledgers ledgers, Resumptions& resumptions) {
  return Judge(port, workflows, known, std::move(ledgers), resumptions).run();
}

}  // namespace saga::torture
