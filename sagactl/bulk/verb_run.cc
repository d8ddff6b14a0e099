#include "sagactl/bulk/verb_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sagactl/bulk/pace.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr int kTries = 5;
constexpr Millis kFirstPause{200};
constexpr Millis kLongestPause{5'000};
/// How often an interrupt is looked for, and the progress drawn.
constexpr Millis kGlance{50};
constexpr std::size_t kShownIds = 5;

/// What was certainly not done and may be tried again.
bool was_not_accepted(const Failure& failure) {
  return (failure.status == 0 && !failure.sent) || failure.status == 503 || failure.status == 429;
}

Fate fate_of(const Failure& failure) {
  if (was_not_accepted(failure)) return Fate::kUnreachable;
  if (failure.may_pass()) return Fate::kUnanswered;
  return failure.status == 404 ? Fate::kNotFound : Fate::kRefused;
}

std::string reason_of(const Failure& failure, Fate fate) {
  if (fate == Fate::kNotFound) return "there is no such saga";
  std::string reason = failure.message;
  if (const Json& allowed = member(failure.problem, "allowed"); allowed.is_array()) {
    std::string verbs;
    for (const Json& verb : allowed) verbs += (verbs.empty() ? "" : ", ") + as_text(verb);
    reason += verbs.empty() ? " (allowed: nothing)" : " (allowed: " + verbs + ")";
  }
  return reason;
}

}  // namespace

VerbRun::VerbRun(Context& context, VerbRunOptions options, const std::vector<std::string>& ids)
    : context_(context),
      options_(std::move(options)),
      ids_(ids),
      body_(dump_json(options_.body)),
      progress_(context.world, static_cast<std::int64_t>(ids.size())) {}

void VerbRun::run(const std::function<bool()>& interrupted) {
  const Clock& clock = context_.world.clock;
  Crew crew(context_.client, std::min(options_.in_flight, ids_.size()));
  Pace pace(options_.rate, clock.now());
  bool told = false;
  while (true) {
    const bool idle = crew.idle(Millis{0});  // Before what has ended is taken: nothing can end after that unseen.
    take_ended();
    if (idle && fresh_ == ids_.size() && again_.empty()) break;
    if (interrupted() && !std::exchange(told, true)) {
      progress_.clear();
      context_.note("sagactl: stopping once those under way are answered; Ctrl-C again ends it at once");
    }
    if (told || locked_out_ || away_ >= options_.in_flight) {
      if (idle) break;
      static_cast<void>(crew.idle(kGlance));
      continue;
    }
    const auto next = next_due(clock.now());
    if (!next) {
      if (!idle) {
        static_cast<void>(crew.idle(kGlance));
      } else {
        context_.world.pause(kGlance);
      }
      continue;
    }
    for (Millis wait = pace.take(clock.now()); wait.count() > 0 && !interrupted(); wait = pace.take(clock.now())) {
      context_.world.pause(std::min(wait, kGlance));
      take_ended();
    }
    give(crew, *next);
  }
  counts_.at(static_cast<std::size_t>(Fate::kNotTried)) = ids_.size() - settled();
  progress_.clear();
}

/// What was put off goes first once its time has come; while much is put off, nothing new is tried.
std::optional<VerbRun::Try> VerbRun::next_due(Timestamp now) {
  const auto first = std::min_element(again_.begin(), again_.end(),
                                      [](const Try& a, const Try& b) { return a.not_before < b.not_before; });
  if (first != again_.end() && first->not_before <= now) {
    const Try due = *first;
    again_.erase(first);
    return due;
  }
  if (fresh_ == ids_.size() || again_.size() >= options_.in_flight) return std::nullopt;
  return Try{fresh_++, 1, now};
}

void VerbRun::give(Crew& crew, Try what) {
  Crew::Job job = [this, what, path = saga_path(ids_[what.place], "/" + options_.verb)](Client& client) {
    auto reply = client.post_text(path, body_, "application/json");
    const std::lock_guard lock(mutex_);
    ended_.push_back(Ended{what, std::move(reply)});
  };
  while (!crew.give(job, kGlance)) take_ended();
}

void VerbRun::take_ended() {
  std::vector<Ended> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_);
  }
  for (const Ended& one : ended) take(one);
  const std::size_t refused = count(Fate::kRefused) + count(Fate::kNotFound);
  progress_.show(static_cast<std::int64_t>(settled()), refused == 0 ? "" : fmt::format("{} refused", refused));
}

void VerbRun::take(const Ended& ended) {
  const Try& what = ended.what;
  if (ended.reply) {
    away_ = 0;
    return settle(what.place, ended.reply->changed ? Fate::kDone : Fate::kNothingToDo, nullptr);
  }
  const Failure& failure = ended.reply.error();
  if (was_not_accepted(failure) && what.number < kTries) {
    const Millis pause = kFirstPause * (1 << (what.number - 1));
    const Millis asked = std::clamp(failure.retry_after.value_or(pause), pause, kLongestPause);
    again_.push_back(Try{what.place, what.number + 1, context_.world.clock.now() + asked});
    return;
  }
  away_ = failure.may_pass() ? away_ + 1 : 0;
  locked_out_ = locked_out_ || failure.status == 401 || failure.status == 403;
  settle(what.place, fate_of(failure), &failure);
}

void VerbRun::settle(std::size_t place, Fate fate, const Failure* failure) {
  ++counts_.at(static_cast<std::size_t>(fate));
  const std::string& id = ids_[place];
  if (failure != nullptr) reasons_[name_of(fate) + ": " + reason_of(*failure, fate)].push_back(id);
  if (context_.format == Format::kIds && fate == Fate::kDone) context_.world.out << id << '\n';
  if (context_.format == Format::kJsonl) {
    Json line{{"id", id}, {"result", name_of(fate)}};
    if (failure != nullptr) line["detail"] = failure->message;
    if (failure != nullptr && member(failure->problem, "allowed").is_array()) {
      line["allowed"] = member(failure->problem, "allowed");
    }
    context_.world.out << dump_json(line) << '\n';
  }
}

std::size_t VerbRun::settled() const {
  std::size_t all = 0;
  for (const std::size_t count : counts_) all += count;
  return all - count(Fate::kNotTried);
}

std::string VerbRun::name_of(Fate fate) const {
  switch (fate) {
    case Fate::kDone:
      return options_.done;
    case Fate::kNothingToDo:
      return "nothing to do";
    case Fate::kRefused:
      return "refused";
    case Fate::kNotFound:
      return "not found";
    case Fate::kUnreachable:
      return "unreachable";
    case Fate::kUnanswered:
      return "unanswered";
    case Fate::kNotTried:
      return "not tried";
  }
  return "";
}

std::string VerbRun::summary() const {
  std::string line;
  for (std::size_t i = 0; i < kFates; ++i) {
    const auto fate = static_cast<Fate>(i);
    const bool always = fate != Fate::kNotFound && fate != Fate::kUnanswered && fate != Fate::kNotTried;
    if (!always && counts_.at(i) == 0) continue;
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ", counts_.at(i), name_of(fate));
    if (fate == Fate::kUnanswered) line += " (may have been done)";
  }
  return line;
}

Json VerbRun::counts() const {
  return {{"verb", options_.verb},
          {"sagas", ids_.size()},
          {"done", count(Fate::kDone)},
          {"nothing_to_do", count(Fate::kNothingToDo)},
          {"refused", count(Fate::kRefused)},
          {"not_found", count(Fate::kNotFound)},
          {"unreachable", count(Fate::kUnreachable)},
          {"unanswered", count(Fate::kUnanswered)},
          {"not_tried", count(Fate::kNotTried)}};
}

std::vector<std::string> VerbRun::reasons() const {
  std::vector<std::string> lines;
  for (const auto& [reason, ids] : reasons_) {
    std::string line = fmt::format("{} {}: ", ids.size(), printable(reason));
    for (std::size_t i = 0; i < std::min(ids.size(), kShownIds); ++i) line += (i == 0 ? "" : ", ") + ids[i];
    if (ids.size() > kShownIds) line += fmt::format(" and {} more (-o jsonl names them all)", ids.size() - kShownIds);
    lines.push_back(std::move(line));
  }
  return lines;
}

ExitCode VerbRun::exit_code() const {
  if (count(Fate::kRefused) > 0) return ExitCode::kRefused;
  if (count(Fate::kUnreachable) + count(Fate::kUnanswered) + count(Fate::kNotTried) > 0) return ExitCode::kUnreachable;
  return count(Fate::kNotFound) > 0 ? ExitCode::kNotFound : ExitCode::kDone;
}

}  // namespace saga::ctl
