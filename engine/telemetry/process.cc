// The usual process_* of Prometheus clients, from /proc.
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "engine/telemetry/families.h"

namespace saga::telemetry {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily single(std::string name, std::string help, double value, MetricType type = MetricType::Gauge) {
  MetricFamily made;
  made.name = std::move(name);
  made.help = std::move(help);
  made.type = type;
  prometheus::ClientMetric metric;
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  made.metric.push_back(std::move(metric));
  return made;
}

/// Field `number` (from 1, as proc(5) counts) of /proc/self/stat; 0 when it cannot be read.
double stat_field(int number) {
  std::ifstream file("/proc/self/stat");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');  // The second field may hold blanks.
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= number; ++i) fields >> field;
  return field.empty() ? 0 : std::stod(field);
}

double boot_time() {
  std::ifstream file("/proc/stat");
  std::string key;
  double value = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    if (fields >> key >> value && key == "btime") return value;
  }
  return 0;
}

double open_files() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  return error ? 0 : static_cast<double>(std::distance(begin(files), end(files)));
}

}  // namespace

std::vector<MetricFamily> process_families() {
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  return {
      single("process_cpu_seconds_total", "CPU time used.", (stat_field(14) + stat_field(15)) / ticks,
             MetricType::Counter),
      single("process_resident_memory_bytes", "Memory in RAM.", stat_field(24) * page),
      single("process_virtual_memory_bytes", "Address space.", stat_field(23)),
      single("process_threads", "Threads.", stat_field(20)),
      single("process_open_fds", "Open files and sockets.", open_files()),
      single("process_max_fds", "How many there may be.", static_cast<double>(files.rlim_cur)),
      single("process_start_time_seconds", "When the process began.", boot_time() + stat_field(22) / ticks),
  };
}

}  // namespace saga::telemetry
