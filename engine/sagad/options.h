// What `sagad` is told: flags over environment (`SAGAD_…`) over the config file, from one declaration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/time.h"
#include "engine/telemetry/log.h"
#include "engine/webhook/attention_webhook.h"
#include "workers/dispatcher/dispatcher.h"

namespace saga::sagad {

struct Options {
  std::string host = "127.0.0.1";  ///< An address.
  std::uint16_t port = 7070;
  std::string public_url;  ///< Empty: not said.
  std::string store = "sqlite:saga.db";
  std::vector<std::string> workflows;
  workers::Services services;
  telemetry::LogFormat log_format = telemetry::LogFormat::kText;
  telemetry::LogLevel log_level = telemetry::LogLevel::kInfo;
  Millis drain{10'000};
  std::string tokens;    ///< A file; empty: everybody may do everything.
  std::string tls_cert;  ///< PEM files; both or neither.
  std::string tls_key;
  std::optional<webhook::Target> attention_webhook;
  std::optional<webhook::Secret> attention_webhook_secret;
  std::optional<Millis> retention;  ///< None: nothing is purged by itself.
  bool insecure = false;
  bool hold = false;
  bool check = false;
};

/// Not options to run by: what to print and how to exit instead.
struct Leave {
  int exit_code = 0;
  std::string text;  ///< To stdout when `exit_code` is 0 (help, version), else to stderr.
};

/// Gives the value of an environment variable, or null.
using Environment = const char* (*)(const char* name);

[[nodiscard]] tl::expected<Options, Leave> read_options(const std::vector<std::string>& arguments,
                                                        Environment environment);

/// "127.0.0.1:7070", "[::1]:7070", "localhost:0" taken apart; `kInvalid` says what would be right.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
};
[[nodiscard]] Result<ListenAddress> parse_listen(const std::string& text);
[[nodiscard]] bool is_loopback(const std::string& host);

/// "inventory=http://127.0.0.1:8081,http://127.0.0.1:8082" into `services`; it replaces one of that name.
[[nodiscard]] Result<void> add_service(workers::Services& services, const std::string& text);

inline constexpr const char* kVersion = "0.1.0";

}  // namespace saga::sagad
