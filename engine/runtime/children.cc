// Parents and children. What a parent asks of a child follows from the parent's state and is asked again whenever the
// parent is read back, so nothing of it is kept: an errand lives from the parent's commit until the child's answer, and
// for so long the parent's row stays due. What a child has to tell wakes its parent's row in the child's own commit.
#include <fmt/format.h>

#include <algorithm>

#include "engine/runtime/engine.h"
#include "workflows/children.h"

namespace saga::runtime {

using core::ChildReported;
using core::Failure;
using core::SagaStatus;

namespace {

/// How long an errand waits that found the store full or not writable.
constexpr Millis kErrandPause{1'000};

core::StepIndex step_of(const ChildEffect& what) {
  return std::visit([](const auto& effect) { return effect.step; }, what);
}

int attempt_of(const ChildEffect& what) {
  return std::visit([](const auto& effect) { return effect.attempt; }, what);
}

ChildReported report_of(const ChildEffect& what, const core::SagaState& child) {
  return {step_of(what), attempt_of(what), child.status, child.output, child.error};
}

/// A child that is not there, or cannot be read.
ChildReported report_of(const ChildEffect& what, SagaStatus status, std::string_view code, std::string message) {
  Failure failure;
  failure.code = code;
  failure.message = std::move(message);
  return {step_of(what), attempt_of(what), status, nullptr, std::move(failure)};
}

/// False for the start of a child whose parent has turned back since, or ended: it was told that there is none.
bool is_wanted(const core::SagaState& parent, const ChildEffect& what) {
  const auto* start = std::get_if<core::StartChild>(&what);
  if (start == nullptr) return true;
  const core::CallState& action = parent.steps[start->step].action;
  const bool awaited = action.awaits == core::Awaits::kChild || action.awaits == core::Awaits::kSuspendedChild;
  return awaited && action.attempts == start->attempt && !parent.stopping && !core::has_ended(parent.status);
}

/// A '~' before a step's name is one generation; one before a number only tells a child that was started again.
std::size_t depth_of(const std::string& id) {
  std::size_t depth = 0;
  for (std::size_t at = id.find('~'); at != std::string::npos; at = id.find('~', at + 1)) {
    if (at + 1 < id.size() && id[at + 1] >= 'a' && id[at + 1] <= 'z') ++depth;
  }
  return depth;
}

}  // namespace

Result<ChildVersions> Engine::child_versions(const workflows::Workflow& workflow) const {
  ChildVersions versions;
  for (core::StepIndex i = 0; i < workflow.steps.size(); ++i) {
    const workflows::Step& step = workflow.steps[i];
    if (step.kind != workflows::StepKind::kSaga) continue;
    const auto child = step.child_version ? registry_.find(step.child_workflow, *step.child_version)
                                          : registry_.newest(step.child_workflow);
    const auto refuse = [&](std::string_view why) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("{}/{}, step '{}': {}", workflow.name, workflow.version, step.name, why));
    };
    if (!child) return refuse(fmt::format("its child workflow '{}' is not registered", step.child_workflow));
    if (const auto why = workflows::why_not_child(workflow, i, *child)) return refuse(*why);
    versions.emplace_back(i, child->version);
  }
  return versions;
}

// ---- what a parent asks ---------------------------------------------------------------------------------------------

void Engine::ask_child(LiveSaga& parent, ChildEffect what) {
  const std::string& step = parent.workflow->steps[step_of(what)].name;
  const Errand errand{++errands_made_, parent.key, core::child_id(parent.id, step, attempt_of(what)), what};
  // What was put off is overtaken: a child that is to turn back is not started any more.
  std::erase_if(postponed_, [&](const Errand& other) {
    if (other.parent != errand.parent || other.child_id != errand.child_id) return false;
    std::erase(parent.errands, other.number);
    return true;
  });
  if (!std::holds_alternative<core::TerminateChild>(what)) parent.errands.push_back(errand.number);
  run_errand(errand);
}

void Engine::run_errand(const Errand& errand) {
  const LiveSaga* parent = find(errand.parent);
  const std::string parent_id = parent != nullptr ? parent->id : "";
  const auto order = [&](core::Verb verb, std::string reason) {
    deliver_to_child(errand, core::OperatorCommand{verb, "", nullptr, {parent_id, true, std::move(reason)}});
  };
  if (std::holds_alternative<core::StartChild>(errand.what)) {
    if (parent != nullptr) start_child(*parent, errand);
  } else if (std::holds_alternative<core::CancelChild>(errand.what)) {
    order(core::Verb::kCancel, fmt::format("its parent {} turns back", parent_id));
  } else if (std::holds_alternative<core::UndoChild>(errand.what)) {
    deliver_to_child(errand, core::UndoSaga{{parent_id, true, fmt::format("undone by its parent {}", parent_id)}});
  } else {
    order(core::Verb::kTerminate, fmt::format("its parent {} was terminated", parent_id));
  }
}

void Engine::start_child(const LiveSaga& parent, const Errand& errand) {
  const core::StepIndex step = step_of(errand.what);
  const workflows::Step& definition = parent.workflow->steps[step];
  const auto cannot = [&](std::string why) {
    mailbox_->post(ErrandDone{errand.parent, errand.number,
                              report_of(errand.what, SagaStatus::kCompensated, workers::codes::kChildFailed,
                                        fmt::format("it cannot be started: {}", why))});
  };
  const auto version = core::child_version(*parent.state, step);
  const auto workflow = version ? registry_.find(definition.child_workflow, *version) : nullptr;
  if (!workflow) return cannot(fmt::format("its workflow '{}' cannot be read", definition.child_workflow));
  if (depth_of(errand.child_id) > kMaxChildDepth) {
    return cannot(fmt::format("child sagas nest at most {} deep", kMaxChildDepth));
  }
  StartRequest request;
  request.id = errand.child_id;
  request.workflow = workflow;
  request.version_named = true;
  request.input = core::child_input(*parent.workflow, *parent.state, step).ref();
  if (workflow->input_schema) {
    if (const auto violations = workflow->input_schema->validate(*request.input); !violations.empty()) {
      return cannot(fmt::format("its input does not fit {}/{}: {}{}{}", workflow->name, workflow->version,
                                violations.front().pointer, violations.front().pointer.empty() ? "" : ": ",
                                violations.front().message));
    }
  }
  request.trace_id = parent.state->facts->trace_id;
  request.parent_span = parent.state->facts->parent_span;
  request.actor = parent.id;
  request.parent_id = parent.id;
  request.parent_step = definition.name;
  request.parent_attempt = attempt_of(errand.what);
  post_internal(ClientStart{std::move(request), [this, errand](Result<Started> started) {
                              if (started) return end_errand(errand, std::move(started->saga));
                              end_errand(errand, tl::unexpected(started.error()));
                            }});
}

void Engine::deliver_to_child(const Errand& errand, core::Input input) {
  ClientDelivery message;
  message.delivery = {errand.child_id, std::move(input), ""};
  // One that could not undo itself tries again only when an operator says so.
  const auto* undo = std::get_if<core::UndoChild>(&errand.what);
  message.is_internal = true;
  message.spares_failed = undo != nullptr && !undo->again;
  message.is_news = std::holds_alternative<core::TerminateChild>(errand.what);
  message.done = [this, errand](Result<DeliveryAnswer> answer) {
    if (!answer) return end_errand(errand, tl::unexpected(answer.error()));
    if (answer->refusal && std::holds_alternative<core::UndoChild>(errand.what)) {
      mailbox_->post(ErrandDone{
          errand.parent, errand.number,
          report_of(errand.what, SagaStatus::kFailed, workers::codes::kChildFailed, answer->refusal->message)});
      return;
    }
    // Another refusal is no trouble: how the child stands says all.
    end_errand(errand, std::move(answer->saga));
  };
  post_internal(std::move(message));
}

/// `child` as it is now, or why nothing was done.
void Engine::end_errand(const Errand& errand, Result<Snapshot> child) {
  if (std::holds_alternative<core::TerminateChild>(errand.what))
    return;  // Its row is due: it ends when it is read back.
  const auto report = [&](ChildReported what) {
    mailbox_->post(ErrandDone{errand.parent, errand.number, std::move(what)});
  };
  if (child) return report(report_of(errand.what, *child->state));
  const Error& error = child.error();
  switch (error.code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kOverloaded:
      return postpone(errand);
    case ErrorCode::kPoisoned:
    case ErrorCode::kFenced:
      return;  // The process ends; whoever comes next asks again.
    case ErrorCode::kCorruption:
      return report(report_of(errand.what, SagaStatus::kSuspended, workers::codes::kCorrupt, error.message));
    case ErrorCode::kNotFound:
      if (std::holds_alternative<core::CancelChild>(errand.what)) {
        return report(
            report_of(errand.what, SagaStatus::kCompensated, workers::codes::kChildFailed, "it was not started"));
      }
      return report(
          report_of(errand.what, SagaStatus::kFailed, workers::codes::kChildFailed, "it is not there any more"));
    default:
      return report(report_of(errand.what, SagaStatus::kCompensated, workers::codes::kChildFailed,
                              fmt::format("it cannot be started: {}", error.message)));
  }
}

void Engine::take(ErrandDone done) {
  LiveSaga* parent = find(done.parent);
  if (parent == nullptr || std::erase(parent->errands, done.errand) == 0) return;  // Read back since: asked anew.
  enqueue(*parent, core::Input(std::move(done.report)));
}

void Engine::postpone(const Errand& errand) {
  if (postponed_.empty()) next_errand_try_ = clock_.now() + kErrandPause;
  postponed_.push_back(errand);
}

void Engine::try_postponed_errands() {
  if (postponed_.empty() || draining_.load() || clock_.now() < next_errand_try_) return;
  for (const Errand& errand : std::exchange(postponed_, {})) {
    LiveSaga* parent = find(errand.parent);
    const bool still_asked = parent != nullptr && std::find(parent->errands.begin(), parent->errands.end(),
                                                            errand.number) != parent->errands.end();
    if (!still_asked) continue;
    if (is_wanted(*parent->state, errand.what)) {
      run_errand(errand);
    } else {
      std::erase(parent->errands, errand.number);
      if (!parent->committing) settle(*parent);
    }
  }
}

// ---- what a child tells ---------------------------------------------------------------------------------------------

void Engine::tell_parent(const LiveSaga& child) {
  const core::SagaFacts& facts = *child.state->facts;
  if (facts.parent_id.empty()) return;
  ClientDelivery message;
  message.delivery = {
      facts.parent_id,
      ChildReported{0, facts.parent_attempt, child.state->status, child.state->output, child.state->error},
      facts.parent_step};
  message.is_internal = true;
  message.is_news = true;
  post_internal(std::move(message));
}

/// Past the limits for clients: what sagas ask of each other has been accepted long ago.
void Engine::post_internal(ClientMessage message) {
  clients_waiting_.fetch_add(1);
  std::visit([this](auto&& m) { mailbox_->post(std::forward<decltype(m)>(m)); }, std::move(message));
}

/// Whose rows a commit with these effects makes due.
std::vector<std::string> Engine::woken_by(const LiveSaga& saga, const std::vector<core::Effect>& effects) {
  std::vector<std::string> woken;
  const std::string& parent = saga.state->facts->parent_id;
  if (saga.tells_parent && !parent.empty()) woken.push_back(parent);
  for (const core::Effect& effect : effects) {
    const auto* terminate = std::get_if<core::TerminateChild>(&effect);
    if (terminate == nullptr) continue;
    woken.push_back(core::child_id(saga.id, saga.workflow->steps[terminate->step].name, terminate->attempt));
  }
  return woken;
}

/// They keep their rows due until the news is there: one that went to sleep in between would be left asleep by a crash.
/// So would one that is read back in between, whose row may be older than the commit that wakes it.
void Engine::note_woken(const std::vector<std::string>& ids, Timestamp at) {
  for (const std::string& id : ids) {
    ++news_coming_[id];
    const auto key = keys_.find(id);
    if (key == keys_.end()) continue;
    LiveSaga& saga = *find(key->second);
    if (!saga.head.ended && (!saga.head.wake_at || *saga.head.wake_at > at)) saga.head.wake_at = at;
  }
}

void Engine::forget_news(const std::string& id) {
  const auto coming = news_coming_.find(id);
  if (coming != news_coming_.end() && --coming->second == 0) news_coming_.erase(coming);
}

void Engine::forget_news(const ClientMessage& message) {
  const auto* delivery = std::get_if<ClientDelivery>(&message);
  if (delivery != nullptr && delivery->is_news) forget_news(delivery->delivery.saga_id);
}

bool Engine::is_expecting(const LiveSaga& saga) const {
  return !saga.errands.empty() || news_coming_.contains(saga.id);
}

}  // namespace saga::runtime
