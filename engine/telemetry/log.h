// Logs: one line an event on stderr, `key=value` or JSON. Written at the edges only; the rulebook never logs.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.h"

namespace saga::telemetry {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kText, kJson };

[[nodiscard]] std::optional<LogLevel> log_level_from(std::string_view name);    ///< "debug", "info", "warn", "error".
[[nodiscard]] std::optional<LogFormat> log_format_from(std::string_view name);  ///< "text", "json".

struct LogField {
  std::string_view key;
  std::variant<std::string_view, std::int64_t> value;
};

/// One event as a line without its end: `2026-11-23T04:54:47.123Z warn saga_suspended saga_id=order-42`. A value with
/// blanks, quotes, control characters or nothing in it is quoted as JSON.
[[nodiscard]] std::string format_log_line(LogFormat format, Timestamp at, LogLevel level, std::string_view event,
                                          std::initializer_list<LogField> fields);

/// Thread-safe. Lines below `level` cost a comparison; the others are queued and written by a thread of the log's own, so
/// that nobody waits for a slow reader of stderr. The destructor writes what is queued.
class Log {
 public:
  /// To stderr.
  Log(LogFormat format, LogLevel level);
  /// To `sink`, at once, a line at a time, its end left out; for tests.
  Log(LogFormat format, LogLevel level, std::function<void(std::string_view)> sink);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  [[nodiscard]] bool writes(LogLevel level) const { return level >= level_; }
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

  void debug(std::string_view event, std::initializer_list<LogField> fields) { write(LogLevel::kDebug, event, fields); }
  void info(std::string_view event, std::initializer_list<LogField> fields) { write(LogLevel::kInfo, event, fields); }
  void warn(std::string_view event, std::initializer_list<LogField> fields) { write(LogLevel::kWarn, event, fields); }
  void error(std::string_view event, std::initializer_list<LogField> fields) { write(LogLevel::kError, event, fields); }

 private:
  struct Output;
  LogFormat format_;
  LogLevel level_;
  std::unique_ptr<Output> output_;
};

}  // namespace saga::telemetry
