// The processes: one sagad and three workers, started, killed, stopped and started again by their pids. All of them end
// with the object, and with this process, however that ends.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/torture/plan.h"

namespace saga::torture {

struct Programs {
  std::string sagad;
  std::string worker;
};

/// Used by the one thread that made it.
class Rack {
 public:
  static constexpr std::array<const char*, 3> kWorkers{"inventory", "payment", "desk"};

  /// Everything is kept in `folder`, which has workflows.yaml.
  Rack(Programs programs, std::string folder, Random& random);

  /// Starts everything. What went wrong; none: all is ready.
  [[nodiscard]] std::optional<std::string> start();

  void spawn_sagad();
  /// None: it is ready. Else why not.
  [[nodiscard]] std::optional<std::string> await_ready();
  /// With -9, and waits for its end. The time of the kill.
  std::int64_t kill_sagad();
  void signal_sagad(int signal) const { sagad_->kill(signal); }
  /// By SIGTERM. Its exit code.
  int end_sagad();
  /// It ended without being asked to.
  [[nodiscard]] bool sagad_is_gone() const;

  [[nodiscard]] std::optional<std::string> start_worker(std::size_t worker);
  void signal_worker(std::size_t worker, int signal);
  /// Starts those again that were killed, by us or by themselves.
  [[nodiscard]] std::optional<std::string> revive_workers();
  void end_workers();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string database(std::size_t worker) const { return folder_ + "/" + kWorkers[worker] + ".db"; }
  /// When workers were found dead, or stopped.
  [[nodiscard]] const std::vector<std::int64_t>& worker_faults_ns() const { return worker_faults_ns_; }

 private:
  void keep_log(testing::ChildProcess& child, const std::string& name) const;

  const Programs programs_;
  const std::string folder_;
  std::uint16_t port_ = 0;
  std::array<std::uint16_t, kWorkers.size()> worker_ports_{};
  std::unique_ptr<testing::ChildProcess> sagad_;
  std::array<std::unique_ptr<testing::ChildProcess>, kWorkers.size()> workers_;
  std::vector<std::int64_t> worker_faults_ns_;
};

}  // namespace saga::torture
