// The one way to the server: JSON over HTTP, failures as values. Used from one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace saga::ctl {

/// Why there is no reply to use.
struct Failure {
  int status = 0;       ///< 0: no answer came.
  bool sent = true;     ///< False: no connection could be made, so the server cannot have acted on it.
  std::string message;  ///< One sentence.
  Json problem;         ///< The body of application/problem+json, or null.
  std::optional<Millis> retry_after;

  /// The server could not be reached or says that it cannot now: the same request may do later.
  [[nodiscard]] bool may_pass() const { return status == 0 || status >= 500 || status == 429; }
};

struct Reply {
  int status = 200;
  Json body;
  bool changed = true;  ///< False: an operator call whose effect held already (`Saga-Changed: false`).
};

template <typename T>
using Answered = tl::expected<T, Failure>;

using Query = std::vector<std::pair<std::string, std::string>>;

/// One event of a text/event-stream.
struct StreamEvent {
  std::string id;
  std::string data;
};

struct Access {
  std::string url;      ///< "http://127.0.0.1:7070"; a path is put in front of every call's.
  std::string token;    ///< Empty: none is sent.
  std::string actor;    ///< Sent as `Saga-Actor`.
  std::string ca_file;  ///< PEM; whom to trust for https. Empty: whom the system trusts.
};

class Client {
 public:
  /// `kInvalid` when the URL is not http:// or https:// with a host, or the token or actor could not stand in a header.
  [[nodiscard]] static Result<Client> open(Access access);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// `patience`: how long the answer may take.
  [[nodiscard]] Answered<Reply> get(const std::string& path, const Query& query = {}, Millis patience = kPatience);
  [[nodiscard]] Answered<Reply> post(const std::string& path, const Json& body, const Query& query = {},
                                     Millis patience = kPatience);
  [[nodiscard]] Answered<Reply> post_text(const std::string& path, const std::string& body,
                                          const std::string& content_type, const Query& query = {});

  /// Gives every event to `on_event` until it returns false, or the stream ends (both: success), or is lost.
  [[nodiscard]] Answered<void> stream(const std::string& path, const std::string& last_event_id,
                                      const std::function<bool(const StreamEvent&)>& on_event);

  [[nodiscard]] const std::string& url() const;

  /// The same access for another thread, and for many calls: it keeps its connection.
  [[nodiscard]] Client another() const;

  static constexpr Millis kPatience{30'000};

 private:
  struct Connection;
  explicit Client(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

/// One segment of a path, percent-encoded.
[[nodiscard]] std::string path_segment(std::string_view text);

}  // namespace saga::ctl
