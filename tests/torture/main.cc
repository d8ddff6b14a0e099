// Kills the real sagad under load, again and again, and judges what came of it by the ledgers of its workers.
//
//   saga_torture --rounds N [--seed S] [--rate 300] [--folder DIR] [--sagad PATH] [--worker PATH] [--workflows FILE]
//
// Every round kills sagad with -9 at least once at an instant drawn from the seed: while it serves, while it starts,
// while it recovers, while it is stopped; workers are killed and stopped besides. Exit 0: I1 to I8 hold. 1: they do
// not; what was found is printed and the folder is kept. 130: told to stop.
#include <fmt/format.h>
#include <httplib.h>
#include <sys/vfs.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <random>
#include <string>

#include "tests/torture/figures.h"
#include "tests/torture/judge.h"
#include "tests/torture/load.h"
#include "tests/torture/rack.h"
#include "workflows/load.h"

namespace saga::torture {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kLook{20};  ///< Between two looks at the processes.
constexpr seconds kAnswersBound{60};
constexpr seconds kReport{30};
constexpr std::int64_t kTooMany = 900;  ///< Sagas in flight: three seconds' worth.
constexpr std::int64_t kCaughtUp = 200;

struct Options {
  int rounds = 20;
  std::uint64_t seed = 0;
  double rate = 300;
  int patience_s = 300;  ///< For all sagas to end at the end.
  std::string folder;
  std::string workflows;
  Programs programs;
};

struct Kill {
  std::int64_t at_ns = 0;
  bool was_ready = false;
};

/// Ends the run; what it says is why.
struct Over {
  int code = 1;
  std::string why;
};

class Torture {
 public:
  Torture(const Options& options, std::vector<workflows::WorkflowRef> workflows)
      : options_(options),
        workflows_(std::move(workflows)),
        random_(options.seed),
        rack_(options.programs, options.folder, random_),
        load_(rack_.port(), options.seed, options.rate) {}

  /// Throws Over.
  int run() {
    may_go_on(rack_.start());
    load_.start();
    begin_ = reported_ = SteadyClock::now();
    for (round_ = 1; round_ <= options_.rounds; ++round_) one_round();
    for (const std::size_t worker : {0, 1, 2}) rack_.signal_worker(worker, SIGCONT);
    settle();
    return report();
  }

 private:
  static void may_go_on(const std::optional<std::string>& problem) {
    if (problem) throw Over{1, *problem};
  }
  std::int64_t draw(std::int64_t from, std::int64_t to) {
    return from + static_cast<std::int64_t>(pick(random_, static_cast<std::size_t>(to - from + 1)));
  }

  /// The processes are looked after meanwhile. `up`: sagad is to be.
  void pause(milliseconds time, bool up) {
    const auto until = SteadyClock::now() + time;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    do {
      const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(until - SteadyClock::now());
      const auto slice = std::clamp<std::chrono::nanoseconds>(left, std::chrono::nanoseconds{0}, kLook);
      const timespec patience{0, slice.count()};
      if (::sigtimedwait(&signals, nullptr, &patience) > 0) throw Over{130, "told to stop"};
      may_go_on(rack_.revive_workers());
      if (up && rack_.sagad_is_gone()) throw Over{1, fmt::format("sagad ended by itself with {}", rack_.end_sagad())};
    } while (SteadyClock::now() < until);
  }

  void kill(bool was_ready) {
    const std::int64_t at = rack_.kill_sagad();
    gone_after_.push_back(now_ns() - at);
    load_.outages().killed(at);
    kills_.push_back({at, was_ready});
  }

  void one_round() {
    pause(milliseconds(draw(20, 900)), true);
    if (round_ % 2 == 0) await_new_saga();
    const std::int64_t kind = draw(0, 99);
    std::optional<std::size_t> stopped_worker;
    if (kind < 10) {
      ++stops_;
      rack_.signal_sagad(SIGSTOP);
      pause(milliseconds(draw(100, 2'000)), true);
      if (chance(random_, 0.5)) {  // Else it is killed as it stands.
        rack_.signal_sagad(SIGCONT);
        pause(milliseconds(draw(0, 300)), true);
      }
    } else if (kind < 18) {
      rack_.signal_worker(static_cast<std::size_t>(draw(0, 2)), SIGKILL);  // The next look starts it again.
    } else if (kind < 24) {
      ++worker_stops_;
      stopped_worker = static_cast<std::size_t>(draw(0, 2));
      rack_.signal_worker(*stopped_worker, SIGSTOP);
      pause(milliseconds(draw(100, 1'000)), true);
    }
    kill(true);
    rack_.spawn_sagad();
    // Half of these in the first 60 ms: before the ready line, or while it reads back what was in flight.
    for (int again = 0; again < 3 && chance(random_, 0.25); ++again) {
      pause(milliseconds(chance(random_, 0.5) ? draw(0, 60) : draw(0, 200)), false);
      kill(false);
      ++kills_at_start_;
      rack_.spawn_sagad();
    }
    may_go_on(rack_.await_ready());
    ready_after_.push_back(now_ns() - kills_.back().at_ns);
    if (stopped_worker) rack_.signal_worker(*stopped_worker, SIGCONT);
    let_catch_up();
    if (const auto now = SteadyClock::now(); now - reported_ > kReport) {
      reported_ = now;
      say(fmt::format("round {} of {}: {} kills, {} starts sent, held back {} times ({:.0f} s)", round_,
                      options_.rounds, kills_.size(), load_.started(), breaths_, held_for_));
    }
  }

  /// Everything is answered and ends.
  void settle() {
    load_.finish();
    const auto answered_by = SteadyClock::now() + kAnswersBound;
    while (load_.unanswered() > 0 && SteadyClock::now() < answered_by) pause(kLook, true);
    unanswered_ = load_.unanswered();
    load_.stop();
    loaded_for_ = std::chrono::duration<double>(SteadyClock::now() - begin_).count();
    say("all starts are answered; waiting for every saga to end");
    const auto ended_by = SteadyClock::now() + seconds(options_.patience_s);
    while (unfinished() != 0 && SteadyClock::now() < ended_by) pause(milliseconds(200), true);
    rack_.end_workers();
  }

  /// None: it does not say.
  [[nodiscard]] std::optional<std::int64_t> unfinished() const {
    httplib::Client http("127.0.0.1", rack_.port());
    http.set_read_timeout(30);
    const auto answer = http.Get("/v1/stats");
    const auto stats = answer && answer->status == 200 ? parse_json(answer->body) : parse_json("null");
    if (!stats || !stats->is_object()) return std::nullopt;
    std::int64_t count = 0;
    for (const Json& row : stats->at("counts")) {
      const std::string status = row.at("status");
      const bool ended =
          status == "completed" || status == "compensated" || status == "failed" || status == "terminated";
      if (!ended) count += row.at("count").get<std::int64_t>();
    }
    return count;
  }

  /// One is accepted since the last kill: on a slow machine sagad would else be killed each time before it did
  /// anything.
  void await_new_saga() {
    const auto until = SteadyClock::now() + kAnswersBound;
    while (!load_.outages().over() && SteadyClock::now() < until) pause(kLook, true);
  }

  /// Where the machine is too slow for both the load and the kills, what is in flight would only grow: sagad is given
  /// the time to catch up.
  void let_catch_up() {
    if (unfinished().value_or(0) < kTooMany) return;
    ++breaths_;
    await_new_saga();  // Else the outage would be told as long as the load was held.
    const auto since = SteadyClock::now();
    load_.hold(true);
    while (unfinished().value_or(kTooMany) > kCaughtUp && SteadyClock::now() < since + seconds(options_.patience_s))
      pause(milliseconds(100), true);
    load_.hold(false);
    held_for_ += std::chrono::duration<double>(SteadyClock::now() - since).count();
  }

  int report();
  static void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }
  [[nodiscard]] std::string times_of_start(bool undisturbed) const;
  [[nodiscard]] std::string times_of_resumption(const Resumptions& resumptions, bool undisturbed) const;
  /// Whether nothing else was killed or stopped until `took_ns` after kill number `i`, nor a worker just before.
  [[nodiscard]] bool alone(std::size_t i, std::int64_t took_ns) const;

  const Options& options_;
  const std::vector<workflows::WorkflowRef> workflows_;
  Random random_;
  Rack rack_;
  Load load_;
  int round_ = 0;
  SteadyClock::time_point begin_;
  SteadyClock::time_point reported_;
  double loaded_for_ = 0;
  std::vector<Kill> kills_;
  std::vector<std::int64_t> gone_after_;  ///< Until the kernel had ended it: what it was writing is finished first.
  std::vector<std::int64_t> ready_after_;
  int kills_at_start_ = 0;
  int stops_ = 0;
  int worker_stops_ = 0;
  int unanswered_ = 0;
  int breaths_ = 0;
  double held_for_ = 0;
};

bool Torture::alone(std::size_t i, std::int64_t took_ns) const {
  constexpr std::int64_t kJustBefore = 2'000'000'000;  // A breaker that a dead worker opened is open for a second.
  const std::int64_t at = kills_[i].at_ns;
  if (i + 1 < kills_.size() && kills_[i + 1].at_ns < at + took_ns) return false;
  const auto& faults = rack_.worker_faults_ns();
  return std::none_of(faults.begin(), faults.end(),
                      [&](std::int64_t fault) { return fault > at - kJustBefore && fault < at + took_ns; });
}

std::string Torture::times_of_start(bool undisturbed) const {
  std::vector<std::int64_t> times;
  const auto accepted_at = load_.outages().accepted_at();
  for (std::size_t i = 0; i < kills_.size(); ++i) {
    const std::int64_t accepted = accepted_at.at(kills_[i].at_ns);
    const std::int64_t took = accepted - kills_[i].at_ns;
    if (accepted != 0 && (!undisturbed || alone(i, took))) times.push_back(took);
  }
  return percentiles(std::move(times));
}

std::string Torture::times_of_resumption(const Resumptions& resumptions, bool undisturbed) const {
  std::vector<std::int64_t> times;
  const auto of_kills = resumptions.by_kill();
  for (std::size_t i = 0; i < of_kills.size(); ++i) {
    if (of_kills[i].sagas == 0) continue;
    if (!undisturbed || alone(i, of_kills[i].longest_ns)) times.push_back(of_kills[i].longest_ns);
  }
  return percentiles(std::move(times));
}

int Torture::report() {
  Ledgers ledgers;
  for (const std::size_t worker : {0, 1, 2}) {
    if (const auto read = read_ledger(rack_.database(worker), ledgers); !read) throw Over{1, read.error().message};
  }
  sort_ledgers(ledgers);
  std::vector<std::int64_t> kill_times;
  for (const Kill& kill : kills_) kill_times.push_back(kill.at_ns);
  Resumptions resumptions(std::move(kill_times));
  const auto complaints = load_.complaints();
  const auto known = load_.take_known();
  const Judgement judged = judge(rack_.port(), workflows_, known, std::move(ledgers), resumptions);

  say(fmt::format(
      "\nseed {}: {} rounds, {} kills of sagad ({} of them after at most 200 ms of its life, {} while stopped "
      "or just after), {} deaths and {} stops of workers, {:.0f} s under load",
      options_.seed, options_.rounds, kills_.size(), kills_at_start_, stops_,
      rack_.worker_faults_ns().size() - static_cast<std::size_t>(worker_stops_), worker_stops_, loaded_for_));
  std::string counts;
  for (const auto& [status, count] : judged.by_status) counts += fmt::format(", {} {}", count, status);
  say(fmt::format("{} sagas ({:.0f} a second){}; {} starts refused; {} events, {} calls and {} effects in the ledgers",
                  judged.sagas, static_cast<double>(judged.sagas) / (loaded_for_ - held_for_), counts, judged.refused,
                  judged.events, judged.calls, judged.effects));
  if (breaths_ > 0)
    say(fmt::format("the load was held back {} times, {:.0f} s in all, for sagad to catch up", breaths_, held_for_));
  say("from a kill to the end of the process        " + percentiles(gone_after_));
  say("from a kill to the ready line                " + percentiles(ready_after_));
  say("from a kill to the first new saga accepted   " + times_of_start(false));
  say("  where nothing else was killed meanwhile    " + times_of_start(true));
  say("from a kill to all in flight going on        " + times_of_resumption(resumptions, false));
  say("  where nothing else was killed meanwhile    " + times_of_resumption(resumptions, true));
  for (const std::string& violation : judged.violations) say("\nVIOLATED " + violation);
  for (const std::string& complaint : complaints) say("\nVIOLATED I8 " + complaint);
  if (unanswered_ > 0) say(fmt::format("\nVIOLATED {} starts were never answered", unanswered_));
  const int code = rack_.end_sagad();
  if (code != 0) say(fmt::format("\nVIOLATED sagad ended with {} at the end", code));
  const bool holds = judged.violations.empty() && complaints.empty() && unanswered_ == 0 && code == 0;
  say(holds ? "\nI1 to I8 hold."
            : fmt::format("\nThey do not hold: {} violations. Seed {}; everything is in {}",
                          judged.violations.size() + complaints.size(), options_.seed, options_.folder));
  return holds ? 0 : 1;
}

/// Where a file system in memory would make every kill look harmless.
bool is_on_disk(const std::string& folder) {
  constexpr long kTmpfs = 0x01021994;
  constexpr long kRamfs = 0x858458f6;
  struct statfs about {};
  if (::statfs(folder.c_str(), &about) != 0) return false;
  return about.f_type != kTmpfs && about.f_type != kRamfs;
}

int run(Options options) {
  sigset_t signals;  // Before there are threads, so that only the pauses take them.
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const auto complain = [](const std::string& what) {
    return std::fprintf(stderr, "saga_torture: %s\n", what.c_str()), 2;
  };
  if (options.seed == 0) options.seed = std::random_device{}();
  auto workflows = workflows::load_workflow_files({options.workflows});
  if (!workflows) return complain(workflows::format_problem(workflows.error().front()));
  std::string pattern = options.folder + "/sagad-torture-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return complain("cannot make a folder in '" + options.folder + "'");
  options.folder = pattern;
  if (!is_on_disk(options.folder)) {
    std::filesystem::remove(options.folder);
    return complain("expected --folder on a disk, but it is in memory");
  }
  std::filesystem::copy_file(options.workflows, options.folder + "/workflows.yaml");
  std::printf("seed %llu, %d rounds, %.0f starts a second, in %s\n", static_cast<unsigned long long>(options.seed),
              options.rounds, options.rate, options.folder.c_str());
  std::fflush(stdout);
  int code = 0;
  try {
    code = Torture(options, std::move(*workflows)).run();
  } catch (const Over& over) {
    std::printf("\n%s. Seed %llu; everything is in %s\n", over.why.c_str(),
                static_cast<unsigned long long>(options.seed), options.folder.c_str());
    return over.code;
  }
  if (code == 0) std::filesystem::remove_all(options.folder);
  return code;
}

}  // namespace
}  // namespace saga::torture

int main(int argc, char** argv) {
  saga::torture::Options options;
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  options.folder = "/var/tmp";
  options.programs = {here / "sagad", here / "torture_worker"};
  options.workflows = TORTURE_WORKFLOWS;
  CLI::App app("Kills sagad under load and judges what came of it");
  app.add_option("--rounds", options.rounds, "Each kills sagad at least once")->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "Of everything that is drawn; 0: any")->capture_default_str();
  app.add_option("--rate", options.rate, "Starts a second")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--patience", options.patience_s, "Seconds for all sagas to end at the end")->capture_default_str();
  app.add_option("--folder", options.folder, "Where a folder for the run is made, on a disk")->capture_default_str();
  app.add_option("--sagad", options.programs.sagad, "The program")->capture_default_str();
  app.add_option("--worker", options.programs.worker, "The program")->capture_default_str();
  app.add_option("--workflows", options.workflows, "What is run")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return saga::torture::run(std::move(options));
}
