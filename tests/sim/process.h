// One run of the orchestrator: the real runtime, group committer and dispatcher policy, on one thread and over what is
// simulated. When it dies all of it is dropped as it stands; calls that have left go on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "engine/runtime/runtime.h"
#include "store/memory/memory_store.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"
#include "workers/dispatcher/traffic.h"

namespace saga::sim {

struct Boot {
  int number = 1;
  Millis wall_is_off{0};
  int fuse = 0;                    ///< As of `Life`.
  std::set<std::string> missing;   ///< Services it is not told of.
  bool reads_definitions = false;  ///< From the store, as text.
  bool hold = false;               ///< Everything unfinished is suspended first.
};

class Process final : public workers::Dispatcher, private runtime::RuntimeObserver {
 public:
  /// `on_store`: asks to be called back for `step_store` after that long.
  Process(Setting& setting, Disk& disk, Book& book, Network& network,
          const std::map<std::string, workflows::WorkflowRef>& workflows, Boot boot,
          std::function<void(Millis)> on_store);
  ~Process() override;

  [[nodiscard]] bool alive() const { return life_->alive(); }
  [[nodiscard]] int number() const { return boot_.number; }
  [[nodiscard]] const Boot& boot() const { return boot_; }
  [[nodiscard]] const ProcessClock& clock() const { return clock_; }
  [[nodiscard]] std::shared_ptr<Life> life() const { return life_; }
  [[nodiscard]] bool is_draining() const { return draining_; }
  [[nodiscard]] bool drained() const { return runtime_ && runtime_->drained(); }
  [[nodiscard]] bool poisoned() const { return store_->health().poisoned; }

  /// A commit of it takes seconds.
  [[nodiscard]] bool hangs() const { return setting_.agenda.now() < hangs_until_; }

  /// Turns until there is nothing to do at this moment.
  void settle();
  void step_store();
  /// From now on who waits for `saga` is told of its commits.
  void subscribe(const std::string& saga);
  /// That those who wait were told of the last commit.
  void check_told() const;
  /// By the agenda's time.
  [[nodiscard]] std::optional<Timestamp> next_due() const;
  void drain();

  // ---- as a client meets it: what it answers, unless it dies before ---------------------------------------------
  void start(runtime::StartRequest request, runtime::StartDone done);
  void start_many(std::vector<runtime::StartRequest> requests, runtime::ManyStartedDone done);
  void deliver(runtime::Delivery delivery, runtime::DeliveryDone done);
  void call_back(const std::string& url, const Callbacks::Callback& callback, std::function<void(int)> answered);
  [[nodiscard]] workflows::WorkflowRef workflow(const std::string& name) const { return registry_->newest(name); }

  // ---- Dispatcher -----------------------------------------------------------------------------------------------
  void send(workers::WorkerCall call, workers::CallDone done) override;
  [[nodiscard]] bool has_instance(const std::string& service) const override;
  [[nodiscard]] workers::Admits admits(const std::string& service, const std::string& url) const override;
  [[nodiscard]] std::vector<workers::ServiceStatus> services() const override;
  [[nodiscard]] std::vector<workers::InstanceStatus> urls() const override;
  [[nodiscard]] std::size_t in_flight() const override { return traffic_->in_flight(); }

  void landed(const FlightRef& flight, const End& end, bool again);

 private:
  struct Passenger;  ///< What a call's `done` carries.

  void committed(const workflows::Workflow& workflow, const core::SagaState& after,
                 std::span<const core::Event> events) override;
  void corrupt(const std::string& saga_id, const std::string& problem) override;
  [[nodiscard]] workers::Breaker::Time steady() const;
  void begin(std::unique_ptr<workers::Attempt> attempt);
  void ask_for_store();
  void hold();
  template <typename Answer>
  std::function<void(Answer)> unless_dead(std::function<void(Answer)> done);

  Setting& setting_;
  Disk& disk_;
  Book& book_;
  Network& network_;
  const Boot boot_;
  const std::function<void(Millis)> on_store_;
  ProcessClock clock_;
  std::shared_ptr<Life> life_;
  Chance chance_;
  bool draining_ = false;
  bool store_asked_ = false;
  bool holding_ = false;
  Timestamp hangs_until_;
  std::uint64_t flights_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<workers::Attempt>> under_way_;
  std::unordered_map<std::uint64_t, workers::CallDone> late_;  ///< Of flights that were given up.
  std::unique_ptr<workers::Traffic> traffic_;
  std::unique_ptr<store::StoreOverMemory> store_;
  std::unique_ptr<runtime::Registry> registry_;
  std::unique_ptr<runtime::Runtime> runtime_;
  struct Waiting {
    std::int64_t from = 0;  ///< The last event when it began to wait.
    std::int64_t told = 0;
    std::unique_ptr<runtime::Runtime::Subscription> subscription;
  };
  std::map<std::string, Waiting> waiting_;  ///< By saga. Ends before the runtime.
};

}  // namespace saga::sim
