// `--attention-webhook`: tells a URL when a saga begins to need attention and when it no longer does. At least once:
// what is due is read from the store and recorded there after a 2xx, so that a crash repeats and never forgets. What is
// over before it could be told is not told.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "engine/runtime/reader.h"
#include "engine/telemetry/log.h"
#include "engine/webhook/message.h"
#include "engine/webhook/secret.h"
#include "store/store.h"
#include "workers/dispatcher/dispatcher.h"

namespace saga::webhook {

/// A URL taken apart: what a dispatcher connects to, and what it asks for there.
struct Target {
  std::string base;  ///< "https://hooks.example.com"
  std::string path;  ///< "/services/T1?x=y"; it may be secret, so only `base` is shown.
};
[[nodiscard]] Result<Target> parse_target(const std::string& url);

struct WebhookOptions {
  Target target;
  std::optional<Secret> secret;    ///< None: messages are not signed.
  Millis interval{2'000};          ///< Between two looks into the store.
  Millis between_rounds{1'000};    ///< While there is more: at most `kMostSingles` requests in as long.
  std::size_t most_at_once = 200;  ///< Notices a round.
  Millis first_retry{1'000};       ///< Doubled up to the longest.
  Millis longest_retry{60'000};
  Millis timeout{10'000};  ///< For one answer.
};

/// A thread and a connection of its own: a receiver that is slow or dead holds up nothing but its own messages.
class AttentionWebhook {
 public:
  /// All references outlive it. `kInvalid`: a target that cannot be.
  [[nodiscard]] static Result<std::unique_ptr<AttentionWebhook>> start(store::Store& store,
                                                                       const runtime::Reader& reader,
                                                                       const Clock& clock, telemetry::Log& log,
                                                                       WebhookOptions options);
  AttentionWebhook(const AttentionWebhook&) = delete;
  AttentionWebhook& operator=(const AttentionWebhook&) = delete;

 private:
  enum class Round { kNothing, kTold, kFailed };
  /// How one message ended; a problem that also the next one will have is `unreachable`.
  struct Answer {
    bool taken = false;
    bool unreachable = false;
    std::string problem;
  };

  AttentionWebhook(store::Store& store, const runtime::Reader& reader, const Clock& clock, telemetry::Log& log,
                   WebhookOptions options, std::unique_ptr<workers::Dispatcher> dispatcher);
  void run(const std::stop_token& stop);
  Round round(const std::stop_token& stop);
  [[nodiscard]] Answer send(const Message& message, const std::stop_token& stop);
  void note(const std::string& problem);
  void wait(Millis time, const std::stop_token& stop);

  store::Store& store_;
  const runtime::Reader& reader_;
  const Clock& clock_;
  telemetry::Log& log_;
  const WebhookOptions options_;
  std::unique_ptr<workers::Dispatcher> dispatcher_;
  Millis look_took_{0};  ///< Of the thread, as the next.
  std::string problem_;  ///< As last logged; empty while all is well.

  std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::jthread thread_;  ///< Last: it uses everything above.
};

}  // namespace saga::webhook
