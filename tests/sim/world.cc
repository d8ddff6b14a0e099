#include "tests/sim/world.h"

#include <fmt/format.h>

#include "tests/sim/ledger_check.h"

namespace saga::sim {
namespace {

constexpr Millis kMendEvery{2'000};
constexpr Millis kLongestCalm{12 * 3'600'000};  ///< In which everything ends, callbacks that never come included.
constexpr Millis kDrainPatience{10'000};

/// The API as workers reach it: where nobody answers, they notice.
class Door final : public Callbacks {
 public:
  Door(Setting& setting, Reach reach) : setting_(setting), reach_(std::move(reach)) {}

  void post(const std::string& url, const Callback& callback, std::function<void(int)> answered) override {
    auto answer = std::make_shared<std::function<void(int)>>(std::move(answered));
    const auto once = [answer](int status) {
      if (*answer) std::exchange(*answer, nullptr)(status);
    };
    setting_.agenda.in(Millis{2'000}, [once] { once(0); });
    if (Process* process = reach_()) process->call_back(url, callback, once);
  }

 private:
  Setting& setting_;
  Reach reach_;
};

}  // namespace

void Tally::add(const Tally& other) {
  worlds += other.worlds;
  sagas += other.sagas;
  calls += other.calls;
  commits += other.commits;
  events += other.events;
  crashes += other.crashes;
  for (std::size_t i = 0; i < faults.size(); ++i) faults[i] += other.faults[i];
  for (std::size_t i = 0; i < ended.size(); ++i) ended[i] += other.ended[i];
}

World::World(const Plan& plan, Definitions& definitions, bool told)
    : plan_(plan),
      setting_(plan_, told),
      workflows_([&] {
        std::map<std::string, workflows::WorkflowRef> all;
        Chance chance(plan.seed, "workflows");
        for (int i = 0; i < plan.workflows; ++i) {
          const auto family = definitions.with_children(chance.below(Definitions::kCount));
          roots_.push_back(family.back()->name);
          for (const auto& workflow : family) all[workflow->name] = workflow;
        }
        return all;
      }()),
      book_(setting_, workflows_),
      punctuality_(setting_, book_),
      disk_(setting_, book_),
      callbacks_(std::make_unique<Door>(setting_, [this] { return process_.get(); })),
      workers_(setting_, *callbacks_),
      network_(setting_, workers_,
               [this](const FlightRef& flight, const End& end, bool again) {
                 if (process_ && process_->number() == flight->process) process_->landed(flight, end, again);
               }),
      clients_(
          setting_, book_, [this] { return process_.get(); }, roots_),
      operators_(setting_, book_, [this] { return process_.get(); }),
      chance_(plan.seed, "world") {}

Report World::run() {
  for (const auto& [name, workflow] : workflows_) {
    setting_.story.tell(Chance::hash(name), [&] { return fmt::format("{}: {}", name, workflow->source); });
  }
  book_.read_rows([this](const std::string& id) { return disk_.tables().find(id); });
  plan_deaths();
  clients_.begin();
  operators_.begin();
  setting_.agenda.in(plan_.turmoil, [this] { begin_calm(); });
  boot();
  while (!setting_.violation && !is_over()) step();
  if (!setting_.violation) check_end();
  process_.reset();
  setting_.tally.worlds = 1;
  return {setting_.violation, setting_.story.lines(), setting_.story.hash(), setting_.tally};
}

void World::step() {
  while (setting_.agenda.do_one()) {
    if (process_) process_->settle();
    if (setting_.violation) return;
    if (process_ && !process_->alive()) bury();
  }
  if (process_) process_->settle();
  if (process_ && !process_->alive()) return bury();
  if (setting_.violation) return;
  auto next = setting_.agenda.next();
  if (process_) {
    const Timestamp now = process_->clock().now();
    if (process_->poisoned() && !doomed_) {
      doomed_ = true;
      setting_.agenda.in(chance_.millis(0, 50), [this, life = process_->life()] { life->end(); });
      next = setting_.agenda.next();
    }
    if (const auto due = process_->next_due(); due && (!next || *due < *next)) next = due;
    const Timestamp then = next ? now + (*next - setting_.agenda.now()) : now;
    const bool small = plan_.of(Fault::kSmallQueues) > 0 && !setting_.calm;
    if (doomed_ || small || process_->is_draining() || disk_.refuses() || process_->hangs())
      punctuality_.expect_from(then);
    punctuality_.check(then);
  }
  if (!next) return setting_.violated("I1", "nothing will ever happen any more");
  setting_.agenda.advance(*next);
}

// ---- processes ------------------------------------------------------------------------------------------------------

void World::plan_deaths() {
  if (plan_.cuts.without[index_of(Fault::kCrash)]) return;
  const int crashes = std::min(plan_.crashes, plan_.cuts.most_crashes.value_or(plan_.crashes));
  for (int i = 0; i < crashes; ++i) {
    Chance own(plan_.seed, "death", static_cast<std::uint64_t>(i));
    if (own.one_in(2)) {
      ++deaths_left_;
      continue;
    }
    setting_.agenda.in(own.millis(0, static_cast<int>(plan_.turmoil.count())), [this] {
      if (process_ && !setting_.calm) process_->life()->end();
    });
  }
  const int drains = plan_.of(Fault::kDrain) > 0 ? 1 : 0;
  for (int i = 0; i < drains; ++i) {
    setting_.agenda.in(chance_.millis(0, static_cast<int>(plan_.turmoil.count())), [this] {
      if (!process_ || setting_.calm) return;
      setting_.happened(Fault::kDrain);
      setting_.story.tell(71, [] { return std::string("==== it is told to stop"); });
      process_->drain();
      wait_for_drain(process_->life(), setting_.agenda.now() + kDrainPatience);
    });
  }
}

void World::wait_for_drain(const std::shared_ptr<Life>& life, Timestamp until) {
  if (!life->alive()) return;
  if (process_->drained() || setting_.agenda.now() >= until) return life->end();
  setting_.agenda.in(Millis{100}, [this, life, until] { wait_for_drain(life, until); });
}

void World::boot() {
  if (process_) return;
  Boot boot;
  boot.number = ++processes_;
  const bool jumps = chance_.percent(3 * plan_.of(Fault::kClockJump)) && !setting_.calm;
  const Millis jump{chance_.between(-90'000, 90'000)};
  if (jumps) {
    setting_.happened(Fault::kClockJump);
    wall_is_off_ += jump;
    setting_.story.tell(72, [&] { return fmt::format("the wall clock jumps by {} ms", jump.count()); });
  }
  boot.wall_is_off = wall_is_off_;
  const int fuse = chance_.between(1, chance_.one_of({6, 60, 600, 3'000}));
  const bool burns = chance_.one_in(2);
  if (deaths_left_ > 0 && burns && !setting_.calm) {
    --deaths_left_;
    boot.fuse = fuse;
  }
  for (const char* service : {"svc0", "svc1", "svc2"}) {
    if (!chance_.percent(2 * plan_.of(Fault::kNoInstance)) || setting_.calm) continue;
    setting_.happened(Fault::kNoInstance);
    boot.missing.insert(service);
  }
  boot.reads_definitions = chance_.one_in(10);
  boot.hold = chance_.one_in(30) && plan_.of(Fault::kOperator) > 0 && !setting_.calm;
  const int number = boot.number;
  doomed_ = false;
  process_ = std::make_unique<Process>(setting_, disk_, book_, network_, workflows_, std::move(boot),
                                       [this, number](Millis takes) {
                                         setting_.agenda.in(takes, [this, number] {
                                           if (process_ && process_->number() == number) process_->step_store();
                                         });
                                       });
  punctuality_.expect_from(process_->clock().now());
  if (!process_->alive()) bury();
}

void World::bury() {
  setting_.story.tell(73, [&] { return fmt::format("==== process {} dies", process_->number()); });
  ++setting_.tally.crashes;
  setting_.happened(Fault::kCrash);
  process_.reset();
  const Millis away = setting_.calm        ? Millis{10}
                      : chance_.one_in(10) ? chance_.millis(0, 40'000)
                                           : chance_.millis(0, 2'500);
  setting_.agenda.in(away, [this] { boot(); });
}

// ---- the calm -------------------------------------------------------------------------------------------------------

void World::begin_calm() {
  setting_.story.tell(74, [] { return std::string("==== from here on nothing goes wrong"); });
  setting_.calm = true;
  calm_since_ = setting_.agenda.now();
  if (process_) {
    process_->life()->set_fuse(0);
    const bool unfit = !process_->boot().missing.empty() || process_->is_draining() || process_->poisoned();
    const bool once_more = chance_.one_in(3) && !plan_.cuts.without[index_of(Fault::kCrash)];
    if (unfit || once_more) process_->life()->end();
  }
  mend_again();
}

void World::mend_again() {
  if (is_over()) return;
  if (setting_.agenda.now() - calm_since_ > kLongestCalm) return complain_about_the_endless();
  operators_.mend();
  if (!everything_ended()) setting_.agenda.in(kMendEvery, [this] { mend_again(); });
}

bool World::everything_ended() const {
  if (!setting_.calm || !clients_.satisfied()) return false;
  for (const auto& saga : book_.sagas()) {
    if (!core::has_ended(saga->state.status)) return false;
  }
  return true;
}

bool World::is_over() const { return setting_.calm && !setting_.agenda.next() && everything_ended(); }

void World::complain_about_the_endless() {
  for (const auto& saga : book_.sagas()) {
    if (core::has_ended(saga->state.status)) continue;
    return setting_.violated(
        "I1", fmt::format("saga {} does not end: it is {}", saga->id, core::to_string(saga->state.status)));
  }
  setting_.violated("I1", "a client is never answered");
}

void World::check_end() {
  clients_.check();
  operators_.check(disk_.tables().audit({}, std::nullopt, 1'000'000));
  if (process_) process_->check_told();
  check_ledger(setting_, book_, workers_.ledger());
  for (const auto& saga : book_.sagas()) {
    ++setting_.tally.ended[static_cast<std::size_t>(saga->state.status)];
    // As the API reads it.
    const auto row = disk_.tables().find(saga->id);
    const auto records = disk_.tables().load(saga->key, 1);
    const auto state = runtime::replay(*saga->workflow, records);
    if (!row || !state || !(*state == saga->state))
      setting_.violated("I7", fmt::format("saga {} is not read as it was written", saga->id));
  }
}

}  // namespace saga::sim
