#include "engine/telemetry/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "base/json.h"

namespace saga::telemetry {
namespace {

/// Lines that wait to be written; beyond them the oldest are lost.
constexpr std::size_t kQueuedLines = 1024;

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};

std::string_view name_of(LogLevel level) { return kLevels[static_cast<std::size_t>(level)]; }

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

bool stands_bare(std::string_view value) {
  return !value.empty() && std::none_of(value.begin(), value.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == 0x7f;
  });
}

class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> function) : function_(std::move(function)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    function_({message.payload.data(), message.payload.size()});
  }
  void flush_() override {}

  std::function<void(std::string_view)> function_;
};

}  // namespace

struct Log::Output {
  /// Lines go through a queue to a thread of their own: whoever logs must not wait for a slow reader of stderr.
  explicit Output(spdlog::sink_ptr sink, std::shared_ptr<spdlog::details::thread_pool> queue)
      : thread(std::move(queue)),
        logger(thread ? std::make_shared<spdlog::async_logger>("sagad", std::move(sink), thread,
                                                               spdlog::async_overflow_policy::overrun_oldest)
                      : std::make_shared<spdlog::logger>("sagad", std::move(sink))) {
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::trace);  // Log decides.
    logger->flush_on(spdlog::level::err);
  }
  ~Output() { thread.reset(); }  // Writes what is queued, and ends before what it writes to.

  std::shared_ptr<spdlog::details::thread_pool> thread;
  std::shared_ptr<spdlog::logger> logger;
};

std::optional<LogLevel> log_level_from(std::string_view name) {
  const auto at = std::find(kLevels.begin(), kLevels.end(), name);
  if (at == kLevels.end()) return std::nullopt;
  return static_cast<LogLevel>(at - kLevels.begin());
}

std::optional<LogFormat> log_format_from(std::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  return std::nullopt;
}

std::string format_log_line(LogFormat format, Timestamp at, LogLevel level, std::string_view event,
                            std::initializer_list<LogField> fields) {
  std::string line;
  if (format == LogFormat::kJson) {
    line = "{\"time\":\"" + format_time(at) + "\",\"level\":\"" + std::string(name_of(level)) + "\",\"event\":";
    line += json_string(event);
    for (const LogField& field : fields) {
      line += ',';
      line += json_string(field.key);
      line += ':';
      if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
        line += std::to_string(*number);
      } else {
        line += json_string(std::get<std::string_view>(field.value));
      }
    }
    return line + '}';
  }
  line = format_time(at) + ' ' + std::string(name_of(level)) + ' ' + std::string(event);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      line += std::to_string(*number);
    } else if (const auto text = std::get<std::string_view>(field.value); stands_bare(text)) {
      line += text;
    } else {
      line += json_string(text);
    }
  }
  return line;
}

Log::Log(LogFormat format, LogLevel level)
    : format_(format),
      level_(level),
      output_(std::make_unique<Output>(std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                       std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1))) {}

Log::Log(LogFormat format, LogLevel level, std::function<void(std::string_view)> sink)
    : format_(format),
      level_(level),
      output_(std::make_unique<Output>(std::make_shared<FunctionSink>(std::move(sink)), nullptr)) {}

Log::~Log() = default;

void Log::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!writes(level)) return;
  const auto wall = std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
  const std::string line = format_log_line(format_, Timestamp{wall.time_since_epoch().count()}, level, event, fields);
  output_->logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace saga::telemetry
