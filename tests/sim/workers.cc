#include "tests/sim/workers.h"

#include <fmt/format.h>

namespace saga::sim {

struct Workers::Visit {
  std::shared_ptr<const WireCall> call;
  Reply reply;
  Deed* deed;  ///< Stays where it is: the ledger only grows.
  Manner manner;
  std::shared_ptr<Chance> chance;
};

bool Workers::goes_wrong(const Visit& visit, Fault fault) const {
  const bool wrong = visit.chance->percent(setting_.plan.of(fault)) && !setting_.calm;
  if (wrong) setting_.happened(fault);
  return wrong;
}

void Workers::arrive(const std::shared_ptr<const WireCall>& call, Reply reply) {
  const std::string key = call->header(workers::kIdempotencyKey);
  Deed& deed = ledger_[key.substr(0, key.rfind('/'))];
  if (deed.saga.empty()) {
    deed.saga = call->header(workers::kSagaId);
    deed.step = call->header(workers::kSagaStep);
  }
  Manner manner{call->phase, call->definition().error_code.has_value(), false};
  for (const int status : call->call.accept) manner.accepts_404 = manner.accepts_404 || status == 404;
  const std::uint64_t number = call->number();
  Visit visit{call, std::move(reply), &deed, manner, std::make_shared<Chance>(setting_.plan.seed, "worker", number)};
  setting_.story.tell(number, [&] { return "    at its worker: " + call->text(); });
  call->phase == Phase::kAction ? act(std::move(visit)) : undo(std::move(visit));
}

void Workers::work(const Visit& visit, std::function<void()> then) {
  const int longest = visit.chance->one_in(20) && !setting_.calm ? 2'000 : 20;
  setting_.agenda.in(visit.chance->millis(0, longest), std::move(then));
}

void Workers::do_it(Deed& deed, const Visit& visit) {
  deed.done = true;
  ++deed.times_done;
  deed.output = Json{{"n", static_cast<std::int64_t>(visit.chance->next() % 1000)}};
  if (deed.times_done > 1) setting_.violated("I6", fmt::format("{}/{} was done twice", deed.saga, deed.step));
  setting_.story.tell(11, [&] { return fmt::format("    done: {}/{}", deed.saga, deed.step); });
}

void Workers::undo_it(Deed& deed) {
  deed.undone = true;
  deed.done = false;
  setting_.story.tell(12, [&] { return fmt::format("    undone: {}/{}", deed.saga, deed.step); });
}

void Workers::act(Visit visit) {
  Deed& deed = *visit.deed;
  if (deed.undone) return visit.reply(late_action());
  if (deed.done) return visit.reply(done(*visit.chance, visit.manner, deed.output));
  if (!deed.seen.insert(visit.call->attempt).second) return;  // What was turned away once is not done by a copy of it.
  if (deed.at_work) {
    if (!deed.will_call_back || visit.chance->one_in(2)) return visit.reply(still_at_work(*visit.chance, visit.manner));
    deed.url = visit.call->callback_url;
    return visit.reply(taken());
  }
  if (goes_wrong(visit, Fault::kAnswer)) {
    if (visit.chance->one_in(2)) return visit.reply(refusal(*visit.chance, visit.manner));
    if (visit.chance->one_in(2)) return visit.reply(trouble(*visit.chance, visit.manner));
    do_it(deed, visit);
    return visit.reply(trouble(*visit.chance, visit.manner));
  }
  if (visit.call->call.path.find("/async") != std::string::npos) return take(std::move(visit));
  deed.at_work = true;
  work(visit, [this, visit] {
    Deed& own = *visit.deed;
    own.at_work = false;
    if (own.undone) return visit.reply(late_action());
    do_it(own, visit);
    visit.reply(done(*visit.chance, visit.manner, own.output));
  });
}

void Workers::undo(Visit visit) {
  Deed& deed = *visit.deed;
  if (deed.undone) {
    if (visit.manner.accepts_404 && visit.chance->one_in(2)) return visit.reply(nothing_there());
    return visit.reply(done(*visit.chance, visit.manner, nullptr));
  }
  if (deed.at_work && !deed.will_call_back) return visit.reply(still_at_work(*visit.chance, visit.manner));
  if (deed.undoing) {
    if (visit.chance->one_in(2)) return visit.reply(still_at_work(*visit.chance, visit.manner));
    deed.undo_url = visit.call->callback_url;
    return visit.reply(taken());
  }
  if (goes_wrong(visit, Fault::kCompensation)) {
    End end = trouble(*visit.chance, visit.manner);
    auto* answered = std::get_if<workers::Answered>(&end.fact);
    if (answered != nullptr && answered->status >= 400) {
      answered->body = R"({"retryable":false})";
      answered->content_type = "application/json";
      end.meaning.retried = false;
      end.meaning.by_body = true;
    }
    return visit.reply(std::move(end));
  }
  if (goes_wrong(visit, Fault::kAnswer)) {
    if (visit.chance->one_in(2)) return visit.reply(refusal(*visit.chance, visit.manner));
    if (visit.chance->one_in(2)) undo_it(deed);
    return visit.reply(trouble(*visit.chance, visit.manner));
  }
  if (visit.call->call.path.find("/async") != std::string::npos) return take(std::move(visit));
  const bool nothing = !deed.done && visit.manner.accepts_404;
  undo_it(deed);
  visit.reply(nothing ? nothing_there() : done(*visit.chance, visit.manner, nullptr));
}

// ---- callbacks ----------------------------------------------------------------------------------------------------

void Workers::take(Visit visit) {
  Deed& deed = *visit.deed;
  const bool action = visit.manner.phase == Phase::kAction;
  (action ? deed.url : deed.undo_url) = visit.call->callback_url;
  (action ? deed.at_work : deed.undoing) = true;
  if (action) deed.will_call_back = true;
  const bool wrong = goes_wrong(visit, Fault::kCallback);
  const int how = wrong ? visit.chance->below(6) : -1;
  const Millis takes = how == 0 ? visit.chance->millis(0, 90'000) : visit.chance->millis(1, 1'500);
  const bool well = how != 1;
  if (how == 2) {  // Before its answer.
    finish_taken(visit, true);
    return visit.reply(taken());
  }
  visit.reply(taken());
  if (how == 0 && takes.count() > 2'000) {
    setting_.agenda.in(takes / 2, [this, visit] {
      call_back(visit.call->callback_url, {true, false, nullptr, "", {}}, 3);
    });
  }
  setting_.agenda.in(takes, [this, visit, how, well] {
    if (how == 3) {  // Never: it may have done it, and gives up.
      if (visit.manner.phase == Phase::kAction && !visit.deed->undone && visit.chance->one_in(2))
        do_it(*visit.deed, visit);
      visit.deed->at_work = visit.deed->undoing = visit.deed->will_call_back = false;
      return;
    }
    finish_taken(visit, well);
    if (how == 4) setting_.agenda.in(visit.chance->millis(0, 5'000), [this, visit] { finish_taken(visit, true); });
  });
}

/// Also a second time.
void Workers::finish_taken(const Visit& visit, bool well) {
  Deed& deed = *visit.deed;
  Callbacks::Callback callback;
  const std::string url = visit.manner.phase == Phase::kAction ? deed.url : deed.undo_url;
  if (visit.manner.phase == Phase::kAction) {
    if (!deed.at_work && !deed.done) return;
    deed.at_work = deed.will_call_back = false;
    callback.succeeded = !deed.undone && (well || deed.done);
    if (callback.succeeded && !deed.done) do_it(deed, visit);
    callback.output = deed.output;
    if (deed.undone) callback.code = "too_late";
  } else {
    if (!deed.undoing && !deed.undone) return;
    deed.undoing = false;
    callback.succeeded = well || deed.undone;
    if (callback.succeeded && !deed.undone) undo_it(deed);
  }
  if (!callback.succeeded && callback.code.empty()) {
    callback.code = visit.chance->one_of<const char*>({"E", "no"});
    callback.retryable = visit.chance->one_of<std::optional<bool>>({std::nullopt, true, false});
  }
  call_back(url, std::move(callback), 60);
}

/// Until it is answered for good.
void Workers::call_back(const std::string& url, Callbacks::Callback callback, int tries) {
  if (tries == 0 || url.empty()) return;
  callbacks_.post(url, callback, [this, url, callback, tries](int status) {
    if (status == 204 || status == 409 || status == 410) return;
    setting_.agenda.in(Millis{500}, [this, url, callback, tries] { call_back(url, callback, tries - 1); });
  });
}

}  // namespace saga::sim
