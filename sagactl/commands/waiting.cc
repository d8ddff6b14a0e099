#include "sagactl/commands/waiting.h"

#include <fmt/format.h>

#include <algorithm>

#include "sagactl/render/inspect.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr Millis kLongestRequest{60'000};   // The server's own limit of `wait`.
constexpr Millis kGrace{10'000};            // On top of it for the answer to come.
constexpr Millis kUnreachableFor{300'000};  // A restart is over by then.
constexpr Millis kBetweenRequests{500};

}  // namespace

Answered<Waited> wait_for(Context& context, const std::string& id, std::optional<Millis> timeout, bool reached) {
  const Clock& clock = context.world.clock;
  const Timestamp begun = clock.now();
  Timestamp last_contact = begun;
  bool said = false;
  Waited waited;

  while (true) {
    const Timestamp asked = clock.now();
    Millis patience = kLongestRequest;
    if (timeout) patience = std::clamp(*timeout - (asked - begun), Millis{0}, kLongestRequest);
    Query query;
    if (patience.count() > 0) query.emplace_back("wait", format_duration(patience));
    auto reply = context.client.get(saga_path(id), query, patience + kGrace);

    const Timestamp now = clock.now();
    const bool time_is_up = timeout && now - begun >= *timeout;
    if (reply) {
      reached = true;
      said = false;
      last_contact = now;
      waited.saga = std::move(reply->body);
      const std::string status = text(waited.saga, "status");
      waited.over = has_ended(status) || status == "suspended";
      if (waited.over || time_is_up) return waited;
    } else {
      const bool may_pass = reply.error().may_pass();
      const bool patient = timeout ? !time_is_up : reached && now - last_contact < kUnreachableFor;
      if (!may_pass || !patient) return tl::unexpected<Failure>(reply.error());
      if (!said) context.note(fmt::format("sagactl: {}; asking again", reply.error().message));
      said = true;
    }
    // An answer that was waited for has let the time pass already.
    if (now - asked < kBetweenRequests) {
      const Millis rest = timeout ? *timeout - (now - begun) : kBetweenRequests;
      context.world.pause(std::clamp(rest, Millis{1}, kBetweenRequests));
    }
  }
}

ExitCode wait_and_print(Context& context, const std::string& id, std::optional<Millis> timeout, bool reached) {
  auto waited = wait_for(context, id, timeout, reached);
  if (!waited) return context.report(waited.error());
  const Json& saga = waited->saga;
  const std::string status = text(saga, "status");
  context.print(saga, render_outcome(saga, context.page));
  if (!waited->over) {
    context.note(fmt::format("sagactl: {} is still {} after {}", id, status, format_duration(*timeout)));
    return ExitCode::kStillGoing;
  }
  if (status == "completed") return ExitCode::kDone;
  context.hint(fmt::format("{} inspect {}", context.program, id));
  return ExitCode::kEndedOtherwise;
}

}  // namespace saga::ctl
