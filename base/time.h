// Time as the engine stores it (UTC milliseconds) and as people write it (RFC 3339, durations such as "1h30m").
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/text_writer.h"

namespace saga {

using Millis = std::chrono::milliseconds;

/// UTC milliseconds since 1970-01-01. An integer of its own, so that a duration is never taken for a point in time.
struct Timestamp {
  std::int64_t ms = 0;

  auto operator<=>(const Timestamp&) const = default;
  Timestamp operator+(Millis d) const { return {ms + d.count()}; }
  Timestamp operator-(Millis d) const { return {ms - d.count()}; }
  Millis operator-(Timestamp other) const { return Millis{ms - other.ms}; }
};

/// "2026-11-23T04:54:47.123Z".
[[nodiscard]] std::string format_time(Timestamp time);
void append_time(TextWriter& out, Timestamp time);

/// Reads RFC 3339 with any offset and any number of fraction digits (cut to milliseconds). `kInvalid` otherwise.
[[nodiscard]] Result<Timestamp> parse_time(std::string_view text);

/// Reads "250ms", "2s", "5m", "24h", "30d" and sums in that descending order such as "1h30m". Positive, at most
/// 3650 days. `kInvalid` says what would be right.
[[nodiscard]] Result<Millis> parse_duration(std::string_view text);

/// The shortest text that `parse_duration` reads back: "1h30m", "250ms", "0s".
[[nodiscard]] std::string format_duration(Millis duration);

/// Where time enters. Thread-safe. Never runs backwards within a process.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
};

/// The wall clock as it was when the object was built, carried on by the monotonic clock: a jump of the wall clock
/// moves no timer of a running process.
class SystemClock final : public Clock {
 public:
  SystemClock();
  [[nodiscard]] Timestamp now() const override;

 private:
  Timestamp wall_at_start_;
  std::chrono::steady_clock::time_point steady_at_start_;
};

}  // namespace saga
