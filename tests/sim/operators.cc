#include "tests/sim/operators.h"

#include <fmt/format.h>

namespace saga::sim {

using core::SagaStatus;
using core::Verb;

Operators::Operators(Setting& setting, Book& book, Reach reach)
    : setting_(setting), book_(book), reach_(std::move(reach)), chance_(setting.plan.seed, "operators") {}

void Operators::begin() {
  const Plan& plan = setting_.plan;
  const int turmoil = static_cast<int>(plan.turmoil.count());
  const int commands = plan.sagas * plan.of(Fault::kOperator) / 8;
  for (int i = 0; i < commands; ++i) setting_.agenda.in(chance_.millis(0, turmoil), [this] { command_something(); });
  for (int i = 0; i < plan.sagas / 2; ++i)
    setting_.agenda.in(chance_.millis(0, turmoil), [this] { signal_something(); });
}

SagaRecord* Operators::any_saga() {
  if (book_.sagas().empty()) return nullptr;
  return chance_.pick(book_.sagas()).get();
}

void Operators::command_something() {
  const SagaRecord* saga = any_saga();
  if (saga == nullptr) return;
  setting_.happened(Fault::kOperator);
  Verb verb = chance_.one_of({Verb::kCancel, Verb::kSuspend, Verb::kSuspend, Verb::kResume, Verb::kResume, Verb::kRetry,
                              Verb::kRetry, Verb::kSkip});
  if (chance_.percent(setting_.plan.of(Fault::kTerminate))) {
    setting_.happened(Fault::kTerminate);
    verb = Verb::kTerminate;
  }
  std::string step;
  JsonRef output;
  if (verb == Verb::kRetry || verb == Verb::kSkip) {
    const auto stuck = core::stuck_calls(*saga->workflow, saga->state);
    if (!stuck.empty() && chance_.percent(80)) {
      step = chance_.pick(stuck).step;
    } else if (chance_.one_in(2)) {
      step = chance_.pick(saga->workflow->steps).name;
    }
    if (verb == Verb::kSkip && chance_.one_in(2)) output = share(Json{{"n", 3}});
  }
  command(saga->id, verb, step, output);
}

void Operators::signal_something() {
  const SagaRecord* saga = any_saga();
  if (saga == nullptr) return;
  std::vector<std::string> names;
  for (const auto& step : saga->workflow->steps) {
    if (step.kind == workflows::StepKind::kSignal) names.push_back(step.signal);
  }
  if (names.empty()) return;
  const std::string name =
      chance_.percent(setting_.plan.of(Fault::kClient)) ? "nobody_awaits_this" : chance_.pick(names);
  const Json payload{{"n", chance_.below(3)}};
  signal(saga->id, name, payload);
  if (chance_.percent(setting_.plan.of(Fault::kClient)))
    signal(saga->id, name, chance_.one_in(2) ? payload : Json("other"));
}

void Operators::command(const std::string& saga, Verb verb, const std::string& step, JsonRef output) {
  std::string actor = new_actor();
  setting_.story.tell(Chance::mix(61, static_cast<std::uint64_t>(verb)), [&] {
    return fmt::format("{}: {} {} {}{}", actor, core::to_string(verb), saga, step, output ? " with output" : "");
  });
  deliver(saga, core::OperatorCommand{verb, step, std::move(output), {actor, false, "because"}}, actor);
}

void Operators::signal(const std::string& saga, const std::string& name, Json payload) {
  std::string actor = new_actor();
  setting_.story.tell(62, [&] { return fmt::format("{}: signal {} {} {}", actor, name, saga, dump_json(payload)); });
  deliver(saga, core::SignalArrived{name, share(std::move(payload)), actor, false}, actor);
}

void Operators::deliver(const std::string& saga, core::Input input, std::string actor) {
  Process* process = reach_();
  if (process == nullptr) return;
  const std::size_t place = deeds_.size();
  const bool is_command = std::holds_alternative<core::OperatorCommand>(input);
  deeds_.push_back({saga, std::move(actor), is_command, Answer::kNone});
  process->deliver({saga, std::move(input), ""}, [this, place](Result<runtime::DeliveryAnswer> answer) {
    Deed& deed = deeds_[place];
    if (!answer) {
      if (answer.error().code == ErrorCode::kNotFound)
        setting_.violated("I1", fmt::format("{} is not found", deed.saga));
      return;
    }
    if (answer->saga.state) book_.shown(*answer->saga.state);
    deed.answer = answer->refusal ? Answer::kRefused : answer->changed ? Answer::kChanged : Answer::kNothing;
    setting_.story.tell(63, [&] {
      return fmt::format("{} is answered: {}", deed.actor,
                         answer->refusal   ? answer->refusal->message
                         : answer->changed ? "done"
                                           : "nothing to do");
    });
  });
}

// ---- afterwards -----------------------------------------------------------------------------------------------------

void Operators::mend() {
  for (std::size_t i = 0; i < book_.sagas().size(); ++i) mend(*book_.sagas()[i]);
}

void Operators::mend(SagaRecord& saga) {
  const core::SagaState& state = saga.state;
  if (core::has_ended(state.status)) return;
  for (core::StepIndex i = 0; i < state.steps.size(); ++i) {
    if (state.steps[i].action.awaits != core::Awaits::kSignal || state.steps[i].signal || state.suspension) continue;
    signal(saga.id, saga.workflow->steps[i].signal, Json{{"n", 1}});
  }
  if (state.status != SagaStatus::kSuspended) return;
  const int times = ++mended_[saga.id];
  const auto stuck = core::stuck_calls(*saga.workflow, state);
  if (times % 3 != 0 || stuck.empty())
    return command(saga.id, times % 2 == 0 ? Verb::kRetry : Verb::kResume, "", nullptr);
  const auto& place = stuck[static_cast<std::size_t>(times) / 3 % stuck.size()];
  const bool action = place.phase == Phase::kAction;
  command(saga.id, Verb::kSkip, place.step, action ? share(Json{{"n", 1}, {"go", true}}) : nullptr);
}

void Operators::check(const std::vector<store::AuditRow>& audit) const {
  std::map<std::string, int> counts;
  std::map<std::string, int> audited;
  for (const store::AuditRow& row : audit) ++audited[row.entry.actor];
  for (const auto& saga : book_.sagas()) {
    for (const auto& [actor, times] : saga->actors) counts[actor] += times;
  }
  for (const Deed& deed : deeds_) {
    const auto at = counts.find(deed.actor);
    const int times = at == counts.end() ? 0 : at->second;
    const bool well = deed.answer == Answer::kNone || (deed.answer == Answer::kChanged ? times == 1 : times == 0);
    if (!well)
      setting_.violated("I8",
                        fmt::format("what {} asked of {} is in its events {} times", deed.actor, deed.saga, times));
    const auto entry = audited.find(deed.actor);
    if ((entry == audited.end() ? 0 : entry->second) != (deed.command ? times : 0)) {
      setting_.violated("audit",
                        fmt::format("what {} asked of {} is not in the audit as in its events", deed.actor, deed.saga));
    }
  }
}

}  // namespace saga::sim
