#include "tests/sim/clients.h"

#include <fmt/format.h>

namespace saga::sim {
namespace {

constexpr Millis kPatience{10'000};  ///< How long an answer is waited for.

}  // namespace

Clients::Clients(Setting& setting, Book& book, Reach reach, std::vector<std::string> workflows)
    : setting_(setting),
      book_(book),
      reach_(std::move(reach)),
      workflows_(std::move(workflows)),
      chance_(setting.plan.seed, "clients") {}

runtime::StartRequest Clients::request(int number) {
  Chance own(setting_.plan.seed, "start", static_cast<std::uint64_t>(number));
  runtime::StartRequest start;
  start.id = fmt::format("s{}", number);
  start.version_named = own.one_in(2);
  start.input = share(Json{{"go", own.one_in(2)}, {"n", own.below(100)}});
  start.trace_id = fmt::format("{:032x}", number + 1);
  start.actor = "client";
  if (own.one_in(5)) start.tags = {{"colour", "blue"}};
  if (own.one_in(10)) start.start_at = setting_.agenda.now() + own.millis(0, 90'000);
  return start;
}

void Clients::begin() {
  const int sagas = setting_.plan.sagas;
  for (int number = 0; number < sagas;) {
    Chance own(setting_.plan.seed, "wish", static_cast<std::uint64_t>(number));
    const int together = own.one_in(10) ? own.between(2, 6) : 1;
    auto wish = std::make_shared<Wish>();
    wish->number = number;
    for (int i = 0; i < together && number < sagas; ++i, ++number) {
      if (setting_.plan.cuts.without_sagas.contains(number)) continue;
      wish->starts.push_back(request(number));
      wish->workflows.push_back(own.pick(workflows_));
    }
    if (wish->starts.empty()) continue;
    wishes_.push_back(wish);
    setting_.agenda.in(own.millis(0, static_cast<int>(setting_.plan.arrivals.count())),
                       [this, wish] { attempt(wish); });
  }
}

void Clients::again(const WishRef& wish, Millis after) {
  setting_.agenda.in(after, [this, wish] { attempt(wish); });
}

void Clients::attempt(const WishRef& wish) {
  if (wish->accepted || wish->refused || wish->gave_up) return;
  Process* process = reach_();
  if (process == nullptr || process->is_draining()) return again(wish, chance_.millis(50, 1'500));
  const int tried = ++wish->tries;
  auto starts = wish->starts;
  for (std::size_t i = 0; i < starts.size(); ++i) starts[i].workflow = process->workflow(wish->workflows[i]);
  // Silence is no answer: it may have been accepted.
  setting_.agenda.in(kPatience, [this, wish, tried] {
    if (wish->accepted || wish->refused || wish->tries != tried) return;
    wish->unanswered = true;
    if (!setting_.calm && chance_.percent(2 * setting_.plan.of(Fault::kClient))) {
      setting_.happened(Fault::kClient);
      wish->gave_up = true;
    } else {
      attempt(wish);
    }
  });
  setting_.story.tell(51, [&] {
    return fmt::format("start {} of {} (try {})", starts.front().id, starts.front().workflow->name, tried);
  });
  if (starts.size() == 1) {
    const runtime::StartRequest& asked = wish->starts.front();
    process->start(std::move(starts.front()), [this, wish, id = asked.id](Result<runtime::Started> answer) {
      if (!answer) return refused(wish, answer.error());
      const SagaRecord* saga = book_.find(id);
      if (saga == nullptr)
        return setting_.violated("durable", fmt::format("the start of {} is answered before it is on the disk", id));
      book_.shown(*answer->saga.state);
      answered(wish, {answer->created});
    });
    return;
  }
  process->start_many(std::move(starts), [this, wish](Result<runtime::ManyStarted> answer) {
    if (!answer) return refused(wish, answer.error());
    if (!answer->clashes.empty()) return refused(wish, Error{ErrorCode::kConflict, answer->clashes.front().why});
    answered(wish, answer->created);
  });
}

void Clients::answered(const WishRef& wish, std::vector<bool> created) {
  setting_.story.tell(52, [&] { return fmt::format("start {} is accepted", wish->starts.front().id); });
  if (wish->clashes)
    return setting_.violated(
        "I8", fmt::format("a batch with the id {} of another saga is accepted", wish->starts.front().id));
  for (std::size_t i = 0; i < wish->starts.size(); ++i) {
    const SagaRecord* saga = book_.find(wish->starts[i].id);
    if (saga == nullptr)
      return setting_.violated("durable",
                               fmt::format("the start of {} is answered before it is on the disk", wish->starts[i].id));
    if (!same_json(saga->state.facts->input.ref(), wish->starts[i].input) ||
        saga->workflow->name != wish->workflows[i]) {
      return setting_.violated("I8", fmt::format("{} is not what was started", wish->starts[i].id));
    }
    if (created[i]) ++wish->created;
  }
  if (wish->created > static_cast<int>(wish->starts.size()))
    setting_.violated("I8", fmt::format("{} is created twice", wish->starts.front().id));
  const bool first = !wish->accepted;
  wish->accepted = true;
  if (Process* process = reach_()) {
    for (const auto& start : wish->starts) process->subscribe(start.id);
  }
  if (first && chance_.percent(5 * setting_.plan.of(Fault::kClient)) && !setting_.calm) misbehave(wish);
}

void Clients::refused(const WishRef& wish, const Error& error) {
  setting_.story.tell(53,
                      [&] { return fmt::format("start {} is refused: {}", wish->starts.front().id, error.message); });
  if (error.code == ErrorCode::kOverloaded) setting_.happened(Fault::kSmallQueues);
  if (wish->accepted) return;
  if (error.code == ErrorCode::kConflict && wish->clashes) {
    wish->refused = true;
    return;
  }
  if (error.code == ErrorCode::kPoisoned) {
    wish->unanswered = true;  // Nobody knows what is on the disk.
  } else if (error.code != ErrorCode::kUnavailable && error.code != ErrorCode::kOverloaded) {
    return setting_.violated("I8", fmt::format("{} is refused: {}", wish->starts.front().id, error.message));
  }
  if (!wish->unanswered) {
    for (const auto& start : wish->starts) {
      if (!wish->is_there && book_.find(start.id) != nullptr)
        return setting_.violated("I8", fmt::format("{} was refused, but it is there", start.id));
    }
  }
  if (!setting_.calm && chance_.percent(2 * setting_.plan.of(Fault::kClient))) {
    setting_.happened(Fault::kClient);
    wish->gave_up = true;
    return;
  }
  again(wish, chance_.millis(100, 2'000));
}

/// The same start once more, the same id for something else, alone and in a batch with one that is new.
void Clients::misbehave(const WishRef& wish) {
  setting_.happened(Fault::kClient);
  auto other = std::make_shared<Wish>();
  other->number = wish->number;
  other->starts = wish->starts;
  other->workflows = wish->workflows;
  other->is_there = true;
  const int how = chance_.below(3);
  if (how > 0) {
    other->clashes = true;
    other->starts.resize(1);
    other->workflows.resize(1);
    other->starts.front().input = share(Json{{"other", true}});
  }
  if (how == 2) {
    other->starts.push_back(request(wish->number));
    other->starts.back().id = fmt::format("x{}", wish->number);
    other->workflows.push_back(wish->workflows.front());
  }
  wishes_.push_back(other);
  if (how == 0) other->created = static_cast<int>(other->starts.size()) - wish->created;
  again(other, chance_.millis(0, 20'000));
}

bool Clients::satisfied() const {
  for (const WishRef& wish : wishes_) {
    if (!wish->accepted && !wish->refused && !wish->gave_up) return false;
  }
  return true;
}

void Clients::check() const {
  for (const WishRef& wish : wishes_) {
    for (const auto& start : wish->starts) {
      const SagaRecord* saga = book_.find(start.id);
      if (wish->accepted && saga == nullptr)
        setting_.violated("I1", fmt::format("{} was accepted, but it is lost", start.id));
      if (start.id.starts_with("x") && saga != nullptr)
        setting_.violated("I8", fmt::format("{} is there, but its batch was refused", start.id));
      const bool nothing = wish->gave_up && !wish->unanswered && !wish->is_there;
      if (nothing && saga != nullptr) setting_.violated("I8", fmt::format("{} was refused, but it is there", start.id));
    }
  }
}

}  // namespace saga::sim
