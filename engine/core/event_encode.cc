// Events as they are stored: written by hand, since this is on the path of every step.
#include "base/text.h"
#include "base/text_writer.h"
#include "engine/core/event_names.h"

namespace saga::core {
namespace {

using workflows::Workflow;

/// Writes the members of one object, in order.
class Writer {
 public:
  Writer() : out_(kUsualSize) { out_ += '{'; }
  Writer& text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(out_, value);
    return *this;
  }
  Writer& number(std::string_view name, std::int64_t value) { return raw(name, Digits(value)); }
  Writer& flag(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  Writer& time(std::string_view name, const std::optional<Timestamp>& value) {
    return value ? number(name, value->ms) : *this;
  }
  Writer& json(std::string_view name, const WrittenJson& value) { return value ? raw(name, value.text()) : *this; }
  Writer& json(std::string_view name, const JsonRef& value) {
    if (!value) return *this;
    key(name);
    append_json(out_, *value);
    return *this;
  }
  Writer& raw(std::string_view name, std::string_view value) {
    key(name);
    out_ += value;
    return *this;
  }
  [[nodiscard]] std::string close() {
    out_ += '}';
    return out_.take();
  }

 private:
  void key(std::string_view name) {
    out_ += out_.size() > 1 ? std::string_view(",\"") : std::string_view("\"");
    out_ += name;
    out_ += "\":";
  }

  static constexpr std::size_t kUsualSize = 160;

  TextWriter out_;
};

template <typename Pairs>
std::string pairs_json(const Pairs& pairs) {
  constexpr std::size_t kUsualSize = 80;
  TextWriter out(kUsualSize);
  out += '[';
  for (const auto& [name, value] : pairs) {
    if (out.size() > 1) out += ',';
    out += '[';
    append_json_string(out, name);
    out += ',';
    append_json_string(out, value);
    out += ']';
  }
  out += ']';
  return out.take();
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
    if (!f.parent_id.empty()) {
      w_.text("parent_id", f.parent_id).text("parent_step", f.parent_step).number("parent_attempt", f.parent_attempt);
    }
    if (!f.child_versions.empty()) {
      Writer versions;
      for (const auto& [step, version] : f.child_versions) versions.number(workflow_.steps[step].name, version);
      w_.raw("child_versions", versions.close());
    }
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
  std::string operator()(const CallTaken& e) {
    return step(e.step, e.phase).number("attempt", e.attempt).time("until", e.until).close();
  }
  std::string operator()(const HeartbeatReceived& e) {
    return step(e.step, e.phase).number("attempt", e.attempt).time("until", e.until).close();
  }
  std::string operator()(const WaitBegun& e) { return step(e.step, Phase::kAction).time("until", e.until).close(); }
  std::string operator()(const SignalAwaited& e) { return step(e.step, Phase::kAction).time("until", e.until).close(); }
  std::string operator()(const SignalReceived& e) {
    step(e.step, Phase::kAction).json("payload", e.payload);
    if (!e.actor.empty()) w_.text("actor", e.actor);
    if (e.verified) w_.flag("verified", true);
    return w_.close();
  }
  std::string operator()(const ChildBegun& e) {
    return step(e.step, Phase::kAction).number("attempt", e.attempt).json("input", e.input).close();
  }
  std::string operator()(const ChildSuspended& e) {
    step(e.step, e.phase);
    failure(e.failure);
    return w_.close();
  }
  std::string operator()(const ChildResumed& e) { return step(e.step, e.phase).close(); }
  std::string operator()(const ChildUndoBegun& e) {
    step(e.step, Phase::kCompensation).number("attempt", e.attempt).number("child", e.child);
    if (e.again) w_.flag("again", true);
    return w_.close();
  }
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
      names += json_string(workflow_.steps[i].name);
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

}  // namespace

std::string_view type_name(const EventBody& body) { return kTypeNames[body.index()]; }

std::string encode_event(const Workflow& workflow, const EventBody& body) {
  return std::visit(Encoder(workflow), body);
}

}  // namespace saga::core
