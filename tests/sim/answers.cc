#include "tests/sim/answers.h"

#include <array>
#include <optional>
#include <utility>

namespace saga::sim {
namespace {

using workers::Answered;
using workers::NotSent;
using workers::OutcomeUnknown;

constexpr const char* kJson = "application/json";

End answer(int status, std::string body, std::string type, Meaning meaning) {
  Answered answered;
  answered.status = status;
  answered.body = std::move(body);
  if (!answered.body.empty()) answered.content_type = std::move(type);
  return {std::move(answered), meaning};
}

/// What a failure says of itself besides its status.
void add_body(Chance& chance, End& end) {
  auto& answered = std::get<Answered>(end.fact);
  const auto say = [&](std::string body, std::optional<bool> retried) {
    answered.body = std::move(body);
    answered.content_type = kJson;
    end.meaning.by_body = retried.has_value();
    end.meaning.listed = !retried;
    // "retryable" says whether to go on, not what happened.
    end.meaning.retried = retried.value_or(end.meaning.retried);
  };
  switch (chance.below(12)) {
    case 0:
      return say(R"({"code":"E","message":"no"})", std::nullopt);
    case 1:
      return say(R"({"retryable":true,"detail":"later"})", true);
    case 2:
      return say(R"({"code":"gone","retryable":false})", false);
    case 3:
      answered.body = "<html>no</html>";
      answered.content_type = "text/html";
      return;
    default:
      return;
  }
}

}  // namespace

End done(Chance& chance, const Manner& manner, const Json& output) {
  const Meaning meaning{Outcome::kDone, false, false, false, false};
  if (manner.phase == Phase::kCompensation || output.is_null()) {
    return answer(chance.one_of({200, 204, 201, 202}), "", kJson, meaning);
  }
  return answer(chance.one_of({200, 200, 201}), dump_json(output), kJson, meaning);
}

End taken() {
  End end = answer(202, "", kJson, {Outcome::kPending, false, false, false, false});
  std::get<Answered>(end.fact).async = true;
  return end;
}

End nothing_there() { return answer(404, "", kJson, {Outcome::kDone, false, false, false, false}); }

End still_at_work(Chance& chance, const Manner& manner) {
  if (chance.one_in(2)) return answer(425, "", kJson, {Outcome::kUnknown, true, false, false, false});
  return answer(409, "", kJson, {Outcome::kNotDone, manner.phase == Phase::kCompensation, false, true, false});
}

End late_action() {
  return answer(409, R"({"code":"too_late"})", kJson, {Outcome::kNotDone, false, false, true, false});
}

End refusal(Chance& chance, const Manner& manner) {
  if (manner.reads_code && manner.phase == Phase::kAction && chance.one_in(3)) {
    return answer(200, R"({"code":"refused"})", kJson, {Outcome::kNotDone, false, false, false, false});
  }
  const int status = chance.one_of({400, 401, 402, 403, 405, 409, 409, 410, 422, 422, 429, 429});
  const bool compensation = manner.phase == Phase::kCompensation;
  End end = answer(status, "", kJson, {Outcome::kNotDone, status == 429 || compensation, false, status == 409, false});
  if (status == 429 && chance.one_in(2))
    std::get<Answered>(end.fact).retry_after = chance.one_of<const char*>({"1", "3", "nonsense"});
  add_body(chance, end);
  return end;
}

End trouble(Chance& chance, const Manner& manner) {
  const bool compensation = manner.phase == Phase::kCompensation;
  const Meaning retried{Outcome::kUnknown, true, false, false, false};
  const Meaning broken{Outcome::kUnknown, compensation, false, false, false};
  const int kind = chance.below(12);
  if (kind == 0) return answer(200, R"({"n":)", kJson, broken);
  if (kind == 1) {
    End end = answer(200, "", kJson, broken);
    std::get<Answered>(end.fact).body_over_limit = true;
    return end;
  }
  if (kind == 2) return answer(chance.one_of({301, 302, 307, 304}), "", kJson, broken);
  if (kind == 3) return End{OutcomeUnknown{OutcomeUnknown::Reason::kBadAnswer, "not HTTP"}, broken};
  End end = answer(chance.one_of({408, 425, 500, 502, 503, 503, 504, 507}), "", kJson, retried);
  if (chance.one_in(5)) std::get<Answered>(end.fact).retry_after = "2";
  add_body(chance, end);
  return end;
}

End unreachable() {
  return {NotSent{NotSent::Reason::kUnreachable, "connection refused"}, {Outcome::kNotDone, true, false, false, false}};
}
End no_instance(std::string why) {
  return {NotSent{NotSent::Reason::kNoInstance, std::move(why)}, {Outcome::kNotCalled, true, false, false, false}};
}
End timed_out() {
  return {OutcomeUnknown{OutcomeUnknown::Reason::kTimeout, "no answer in time"},
          {Outcome::kUnknown, true, false, false, false}};
}
End connection_lost() {
  return {OutcomeUnknown{OutcomeUnknown::Reason::kConnectionLost, "reset by peer"},
          {Outcome::kUnknown, true, false, false, false}};
}

}  // namespace saga::sim
