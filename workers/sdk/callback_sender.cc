#include "workers/sdk/callback_sender.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>

namespace saga::workers {
namespace {

using Clk = std::chrono::steady_clock;

constexpr std::chrono::seconds kAnswerPatience{5};
constexpr std::chrono::seconds kDatabasePatience{5};
constexpr Millis kFirstPause{500};  ///< After a round in which something was not answered; doubled up to the longest.
constexpr Millis kLongestPause{30'000};
constexpr Millis kIdlePause{60'000};  ///< Another process on the database may have died with something to send.
constexpr std::size_t kBatch = 100;

/// The status, or 0 where no answer came.
int post(const std::string& url, const std::string& body) {
  const std::size_t scheme = url.find("://");
  const std::size_t path = scheme == std::string::npos ? std::string::npos : url.find('/', scheme + 3);
  if (path == std::string::npos) return 404;  // Nothing that could ever be answered.
  httplib::Client client(url.substr(0, path));
  if (!client.is_valid()) return 0;
  client.set_connection_timeout(kAnswerPatience);
  client.set_read_timeout(kAnswerPatience);
  client.set_write_timeout(kAnswerPatience);
  const auto answer = client.Post(url.substr(path), body, "application/json");
  return answer ? answer->status : 0;
}

/// Taken (204), too late (409, 410), or such that saying it again will not help. What could pass is not settled: no
/// answer, 5xx, 408, 425, 429, and what a proxy on the way says of itself.
bool is_settled(int status) {
  switch (status) {
    case 204:
    case 400:
    case 404:
    case 409:
    case 410:
    case 413:
    case 422:
      return true;
    default:
      return false;
  }
}

}  // namespace

CallbackSender::CallbackSender(BarrierStore& store)
    : store_(store), thread_([this](const std::stop_token& stop) { run(stop); }) {}

CallbackSender::~CallbackSender() = default;

void CallbackSender::wake() {
  {
    const std::lock_guard lock(mutex_);
    news_ = true;
  }
  woken_.notify_one();
}

void CallbackSender::run(const std::stop_token& stop) {
  Millis pause = kFirstPause;
  while (!stop.stop_requested()) {
    {
      const std::lock_guard lock(mutex_);
      news_ = false;
    }
    const bool all_sent = send_all(stop);
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, stop, all_sent ? kIdlePause : pause, [this] { return news_; });
    pause = all_sent ? kFirstPause : std::min(pause * 2, kLongestPause);
  }
}

bool CallbackSender::send_all(const std::stop_token& stop) {
  try {
    while (true) {
      std::vector<PendingCallback> pending;
      {
        auto transaction = store_.begin(Clk::now() + kDatabasePatience);
        if (!transaction) return false;
        pending = (*transaction)->callbacks(kBatch);
      }
      std::size_t settled = 0;
      for (const PendingCallback& callback : pending) {
        if (stop.stop_requested()) return false;
        if (!is_settled(post(callback.url, callback.body))) continue;
        auto transaction = store_.begin(Clk::now() + kDatabasePatience);
        if (!transaction) return false;
        (*transaction)->erase_callback(callback.url);
        (*transaction)->commit();
        ++settled;
      }
      if (settled < pending.size()) return false;
      if (pending.size() < kBatch) return true;
    }
  } catch (const SqlError&) {
    return false;  // The next round tries again; what is sent twice is answered twice.
  }
}

Result<void> send_heartbeat(const std::string& url) {
  const int status = post(url + "/heartbeat", "");
  if (status == 204) return {};
  if (status == 404 || status == 409 || status == 410) {
    return fail(ErrorCode::kConflict, "nobody waits for this call any more");
  }
  return fail(ErrorCode::kUnavailable, status == 0 ? std::string("the orchestrator did not answer")
                                                   : fmt::format("the orchestrator answered {}", status));
}

}  // namespace saga::workers
