#include "engine/sagad/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "engine/sagad/config_file.h"

namespace saga::sagad {
namespace {

/// As they are written, before they are checked.
struct Written {
  std::string listen = "127.0.0.1:7070";
  std::string public_url;
  std::string store = "sqlite:saga.db";
  std::vector<std::string> workflows;
  std::vector<std::string> services;
  std::string config;
  std::string log_format = "text";
  std::string log_level = "info";
  std::string drain = "10s";
  std::string tokens;
  std::string tls_cert;
  std::string tls_key;
  std::string retention;
  std::string attention_webhook;
  std::string attention_webhook_secret_file;
  bool insecure = false;
  bool hold = false;
  bool check = false;
};

void declare(CLI::App& app, Written& w) {
  app.set_version_flag("--version", std::string("sagad ") + kVersion);
  app.add_option("--listen", w.listen, "Address to listen on, port 0: any free one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--public-url", w.public_url, "How workers reach this server, for callbacks")->type_name("URL");
  app.add_option("--store", w.store, "sqlite:PATH or memory (which forgets all)")
      ->type_name("STORE")
      ->capture_default_str();
  app.add_option("--workflows", w.workflows, "Definitions registered at the start; repeatable")
      ->type_name("DIR")
      ->allow_extra_args(false);
  app.add_option("--service", w.services, "Where a service is: NAME=URL[,URL...]; repeatable")
      ->type_name("NAME=URL")
      ->allow_extra_args(false);
  app.add_option("--config", w.config, "YAML file with the same names, and services")->type_name("FILE");
  app.add_option("--log-format", w.log_format, "text or json")->type_name("FORMAT")->capture_default_str();
  app.add_option("--log-level", w.log_level, "debug, info, warn or error")->type_name("LEVEL")->capture_default_str();
  app.add_option("--drain", w.drain, "How long calls in flight may finish after SIGTERM")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--tokens", w.tokens, "Who may call: NAME ROLE SHA256 a line; read again at SIGHUP")
      ->type_name("FILE");
  app.add_option("--tls-cert", w.tls_cert, "Serve https: the certificate chain, PEM; read again at SIGHUP")
      ->type_name("FILE");
  app.add_option("--tls-key", w.tls_key, "The certificate's private key, PEM")->type_name("FILE");
  app.add_option("--retention", w.retention, "Purge what ended longer ago and needs no attention; default: never")
      ->type_name("DURATION");
  app.add_option("--attention-webhook", w.attention_webhook, "Is told when a saga begins to need attention")
      ->type_name("URL");
  app.add_option("--attention-webhook-secret-file", w.attention_webhook_secret_file,
                 "What its messages are signed with: whsec_ and base64, or any text of 16 bytes or more")
      ->type_name("FILE");
  app.add_flag("--hold", w.hold, "Start with every unfinished saga suspended: for a restored backup");
  app.add_flag("--insecure", w.insecure, "Listen beyond loopback though nothing is asked of callers");
  app.add_flag("--check", w.check, "Say whether config and definitions are good, and stop");
}

bool is_meta(const std::string& name) { return name == "help" || name == "version"; }

/// "log-level" -> "SAGAD_LOG_LEVEL".
std::string environment_name(const std::string& option) {
  std::string name = "SAGAD_";
  for (const char c : option) name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

/// Several values of one variable stand between blanks.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : text + ' ') {
    if (c != ' ' && c != '\t' && c != '\n') {
      part += c;
    } else if (!part.empty()) {
      parts.push_back(std::move(part));
      part.clear();
    }
  }
  return parts;
}

void give(CLI::Option& option, const std::vector<std::string>& values) {
  for (const std::string& value : values) option.add_result(value);
  option.run_callback();
}

/// Flags are parsed already; fills in what they left out, the environment before the file. Throws CLI::ParseError.
Result<workers::Services> merge(CLI::App& app, Written& written, Environment environment) {
  std::vector<std::string> names;
  for (CLI::Option* option : app.get_options()) {
    if (is_meta(option->get_lnames().front())) continue;
    const std::string name = option->get_lnames().front();
    if (name != "config" && name != "check") names.push_back(name);
    if (option->count() > 0) continue;
    const char* value = environment(environment_name(name).c_str());
    if (value == nullptr || *value == '\0') continue;
    const bool takes_many = name == "service" || name == "workflows";
    give(*option, takes_many ? split(value) : std::vector<std::string>{value});
  }
  if (written.config.empty()) return workers::Services{};
  auto file = read_config_file(written.config, names);
  if (!file) return tl::unexpected(file.error());
  for (const auto& [name, values] : file->options) {
    CLI::Option* option = app.get_option("--" + name);
    if (option->count() == 0) give(*option, values);
  }
  return std::move(file->services);
}

Result<void> read_webhook(const Written& written, Options& options) {
  const std::string& file = written.attention_webhook_secret_file;
  if (written.attention_webhook.empty()) {
    if (file.empty()) return {};
    return fail(ErrorCode::kInvalid, "--attention-webhook-secret-file: there is no --attention-webhook to sign for");
  }
  auto target = webhook::parse_target(written.attention_webhook);
  if (!target) return fail(ErrorCode::kInvalid, "--attention-webhook: " + target.error().message);
  options.attention_webhook = std::move(*target);
  if (file.empty()) return {};
  auto secret = webhook::Secret::read_file(file);
  if (!secret) return fail(ErrorCode::kInvalid, "--attention-webhook-secret-file: " + secret.error().message);
  options.attention_webhook_secret = std::move(*secret);
  return {};
}

Result<Options> check(const Written& written, workers::Services services) {
  Options options;
  const auto listen = parse_listen(written.listen);
  if (!listen) return tl::unexpected(listen.error());
  options.host = listen->host;
  options.port = listen->port;
  options.insecure = written.insecure;
  options.tokens = written.tokens;
  options.tls_cert = written.tls_cert;
  options.tls_key = written.tls_key;
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return fail(ErrorCode::kInvalid, fmt::format("{} is given without {}: expected both",
                                                 options.tls_key.empty() ? "--tls-cert" : "--tls-key",
                                                 options.tls_key.empty() ? "--tls-key" : "--tls-cert"));
  }
  if (!is_loopback(options.host) && options.tokens.empty() && !options.insecure) {
    return fail(ErrorCode::kInvalid,
                fmt::format("--listen {}: whoever reaches a port beyond loopback could start and end sagas; say who "
                            "may with --tokens FILE, or --insecure if the network keeps others out",
                            written.listen));
  }
  options.public_url = written.public_url;
  if (!options.public_url.empty()) {
    if (const auto url = workers::check_service_url(options.public_url); !url) {
      return fail(ErrorCode::kInvalid, "--public-url: " + url.error().message);
    }
  }
  options.store = written.store;
  options.workflows = written.workflows;
  options.services = std::move(services);
  for (const std::string& service : written.services) {
    if (auto added = add_service(options.services, service); !added) return tl::unexpected(added.error());
  }
  const auto format = telemetry::log_format_from(written.log_format);
  if (!format)
    return fail(ErrorCode::kInvalid,
                fmt::format("--log-format: expected text or json, but it is '{}'", written.log_format));
  options.log_format = *format;
  const auto level = telemetry::log_level_from(written.log_level);
  if (!level) {
    return fail(ErrorCode::kInvalid,
                fmt::format("--log-level: expected debug, info, warn or error, but it is '{}'", written.log_level));
  }
  options.log_level = *level;
  if (written.drain == "0" || written.drain == "0s") {
    options.drain = Millis{0};
  } else if (const auto drain = parse_duration(written.drain)) {
    options.drain = *drain;
  } else {
    return fail(ErrorCode::kInvalid, "--drain: " + drain.error().message);
  }
  if (auto webhook = read_webhook(written, options); !webhook) return tl::unexpected(webhook.error());
  options.hold = written.hold;
  if (!written.retention.empty()) {
    const auto retention = parse_duration(written.retention);
    if (!retention) return fail(ErrorCode::kInvalid, "--retention: " + retention.error().message);
    options.retention = *retention;
  }
  options.check = written.check;
  return options;
}

Leave wrong(const std::string& what) { return {2, "sagad: " + what}; }

}  // namespace

tl::expected<Options, Leave> read_options(const std::vector<std::string>& arguments, Environment environment) {
  CLI::App app("sagad runs sagas: business operations over several services, each step with an undo.", "sagad");
  Written written;
  declare(app, written);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
    auto services = merge(app, written, environment);
    if (!services) return tl::unexpected(Leave{2, services.error().message});
    auto options = check(written, std::move(*services));
    if (!options) return tl::unexpected(wrong(options.error().message));
    return std::move(*options);
  } catch (const CLI::CallForHelp&) {
    return tl::unexpected(Leave{0, app.help()});
  } catch (const CLI::CallForVersion& version) {
    return tl::unexpected(Leave{0, std::string(version.what())});
  } catch (const CLI::ParseError& error) {
    return tl::unexpected(wrong(std::string(error.what()) + " (sagad --help shows the flags)"));
  }
}

Result<ListenAddress> parse_listen(const std::string& text) {
  const auto wrong_text = [&] {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("--listen: expected ADDRESS:PORT such as 127.0.0.1:7070 or [::1]:7070, but it is '{}'", text));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong_text();
  ListenAddress address{text.substr(0, colon), 0};
  if (address.host.starts_with('[') && address.host.ends_with(']'))
    address.host = address.host.substr(1, address.host.size() - 2);
  else if (address.host.find(':') != std::string::npos)
    return wrong_text();
  if (address.host == "localhost") address.host = "127.0.0.1";
  const char* begin = text.data() + colon + 1;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(begin, end, address.port);
  if (error != std::errc{} || parsed != end) return wrong_text();
  return address;
}

bool is_loopback(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

Result<void> add_service(workers::Services& services, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    return fail(ErrorCode::kInvalid, fmt::format("--service: expected NAME=URL[,URL...], but it is '{}'", text));
  }
  workers::Service service;
  std::size_t begin = equals + 1;
  while (begin <= text.size()) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    service.urls.push_back(text.substr(begin, comma - begin));
    if (auto checked = workers::check_service_url(service.urls.back()); !checked) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("--service {}: {}", text.substr(0, equals), checked.error().message));
    }
    begin = comma + 1;
  }
  services[text.substr(0, equals)] = std::move(service);
  return {};
}

}  // namespace saga::sagad
