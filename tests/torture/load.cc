#include "tests/torture/load.h"

#include <fmt/format.h>
#include <httplib.h>

#include "tests/torture/ledger.h"

namespace saga::torture {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kClients = 24;
constexpr std::chrono::milliseconds kAgain{4};        ///< After no answer.
constexpr std::chrono::milliseconds kOverloaded{50};  ///< After a 503.
constexpr std::chrono::seconds kAnswerPatience{20};
constexpr std::size_t kRecent = 64;

}  // namespace

void Outages::killed(std::int64_t at_ns) {
  const std::lock_guard lock(mutex_);
  accepted_at_[at_ns] = 0;
}

void Outages::accepted(std::int64_t first_sent_ns, std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  for (auto it = accepted_at_.rbegin(); it != accepted_at_.rend() && it->second == 0; ++it) {
    if (it->first < first_sent_ns) it->second = now_ns;
  }
}

bool Outages::over() const {
  const std::lock_guard lock(mutex_);
  return accepted_at_.empty() || accepted_at_.rbegin()->second != 0;
}

std::map<std::int64_t, std::int64_t> Outages::accepted_at() const {
  const std::lock_guard lock(mutex_);
  return accepted_at_;
}

Load::Load(std::uint16_t port, std::uint64_t seed, double rate) : port_(port), seed_(seed), rate_(rate) {}

Load::~Load() { stop(); }

void Load::start() {
  begin_ = SteadyClock::now();
  for (int i = 0; i < kClients; ++i) clients_.emplace_back([this] { client(); });
}

void Load::finish() {
  const std::lock_guard lock(mutex_);
  finishing_ = true;
  changed_.notify_all();
}

void Load::stop() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = stopped_ = true;
    changed_.notify_all();
  }
  clients_.clear();
}

std::vector<std::string> Load::complaints() const {
  const std::lock_guard lock(mutex_);
  return complaints_;
}

void Load::hold(bool held) {
  const std::lock_guard lock(mutex_);
  const auto now = SteadyClock::now();
  if (held && !held_since_) held_since_ = now;
  if (!held && held_since_) {
    begin_ += now - *held_since_;
    held_since_.reset();
  }
  changed_.notify_all();
}

bool Load::await_turn(std::int64_t n) {
  const auto after =
      std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(static_cast<double>(n) / rate_));
  std::unique_lock lock(mutex_);
  while (!finishing_ && (held_since_ || SteadyClock::now() < begin_ + after)) {
    held_since_ ? changed_.wait(lock) : static_cast<void>(changed_.wait_until(lock, begin_ + after));
  }
  return !finishing_;
}

bool Load::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [&] { return stopped_; });
}

void Load::client() {
  for (;;) {
    const std::int64_t n = next_++;
    if (!await_turn(n)) return;
    Start start = draw_start(seed_, n);
    {
      const std::lock_guard lock(mutex_);
      const bool clashes = start.kind == StartKind::kClashing || start.kind == StartKind::kBatchClash;
      if (clashes && recent_.empty()) continue;
      if (clashes) start.sagas.back().id = recent_[static_cast<std::size_t>(n) % recent_.size()];
    }
    ++unanswered_;
    if (!send(start)) return;
    --unanswered_;
  }
}

std::string Load::body_of(const Start& start) {
  Json sagas = Json::array();
  for (const Plan& plan : start.sagas)
    sagas.push_back({{"workflow", plan.workflow}, {"id", plan.id}, {"input", plan.input}});
  const bool clashes = start.kind == StartKind::kClashing || start.kind == StartKind::kBatchClash;
  if (clashes) sagas.back()["input"] = {{"amount", -1}, {"trouble", Json::object()}};
  const bool many = start.kind == StartKind::kBatch || start.kind == StartKind::kBatchClash;
  return dump_json(many ? Json{{"sagas", sagas}} : sagas.front());
}

bool Load::send(const Start& start) {
  const bool many = start.kind == StartKind::kBatch || start.kind == StartKind::kBatchClash;
  const char* path = many ? "/v1/sagas/batch" : "/v1/sagas";
  const std::string body = body_of(start);
  thread_local httplib::Client http("127.0.0.1", port_);
  http.set_keep_alive(true);
  http.set_tcp_nodelay(true);
  http.set_read_timeout(kAnswerPatience);
  const std::int64_t first_sent = now_ns();
  for (;;) {
    const auto answer = http.Post(path, body, "application/json");
    if (answer && answer->status != 503) {
      settle(start, answer->status, answer->body, first_sent);
      return true;
    }
    if (pause(answer ? kOverloaded : kAgain)) return false;
  }
}

void Load::settle(const Start& start, int status, const std::string& body, std::int64_t first_sent_ns) {
  const auto expect = [&](std::initializer_list<int> expected) {
    for (const int one : expected) {
      if (one == status) return true;
    }
    complain(fmt::format("a start of kind {} ({}) was answered {}: {}", static_cast<int>(start.kind),
                         start.sagas.front().id, status, body.substr(0, 300)));
    return false;
  };
  bool accepted = false;
  bool refused = false;
  switch (start.kind) {
    case StartKind::kOne:
      accepted = expect({200, 201});
      break;
    case StartKind::kBatch: {
      accepted = expect({200, 201});
      const auto said = parse_json(body);
      const std::int64_t started = said && said->is_object() ? said->value("started", std::int64_t{-1}) : -1;
      if (started != 0 && started != static_cast<std::int64_t>(start.sagas.size()))
        complain(fmt::format("a part of a batch ({}) was there: {}", start.sagas.front().id, body.substr(0, 300)));
      break;
    }
    case StartKind::kClashing:
      static_cast<void>(expect({409}));
      return;
    case StartKind::kBatchClash:
      refused = expect({409});
      break;
    case StartKind::kUnfit:
      refused = expect({422});
      break;
    case StartKind::kUnknown:
      refused = expect({404});
      break;
  }
  if (accepted && status == 201) outages_.accepted(first_sent_ns, now_ns());
  const std::lock_guard lock(mutex_);
  for (const Plan& plan : start.sagas) {
    if (!accepted && !refused) continue;
    const bool the_clash = start.kind == StartKind::kBatchClash && &plan == &start.sagas.back();
    if (the_clash) continue;  // Somebody else's saga.
    known_.emplace(plan.id, plan);
    if (!accepted) continue;
    if (recent_.size() < kRecent) {
      recent_.push_back(plan.id);
    } else {
      recent_[known_.size() % kRecent] = plan.id;
    }
  }
}

void Load::complain(const std::string& what) {
  const std::lock_guard lock(mutex_);
  complaints_.push_back(what);
}

}  // namespace saga::torture
