// Events as they are read back: through the strict JSON reader, since a damaged record must be noticed.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/core/event_names.h"
#include "workers/protocol/text.h"

namespace saga::core {
namespace {

using workflows::Workflow;

/// How much deeper than a client's JSON an event may be that holds it.
constexpr std::size_t kEventDepth = 8;

/// Thrown inside this file only; `decode_event` turns it into a value.
struct BadRecord {
  std::string message;
};

class Decoder {
 public:
  Decoder(const Workflow& workflow, const Json& data) : workflow_(workflow), data_(data) {}

  EventBody decode(std::size_t type) {
    switch (type) {
      case 0:
        return accepted();
      case 1:
        return SagaStarted{};
      case 2:
        return AttemptBegun{step(), phase(), whole("attempt"), request()};
      case 3:
        return AttemptFailed{
            step(), phase(), step_failure(phase()), flag("counted", true), time("due_at"), number("duration_ms")};
      case 4:
        return CallDeferred{step(), phase(), text("message")};
      case 5:
        return StepCompleted{step(Phase::kAction), whole("attempt"), whole("http_status"), json("output"),
                             number("duration_ms")};
      case 6:
        return StepFailed{step(Phase::kAction), step_failure(Phase::kAction)};
      case 7:
        return StepSkipped{step(Phase::kAction)};
      case 8:
        return StopRequested{need(cause())};
      case 9:
        return CompensationBegun{need(cause())};
      case 10:
        return StepCompensated{step(Phase::kCompensation), whole("attempt"), whole("http_status"),
                               number("duration_ms")};
      case 11:
        return CompensationFailed{step(Phase::kCompensation), step_failure(Phase::kCompensation)};
      case 12:
        return SagaCompleted{json("output"), cause()};
      case 13:
        return SagaCompensated{};
      case 14:
        return SagaFailed{not_undone()};
      case 15:
        return suspended();
      case 16:
        return SagaResumed{calls(), actor()};
      case 17:
        (void)at(data_, "calls");
        return OperatorRetried{calls(), actor()};
      case 18:
        return OperatorSkipped{{step(), phase()}, json("output"), actor()};
      case 19:
        return OperatorCancelled{actor()};
      case 20:
        return SagaTerminated{actor()};
      case 21:
        return CallTaken{step(), phase(), whole("attempt"), until()};
      case 22:
        return HeartbeatReceived{step(), phase(), whole("attempt"), until()};
      case 23:
        return WaitBegun{step(Phase::kAction), until()};
      case 24:
        return SignalAwaited{step(Phase::kAction), time("until")};
      case 25:
        return SignalReceived{step(Phase::kAction), share(at(data_, "payload")), text_or("actor", ""),
                              flag("verified", false)};
      case 26:
        return ChildBegun{step(Phase::kAction), whole("attempt"), json("input")};
      case 27:
        return ChildSuspended{step(), phase(), step_failure(phase())};
      case 28:
        return ChildResumed{step(), phase()};
      default:
        return ChildUndoBegun{step(Phase::kCompensation), whole("attempt"), whole("child"), flag("again", false)};
    }
  }

 private:
  const Json& at(const Json& object, const char* name) const {
    const auto found = object.find(name);
    if (found == object.end()) throw BadRecord{fmt::format("'{}' is missing", name)};
    return *found;
  }
  std::string text_of(const Json& object, const char* name) const {
    const Json& value = at(object, name);
    if (!value.is_string()) throw BadRecord{fmt::format("'{}' is not a string", name)};
    return value.get<std::string>();
  }
  std::int64_t number_of(const Json& object, const char* name) const {
    const Json& value = at(object, name);
    if (!value.is_number_integer()) throw BadRecord{fmt::format("'{}' is not a whole number", name)};
    const auto* above = value.get_ptr<const Json::number_unsigned_t*>();
    if (above != nullptr && !std::in_range<std::int64_t>(*above)) out_of_range(name);
    return value.get<std::int64_t>();
  }
  int small_number_of(const Json& object, const char* name) const {
    const std::int64_t value = number_of(object, name);
    if (!std::in_range<int>(value)) out_of_range(name);
    return static_cast<int>(value);
  }
  [[noreturn]] static void out_of_range(const char* name) {
    throw BadRecord{fmt::format("'{}' is out of its range", name)};
  }
  /// What stands there as a list; an empty one where nothing does.
  const Json& list(const char* name) const {
    static const Json kNone = Json::array();
    const auto found = data_.find(name);
    if (found == data_.end()) return kNone;
    if (!found->is_array()) throw BadRecord{fmt::format("'{}' is not a list", name)};
    return *found;
  }
  std::string text(const char* name) const { return text_of(data_, name); }
  std::string text_or(const char* name, std::string otherwise) const {
    return data_.contains(name) ? text_of(data_, name) : std::move(otherwise);
  }
  std::int64_t number(const char* name) const { return number_of(data_, name); }
  int whole(const char* name) const { return small_number_of(data_, name); }
  bool flag(const char* name, bool otherwise) const {
    const auto found = data_.find(name);
    if (found == data_.end()) return otherwise;
    if (!found->is_boolean()) throw BadRecord{fmt::format("'{}' is neither true nor false", name)};
    return found->get<bool>();
  }
  std::optional<Timestamp> time(const char* name) const {
    if (!data_.contains(name)) return std::nullopt;
    return Timestamp{number(name)};
  }
  Timestamp until() const { return Timestamp{number("until")}; }
  JsonRef json(const char* name) const {
    const auto found = data_.find(name);
    return found == data_.end() ? nullptr : share(*found);
  }

  StepIndex step_of(const Json& object) const {
    const std::string name = text_of(object, "step");
    const auto index = workflow_.step_index(name);
    if (!index) throw BadRecord{fmt::format("{}/{} has no step '{}'", workflow_.name, workflow_.version, name)};
    return *index;
  }
  Phase phase_of(const Json& object) const {
    const std::string name = text_of(object, "phase");
    if (name == "action") return Phase::kAction;
    if (name == "compensation") return Phase::kCompensation;
    throw BadRecord{fmt::format("'{}' is not a phase", name)};
  }
  StepIndex step() const { return step_of(data_); }
  /// Of an event that there is in one phase only.
  StepIndex step(Phase of) const {
    if (phase() != of) throw BadRecord{fmt::format("'phase' is not {}", workers::to_string(of))};
    return step();
  }
  Phase phase() const { return phase_of(data_); }

  Failure failure_of(const Json& object) const {
    Failure f;
    f.attempt = small_number_of(object, "attempt");
    f.code = text_of(object, "code");
    f.message = text_of(object, "message");
    if (object.contains("http_status")) f.http_status = small_number_of(object, "http_status");
    const std::string outcome = text_of(object, "outcome");
    for (const Outcome o :
         {Outcome::kDone, Outcome::kNotDone, Outcome::kUnknown, Outcome::kPending, Outcome::kNotCalled}) {
      if (workers::to_string(o) == outcome) {
        f.outcome = o;
        return f;
      }
    }
    throw BadRecord{fmt::format("'{}' is not an outcome", outcome)};
  }
  Failure step_failure(Phase of) const {
    Failure f = failure_of(data_);
    f.step = text("step");
    f.phase = of;
    return f;
  }
  Sparse<Failure> cause() const {
    const auto found = data_.find("error");
    if (found == data_.end()) return std::nullopt;
    Failure f = failure_of(*found);
    if (found->contains("step")) f.step = text_of(*found, "step");
    if (found->contains("phase")) f.phase = phase_of(*found);
    return f;
  }
  static Failure need(Sparse<Failure> failure) {
    if (!failure) throw BadRecord{"'error' is missing"};
    return std::move(*failure);
  }
  SuspensionCause suspension_cause() const {
    const std::string name = text("cause");
    for (const SuspensionCause c : {SuspensionCause::kOperator, SuspensionCause::kStepFailed,
                                    SuspensionCause::kCompensationFailed, SuspensionCause::kPivotUnknown}) {
      if (to_string(c) == name) return c;
    }
    throw BadRecord{fmt::format("'{}' is not a cause", name)};
  }
  SagaSuspended suspended() const {
    const SuspensionCause why = suspension_cause();
    return {why, cause(), why == SuspensionCause::kOperator ? actor() : Actor{}};
  }
  Actor actor() const { return Actor{text("actor"), flag("verified", false), text_or("reason", "")}; }

  std::vector<std::pair<std::string, std::string>> pairs(const char* name) const {
    std::vector<std::pair<std::string, std::string>> out;
    for (const Json& pair : list(name)) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
        throw BadRecord{fmt::format("'{}' is not a list of pairs", name)};
      }
      out.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
    }
    return out;
  }
  std::shared_ptr<const PreparedRequest> request() const {
    if (!data_.contains("path")) return nullptr;
    return std::make_shared<const PreparedRequest>(PreparedRequest{text("path"), pairs("headers"), json("body")});
  }
  std::vector<CallRef> calls() const {
    std::vector<CallRef> out;
    for (const Json& ref : list("calls")) out.push_back({step_of(ref), phase_of(ref)});
    return out;
  }
  std::vector<StepIndex> not_undone() const {
    std::vector<StepIndex> out;
    (void)at(data_, "not_undone");
    for (const Json& name : list("not_undone")) {
      const auto index = name.is_string() ? workflow_.step_index(name.get_ref<const std::string&>()) : std::nullopt;
      if (!index) throw BadRecord{"'not_undone' names no step"};
      out.push_back(*index);
    }
    return out;
  }
  std::vector<std::pair<std::size_t, std::int64_t>> child_versions() const {
    std::vector<std::pair<std::size_t, std::int64_t>> out;
    const Json& versions = at(data_, "child_versions");
    if (!versions.is_object()) throw BadRecord{"'child_versions' is not an object"};
    for (StepIndex i = 0; i < workflow_.steps.size(); ++i) {
      const char* name = workflow_.steps[i].name.c_str();
      if (versions.contains(name)) out.emplace_back(i, number_of(versions, name));
    }
    if (out.size() != versions.size()) throw BadRecord{"'child_versions' names no step"};
    return out;
  }
  SagaAccepted accepted() const {
    auto facts = std::make_shared<SagaFacts>();
    facts->id = text("id");
    facts->workflow = text("workflow");
    facts->version = number("version");
    facts->input = share(at(data_, "input"));
    facts->tags = pairs("tags");
    facts->created_at = Timestamp{number("created_at")};
    facts->start_at = time("start_at");
    facts->trace_id = text("trace_id");
    facts->parent_span = text_or("parent_span", "");
    if (data_.contains("parent_id")) {
      facts->parent_id = text("parent_id");
      facts->parent_step = text("parent_step");
      facts->parent_attempt = whole("parent_attempt");
    }
    if (data_.contains("child_versions")) facts->child_versions = child_versions();
    return SagaAccepted{std::move(facts), time("deadline"), text_or("actor", ""), flag("verified", false)};
  }

  const Workflow& workflow_;
  const Json& data_;
};

}  // namespace

Result<Event> decode_event(const Workflow& workflow, Timestamp at, std::string_view type, std::string_view data) {
  const auto named = std::find(kTypeNames.begin(), kTypeNames.end(), type);
  if (named == kTypeNames.end()) {
    return fail(ErrorCode::kCorruption, fmt::format("'{}' is not a type of event", workers::bounded_utf8(type, 64)));
  }
  const auto parsed = read_json(data, kMaxJsonDepth + kEventDepth);
  if (!parsed) return fail(ErrorCode::kCorruption, fmt::format("{}: {}", type, parsed.error().message));
  if (!parsed->is_object()) return fail(ErrorCode::kCorruption, fmt::format("{}: expected an object", type));
  try {
    return Event{at, Decoder(workflow, *parsed).decode(static_cast<std::size_t>(named - kTypeNames.begin()))};
  } catch (const BadRecord& bad) {
    return fail(ErrorCode::kCorruption, fmt::format("{}: {}", type, bad.message));
  }
}

}  // namespace saga::core
