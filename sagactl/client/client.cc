#include "sagactl/client/client.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <charconv>

#include "sagactl/client/event_stream.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr Millis kConnectPatience{5'000};
// A server sends a comment every now and then on an idle stream; one this silent is gone.
constexpr Millis kStreamSilence{90'000};

std::string percent_encode(std::string_view in) {
  std::string out;
  for (const char c : in) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

bool fits_header(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x20 && u != 0x7F;
  });
}

std::string with_query(const std::string& path, const Query& query) {
  std::string out = path;
  char separator = '?';
  for (const auto& [key, value] : query) {
    out += separator + percent_encode(key) + "=" + percent_encode(value);
    separator = '&';
  }
  return out;
}

Failure no_answer(const std::string& url, httplib::Error error) {
  Failure failure;
  failure.sent = error != httplib::Error::Connection && error != httplib::Error::ConnectionTimeout &&
                 error != httplib::Error::SSLConnection && error != httplib::Error::SSLServerVerification &&
                 error != httplib::Error::SSLLoadingCerts;
  failure.message = failure.sent ? fmt::format("the connection to {} was lost before an answer came", url)
                                 : fmt::format(
                                       "cannot connect to {}: is sagad running there? "
                                       "(--server or SAGACTL_SERVER says where)",
                                       url);
  if (error == httplib::Error::SSLServerVerification || error == httplib::Error::SSLLoadingCerts) {
    failure.message = fmt::format(
        "the certificate of {} could not be verified (--ca-file or SAGACTL_CA_FILE says whom to trust)", url);
  }
  if (error == httplib::Error::SSLConnection)
    failure.message = fmt::format("there is no TLS at {}: is it http:// there, or older than TLS 1.2?", url);
  return failure;
}

std::optional<Millis> retry_after(const httplib::Response& response) {
  const std::string value = response.get_header_value("Retry-After");
  int seconds = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (problem != std::errc{} || end != value.data() + value.size() || seconds < 0) return std::nullopt;
  return Millis{std::int64_t{seconds} * 1000};
}

Failure refusal(const std::string& url, const httplib::Response& response) {
  Failure failure;
  failure.status = response.status;
  failure.retry_after = retry_after(response);
  if (auto problem = parse_json(response.body); problem && problem->is_object()) failure.problem = std::move(*problem);
  failure.message = text(failure.problem, "detail");
  if (failure.message.empty()) failure.message = text(failure.problem, "title");
  if (failure.message.empty()) {
    failure.message = fmt::format("{} answered {} {}", url, response.status, response.reason);
  }
  return failure;
}

}  // namespace

std::string path_segment(std::string_view in) { return percent_encode(in); }

struct Client::Connection {
  Access access;
  std::string origin;  ///< scheme://host:port
  std::string prefix;  ///< A path in front of every call's, without a slash at its end.

  bool keeps = false;                     ///< One connection for all calls.
  std::unique_ptr<httplib::Client> kept;  ///< The one that is kept.

  /// One connection a call, unless it is kept: a command makes few, and an old one that the server has closed is never
  /// the reason of a failure.
  [[nodiscard]] httplib::Client& http(Millis patience) {
    if (!keeps || !kept) kept = std::make_unique<httplib::Client>(origin);
    httplib::Client& client = *kept;
    client.set_keep_alive(keeps);
    client.set_tcp_nodelay(true);  // Else a body waits 40 ms for its header to be acknowledged, on a kept connection.
    client.set_connection_timeout(kConnectPatience);
    client.set_read_timeout(patience);
    client.set_write_timeout(Client::kPatience);
    if (!access.ca_file.empty()) client.set_ca_cert_path(access.ca_file);
    client.set_url_encode(false);  // Paths and queries come encoded.
    return client;
  }

  [[nodiscard]] httplib::Headers headers() const {
    httplib::Headers headers{{"Accept", "application/json"}};
    if (!access.actor.empty()) headers.emplace("Saga-Actor", access.actor);
    if (!access.token.empty()) headers.emplace("Authorization", "Bearer " + access.token);
    return headers;
  }

  [[nodiscard]] Answered<Reply> read(const httplib::Result& result) const {
    if (!result) return tl::unexpected<Failure>(no_answer(access.url, result.error()));
    if (result->status < 200 || result->status > 299) return tl::unexpected<Failure>(refusal(access.url, *result));
    if (result->body.empty()) return Reply{result->status, nullptr, true};
    auto body = parse_json(result->body);
    if (!body) {
      Failure failure;
      failure.status = 502;  // As a gateway would say it: whatever answered there is no sagad.
      failure.message =
          fmt::format("{} answered what is not JSON ({}): is that a sagad?", access.url, body.error().message);
      return tl::unexpected<Failure>(std::move(failure));
    }
    return Reply{result->status, std::move(*body), result->get_header_value("Saga-Changed") != "false"};
  }
};

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::open(Access access) {
  const std::string_view url = access.url;
  const auto scheme = url.substr(0, url.find("://"));
  if ((scheme != "http" && scheme != "https") || scheme.size() + 3 >= url.size()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' is not a server: expected http://HOST:PORT or https://HOST:PORT", url));
  }
  const auto slash = url.find('/', scheme.size() + 3);
  auto connection = std::make_unique<Connection>();
  connection->origin = url.substr(0, slash);
  if (slash != std::string_view::npos) connection->prefix = url.substr(slash);
  while (!connection->prefix.empty() && connection->prefix.back() == '/') connection->prefix.pop_back();
  if (!httplib::Client(connection->origin).is_valid()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' is not a server: expected http://HOST:PORT or https://HOST:PORT", url));
  }
  if (!fits_header(access.token))
    return fail(ErrorCode::kInvalid, "the token holds a character that no header can carry");
  if (!fits_header(access.actor)) {
    return fail(ErrorCode::kInvalid, "the actor (SAGACTL_ACTOR) holds a character that no header can carry");
  }
  connection->access = std::move(access);
  return Client(std::move(connection));
}

Answered<Reply> Client::get(const std::string& path, const Query& query, Millis patience) {
  auto& http = connection_->http(patience);
  return connection_->read(http.Get(connection_->prefix + with_query(path, query), connection_->headers()));
}

Answered<Reply> Client::post(const std::string& path, const Json& body, const Query& query, Millis patience) {
  auto& http = connection_->http(patience);
  return connection_->read(http.Post(connection_->prefix + with_query(path, query), connection_->headers(),
                                     dump_json(body), "application/json"));
}

Answered<Reply> Client::post_text(const std::string& path, const std::string& body, const std::string& content_type,
                                  const Query& query) {
  auto& http = connection_->http(kPatience);
  return connection_->read(
      http.Post(connection_->prefix + with_query(path, query), connection_->headers(), body, content_type));
}

Answered<void> Client::stream(const std::string& path, const std::string& last_event_id,
                              const std::function<bool(const StreamEvent&)>& on_event) {
  auto& http = connection_->http(kStreamSilence);
  httplib::Headers headers = connection_->headers();
  headers.erase("Accept");
  headers.emplace("Accept", "text/event-stream");
  if (!last_event_id.empty()) headers.emplace("Last-Event-ID", last_event_id);

  EventStreamReader reader;
  bool stopped = false;
  httplib::Response refused;  // The body of anything but 200 is gathered: it says why.
  const auto result = http.Get(
      connection_->prefix + path, headers,
      [&](const httplib::Response& response) {
        refused.status = response.status;
        refused.headers = response.headers;
        return true;
      },
      [&](const char* bytes, std::size_t size) {
        if (refused.status != 200) {
          refused.body.append(bytes, size);
          return refused.body.size() < (1U << 20U);
        }
        stopped = !reader.feed({bytes, size}, on_event);
        return !stopped;
      });
  if (stopped) return {};
  if (!result) return tl::unexpected<Failure>(no_answer(connection_->access.url, result.error()));
  if (result->status == 204) return {};  // It has ended, and there is nothing that the reader has not seen.
  if (result->status != 200) return tl::unexpected<Failure>(refusal(connection_->access.url, refused));
  return {};
}

Client Client::another() const {
  auto connection = std::make_unique<Connection>();
  connection->access = connection_->access;
  connection->origin = connection_->origin;
  connection->prefix = connection_->prefix;
  connection->keeps = true;
  return Client(std::move(connection));
}

const std::string& Client::url() const { return connection_->access.url; }

}  // namespace saga::ctl
