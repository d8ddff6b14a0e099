// Events as they are stored: written by hand, since this is on the path of every step; read back through the strict
// JSON reader, since a damaged record must be noticed.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/core/event.h"

namespace saga::core {
namespace {

using workflows::Workflow;

/// How much deeper than a client's JSON an event may be that holds it.
constexpr std::size_t kEventDepth = 8;

constexpr std::array<std::string_view, std::variant_size_v<EventBody>> kTypeNames{
    "saga_accepted",    "saga_started",        "attempt_begun",    "attempt_failed",   "call_deferred",
    "step_completed",   "step_failed",         "step_skipped",     "stop_requested",   "compensation_begun",
    "step_compensated", "compensation_failed", "saga_completed",   "saga_compensated", "saga_failed",
    "saga_suspended",   "saga_resumed",        "operator_retried", "operator_skipped", "operator_cancelled",
    "saga_terminated"};

// ---- writing
// -----------------------------------------------------------------------------------------------------------

/// Writes the members of one object, in order.
class Writer {
 public:
  Writer& text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(out_, value);
    return *this;
  }
  Writer& number(std::string_view name, std::int64_t value) {
    key(name);
    fmt::format_to(std::back_inserter(out_), "{}", value);
    return *this;
  }
  Writer& flag(std::string_view name, bool value) {
    key(name);
    out_ += value ? "true" : "false";
    return *this;
  }
  Writer& time(std::string_view name, const std::optional<Timestamp>& value) {
    return value ? number(name, value->ms) : *this;
  }
  Writer& json(std::string_view name, const JsonRef& value) {
    if (!value) return *this;
    key(name);
    out_ += dump_json(*value);
    return *this;
  }
  Writer& raw(std::string_view name, std::string_view value) {
    key(name);
    out_ += value;
    return *this;
  }
  [[nodiscard]] std::string close() {
    out_ += '}';
    return std::move(out_);
  }

 private:
  void key(std::string_view name) {
    if (out_.size() > 1) out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }

  std::string out_ = "{";
};

template <typename Pairs>
std::string pairs_json(const Pairs& pairs) {
  std::string out = "[";
  for (const auto& [name, value] : pairs) {
    if (out.size() > 1) out += ',';
    out += '[';
    append_json_string(out, name);
    out += ',';
    append_json_string(out, value);
    out += ']';
  }
  return out + "]";
}

class Encoder {
 public:
  explicit Encoder(const Workflow& workflow) : workflow_(workflow) {}

  std::string operator()(const SagaAccepted& e) {
    const SagaFacts& f = *e.facts;
    w_.text("id", f.id).text("workflow", f.workflow).number("version", f.version).json("input", f.input);
    if (!f.tags.empty()) w_.raw("tags", pairs_json(f.tags));
    w_.number("created_at", f.created_at.ms).time("start_at", f.start_at).time("deadline", e.deadline);
    w_.text("trace_id", f.trace_id);
    if (!f.parent_span.empty()) w_.text("parent_span", f.parent_span);
    if (!e.actor.empty()) w_.text("actor", e.actor);
    if (e.verified) w_.flag("verified", true);
    return w_.close();
  }
  std::string operator()(const SagaStarted&) { return w_.close(); }
  std::string operator()(const AttemptBegun& e) {
    step(e.step, e.phase).number("attempt", e.attempt);
    if (e.request) {
      w_.text("path", e.request->path);
      if (!e.request->headers.empty()) w_.raw("headers", pairs_json(e.request->headers));
      w_.json("body", e.request->body);
    }
    return w_.close();
  }
  std::string operator()(const AttemptFailed& e) {
    step(e.step, e.phase);
    failure(e.failure);
    if (!e.counted) w_.flag("counted", false);
    w_.time("due_at", e.due_at).number("duration_ms", e.duration_ms);
    return w_.close();
  }
  std::string operator()(const CallDeferred& e) { return step(e.step, e.phase).text("message", e.message).close(); }
  std::string operator()(const StepCompleted& e) {
    return step(e.step, Phase::kAction)
        .number("attempt", e.attempt)
        .number("http_status", e.http_status)
        .json("output", e.output)
        .number("duration_ms", e.duration_ms)
        .close();
  }
  std::string operator()(const StepFailed& e) {
    step(e.step, Phase::kAction);
    failure(e.failure);
    return w_.close();
  }
  std::string operator()(const StepSkipped& e) { return step(e.step, Phase::kAction).close(); }
  std::string operator()(const StopRequested& e) { return cause(e.failure).close(); }
  std::string operator()(const CompensationBegun& e) { return cause(e.failure).close(); }
  std::string operator()(const StepCompensated& e) {
    return step(e.step, Phase::kCompensation)
        .number("attempt", e.attempt)
        .number("http_status", e.http_status)
        .number("duration_ms", e.duration_ms)
        .close();
  }
  std::string operator()(const CompensationFailed& e) {
    step(e.step, Phase::kCompensation);
    failure(e.failure);
    return w_.close();
  }
  std::string operator()(const SagaCompleted& e) {
    w_.json("output", e.output);
    if (e.error) cause(*e.error);
    return w_.close();
  }
  std::string operator()(const SagaCompensated&) { return w_.close(); }
  std::string operator()(const SagaFailed& e) {
    std::string names = "[";
    for (const StepIndex i : e.not_undone) {
      if (names.size() > 1) names += ',';
      append_json_string(names, workflow_.steps[i].name);
    }
    return w_.raw("not_undone", names + "]").close();
  }
  std::string operator()(const SagaSuspended& e) {
    w_.text("cause", to_string(e.cause));
    if (e.failure) cause(*e.failure);
    if (e.cause == SuspensionCause::kOperator) actor(e.actor);
    return w_.close();
  }
  std::string operator()(const SagaResumed& e) {
    if (!e.calls.empty()) calls(e.calls);
    return actor(e.actor).close();
  }
  std::string operator()(const OperatorRetried& e) {
    calls(e.calls);
    return actor(e.actor).close();
  }
  std::string operator()(const OperatorSkipped& e) {
    step(e.call.step, e.call.phase).json("output", e.output);
    return actor(e.actor).close();
  }
  std::string operator()(const OperatorCancelled& e) { return actor(e.actor).close(); }
  std::string operator()(const SagaTerminated& e) { return actor(e.actor).close(); }

 private:
  Writer& step(StepIndex i, Phase phase) {
    return w_.text("step", workflow_.steps[i].name).text("phase", workers::to_string(phase));
  }
  void failure(const Failure& f) {
    w_.number("attempt", f.attempt)
        .text("outcome", workers::to_string(f.outcome))
        .text("code", f.code)
        .text("message", f.message);
    if (f.http_status != 0) w_.number("http_status", f.http_status);
  }
  Writer& cause(const Failure& f) {
    Writer inner;
    if (!f.step.empty()) inner.text("step", f.step);
    if (f.phase) inner.text("phase", workers::to_string(*f.phase));
    inner.number("attempt", f.attempt)
        .text("outcome", workers::to_string(f.outcome))
        .text("code", f.code)
        .text("message", f.message);
    if (f.http_status != 0) inner.number("http_status", f.http_status);
    return w_.raw("error", inner.close());
  }
  Writer& actor(const Actor& a) {
    w_.text("actor", a.name);
    if (a.verified) w_.flag("verified", true);
    if (!a.reason.empty()) w_.text("reason", a.reason);
    return w_;
  }
  void calls(const std::vector<CallRef>& refs) {
    std::string out = "[";
    for (const CallRef& ref : refs) {
      if (out.size() > 1) out += ',';
      out += Encoder(workflow_).step(ref.step, ref.phase).close();
    }
    w_.raw("calls", out + "]");
  }

  const Workflow& workflow_;
  Writer w_;
};

// ---- reading
// -----------------------------------------------------------------------------------------------------------

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
        return StepCompleted{step(), whole("attempt"), whole("http_status"), json("output"), number("duration_ms")};
      case 6:
        return StepFailed{step(), step_failure(Phase::kAction)};
      case 7:
        return StepSkipped{step()};
      case 8:
        return StopRequested{need(cause())};
      case 9:
        return CompensationBegun{need(cause())};
      case 10:
        return StepCompensated{step(), whole("attempt"), whole("http_status"), number("duration_ms")};
      case 11:
        return CompensationFailed{step(), step_failure(Phase::kCompensation)};
      case 12:
        return SagaCompleted{json("output"), cause()};
      case 13:
        return SagaCompensated{};
      case 14:
        return SagaFailed{not_undone()};
      case 15:
        return SagaSuspended{suspension_cause(), cause(), data_.contains("actor") ? actor() : Actor{}};
      case 16:
        return SagaResumed{calls(), actor()};
      case 17:
        return OperatorRetried{calls(), actor()};
      case 18:
        return OperatorSkipped{{step(), phase()}, json("output"), actor()};
      case 19:
        return OperatorCancelled{actor()};
      default:
        return SagaTerminated{actor()};
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
    return value.get<std::int64_t>();
  }
  std::string text(const char* name) const { return text_of(data_, name); }
  std::string text_or(const char* name, std::string otherwise) const {
    return data_.contains(name) ? text_of(data_, name) : std::move(otherwise);
  }
  std::int64_t number(const char* name) const { return number_of(data_, name); }
  int whole(const char* name) const { return static_cast<int>(number_of(data_, name)); }
  bool flag(const char* name, bool otherwise) const {
    const auto found = data_.find(name);
    return found == data_.end() ? otherwise : found->is_boolean() && found->get<bool>();
  }
  std::optional<Timestamp> time(const char* name) const {
    if (!data_.contains(name)) return std::nullopt;
    return Timestamp{number(name)};
  }
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
  Phase phase() const { return phase_of(data_); }

  Failure failure_of(const Json& object) const {
    Failure f;
    f.attempt = static_cast<int>(number_of(object, "attempt"));
    f.code = text_of(object, "code");
    f.message = text_of(object, "message");
    if (object.contains("http_status")) f.http_status = static_cast<int>(number_of(object, "http_status"));
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
  std::optional<Failure> cause() const {
    const auto found = data_.find("error");
    if (found == data_.end()) return std::nullopt;
    Failure f = failure_of(*found);
    if (found->contains("step")) f.step = text_of(*found, "step");
    if (found->contains("phase")) f.phase = phase_of(*found);
    return f;
  }
  static Failure need(std::optional<Failure> failure) {
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
  Actor actor() const { return Actor{text("actor"), flag("verified", false), text_or("reason", "")}; }

  std::vector<std::pair<std::string, std::string>> pairs(const char* name) const {
    std::vector<std::pair<std::string, std::string>> out;
    const auto found = data_.find(name);
    if (found == data_.end()) return out;
    for (const Json& pair : *found) {
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
    const auto found = data_.find("calls");
    if (found == data_.end()) return out;
    for (const Json& ref : *found) out.push_back({step_of(ref), phase_of(ref)});
    return out;
  }
  std::vector<StepIndex> not_undone() const {
    std::vector<StepIndex> out;
    for (const Json& name : at(data_, "not_undone")) {
      const auto index = name.is_string() ? workflow_.step_index(name.get_ref<const std::string&>()) : std::nullopt;
      if (!index) throw BadRecord{"'not_undone' names no step"};
      out.push_back(*index);
    }
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
    return SagaAccepted{std::move(facts), time("deadline"), text_or("actor", ""), flag("verified", false)};
  }

  const Workflow& workflow_;
  const Json& data_;
};

}  // namespace

std::string_view type_name(const EventBody& body) { return kTypeNames[body.index()]; }

std::string encode_event(const Workflow& workflow, const EventBody& body) {
  return std::visit(Encoder(workflow), body);
}

Result<Event> decode_event(const Workflow& workflow, Timestamp at, std::string_view type, std::string_view data) {
  const auto named = std::find(kTypeNames.begin(), kTypeNames.end(), type);
  if (named == kTypeNames.end()) return fail(ErrorCode::kCorruption, fmt::format("'{}' is not a type of event", type));
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
