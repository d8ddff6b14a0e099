#include "tests/torture/rack.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/torture/ledger.h"

namespace saga::torture {
namespace {

using testing::ChildProcess;

/// Below those that the kernel gives to outgoing connections: a port has to be free again after a kill.
std::uint16_t choose_port(Random& random) {
  constexpr int kFirst = 20'000;
  constexpr std::size_t kMany = 12'000;
  for (;;) {
    const auto port = static_cast<std::uint16_t>(kFirst + static_cast<int>(pick(random, kMany)));
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const bool free = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (free) return port;
  }
}

/// Such that the kernel kills it when this process ends, even by a kill that nothing can be done about.
std::vector<std::string> tied(std::vector<std::string> command) {
  command.insert(command.begin(), {"/usr/bin/setpriv", "--pdeathsig", "KILL"});
  return command;
}

bool has_ended(const ChildProcess& child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == child.pid();
}

}  // namespace

Rack::Rack(Programs programs, std::string folder, Random& random)
    : programs_(std::move(programs)), folder_(std::move(folder)), port_(choose_port(random)) {
  for (auto& port : worker_ports_) port = choose_port(random);
}

std::optional<std::string> Rack::start() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (auto problem = start_worker(i)) return problem;
  }
  spawn_sagad();
  return await_ready();
}

void Rack::spawn_sagad() {
  std::vector<std::string> command{programs_.sagad,
                                   "--listen",
                                   fmt::format("127.0.0.1:{}", port_),
                                   "--store",
                                   "sqlite:" + folder_ + "/saga.db",
                                   "--workflows",
                                   folder_ + "/workflows.yaml",
                                   "--log-level",
                                   "error"};
  for (std::size_t i = 0; i < kWorkers.size(); ++i) {
    command.insert(command.end(), {"--service", fmt::format("{}=http://127.0.0.1:{}", kWorkers[i], worker_ports_[i])});
  }
  sagad_ = std::make_unique<ChildProcess>(tied(std::move(command)));
}

std::optional<std::string> Rack::await_ready() {
  const auto line = sagad_->read_line();
  if (line && line->starts_with("sagad ready on ")) return std::nullopt;
  const bool alive = !has_ended(*sagad_);
  sagad_->kill(SIGKILL);
  return fmt::format("sagad did not become ready, {}: {}", alive ? "and was still at it" : "but ended",
                     sagad_->stderr_text());
}

std::int64_t Rack::kill_sagad() {
  const std::int64_t at = now_ns();
  sagad_->kill(SIGKILL);
  static_cast<void>(sagad_->wait());
  keep_log(*sagad_, "sagad");
  return at;
}

int Rack::end_sagad() {
  sagad_->kill(SIGTERM);
  const int code = sagad_->wait();
  keep_log(*sagad_, "sagad");
  return code;
}

bool Rack::sagad_is_gone() const { return has_ended(*sagad_); }

std::optional<std::string> Rack::start_worker(std::size_t worker) {
  workers_[worker] = std::make_unique<ChildProcess>(tied(
      {programs_.worker, "--listen", fmt::format("127.0.0.1:{}", worker_ports_[worker]), "--db", database(worker)}));
  if (workers_[worker]->read_line() == "ready") return std::nullopt;
  workers_[worker]->kill(SIGKILL);
  return fmt::format("the worker {} did not become ready: {}", kWorkers[worker], workers_[worker]->stderr_text());
}

void Rack::signal_worker(std::size_t worker, int signal) {
  if (signal == SIGSTOP) worker_faults_ns_.push_back(now_ns());
  workers_[worker]->kill(signal);
}

std::optional<std::string> Rack::revive_workers() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (!has_ended(*workers_[i])) continue;
    if (const int code = workers_[i]->wait(); code != 128 + SIGKILL)
      return fmt::format("the worker {} ended with {}: {}", kWorkers[i], code, workers_[i]->stderr_text());
    worker_faults_ns_.push_back(now_ns());
    if (auto problem = start_worker(i)) return problem;
  }
  return std::nullopt;
}

void Rack::end_workers() {
  for (auto& worker : workers_) worker->kill(SIGTERM);
  for (auto& worker : workers_) static_cast<void>(worker->wait());
}

void Rack::keep_log(ChildProcess& child, const std::string& name) const {
  std::ofstream(folder_ + "/" + name + ".err", std::ios::app) << child.stderr_text();
}

}  // namespace saga::torture
