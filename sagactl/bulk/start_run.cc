#include "sagactl/bulk/start_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr std::size_t kMaxStarts = 1'000;                // The server's limits: of one batch,
constexpr std::size_t kMaxBytes = std::size_t{8} << 20;  // and half of its body's.
constexpr std::size_t kInFlight = 3;
constexpr Millis kGlance{50};
constexpr Millis kFirstPause{200};
constexpr Millis kLongestPause{5'000};
/// A server that takes nothing for so long is given up.
constexpr Millis kPatience{60'000};

/// The item that a pointer such as "/sagas/17/input/amount" points into.
std::optional<std::size_t> item_of(std::string_view pointer) {
  constexpr std::string_view kBegin = "/sagas/";
  if (pointer.substr(0, kBegin.size()) != kBegin) return std::nullopt;
  std::size_t item = 0;
  const auto [end, problem] = std::from_chars(pointer.data() + kBegin.size(), pointer.data() + pointer.size(), item);
  const bool whole = end == pointer.data() + pointer.size() || *end == '/';
  return problem == std::errc() && whole ? std::optional(item) : std::nullopt;
}

/// "/input/amount: expected …", without the part that names the item.
std::string detail_of(const Json& error) {
  const std::string pointer = text(error, "pointer");
  const auto below = pointer.find('/', std::string_view("/sagas/").size());
  const std::string detail = text(error, "detail");
  return below == std::string::npos ? detail : pointer.substr(below) + ": " + detail;
}

}  // namespace

StartRun::StartRun(Context& context, StartLines& lines, std::optional<std::int64_t> total)
    : context_(context), lines_(lines), total_(total), progress_(context.world, total) {}

ExitCode StartRun::run(const std::function<bool()>& interrupted) {
  Crew crew(context_.client, kInFlight);
  bool told = false;
  while (true) {
    const bool idle = crew.idle(Millis{0});  // Before what has ended is taken: nothing can end after that unseen.
    take_ended();
    if (idle && at_end_ && again_.empty()) break;
    if (interrupted() && !std::exchange(told, true)) {
      progress_.clear();
      context_.note("sagactl: stopping once the batches under way are answered; Ctrl-C again ends it at once");
      stop(ExitCode::kInterrupted);
    }
    if (stopped_) {
      if (idle) break;
      static_cast<void>(crew.idle(kGlance));
      continue;
    }
    auto batch = next_batch();
    if (batch) {
      give(crew, std::move(*batch));
    } else if (!idle) {
      static_cast<void>(crew.idle(kGlance));
    } else if (!at_end_ || !again_.empty()) {
      context_.world.pause(kGlance);
    }
  }
  for (const Batch& batch : again_) {
    if (batch.in_doubt) unanswered_ += static_cast<std::int64_t>(batch.lines.size());
  }
  progress_.clear();
  if (stopped_) return *stopped_;
  return refused_ > 0 ? ExitCode::kRefused : ExitCode::kDone;
}

std::optional<StartRun::Batch> StartRun::next_batch() {
  const Timestamp now = context_.world.clock.now();
  const auto due = std::find_if(again_.begin(), again_.end(), [&](const Batch& b) { return b.not_before <= now; });
  if (due != again_.end()) {
    Batch batch = std::move(*due);
    again_.erase(due);
    return batch;
  }
  if (at_end_ || again_.size() >= kInFlight) return std::nullopt;
  Batch batch = read_batch();
  if (batch.lines.empty()) return std::nullopt;
  return batch;
}

/// Lines as long as they fit. One that is no start stops it all, and what stands before it in the batch is not sent.
StartRun::Batch StartRun::read_batch() {
  Batch batch;
  std::size_t bytes = 0;
  if (ahead_) {
    bytes = ahead_->body.size();
    batch.lines.push_back(*std::exchange(ahead_, std::nullopt));
  }
  while (!at_end_ && batch.lines.size() < kMaxStarts) {
    auto line = lines_.next();
    if (!line) {
      progress_.clear();
      context_.note(line.error().message);
      at_end_ = true;
      stop(ExitCode::kUsage);
      return {};
    }
    at_end_ = !line->has_value();
    if (at_end_) break;
    ++read_;
    bytes += (*line)->body.size() + 1;
    if (bytes > kMaxBytes && !batch.lines.empty()) {
      ahead_ = std::move(**line);
      break;
    }
    batch.lines.push_back(std::move(**line));
  }
  return batch;
}

void StartRun::give(Crew& crew, Batch batch) {
  auto held = std::make_shared<Batch>(std::move(batch));
  ++held->number;
  std::string body = R"({"sagas":[)";
  for (const StartLine& line : held->lines) body.append(line.body).append(",");
  body.back() = ']';
  body += '}';
  Crew::Job job = [this, held, body = std::move(body)](Client& client) {
    auto reply = client.post_text("/v1/sagas/batch", body, "application/json");
    const std::lock_guard lock(mutex_);
    ended_.push_back(Ended{std::move(*held), std::move(reply)});
  };
  while (!crew.give(job, kGlance)) take_ended();
}

void StartRun::take_ended() {
  std::vector<Ended> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_);
  }
  for (Ended& one : ended) take(std::move(one));
  progress_.show(started_ + there_ + refused_, refused_ == 0 ? "" : fmt::format("{} refused", refused_));
}

void StartRun::take(Ended ended) {
  if (ended.reply) return take_started(ended.batch, ended.reply->body);
  Failure& failure = ended.reply.error();
  Batch& batch = ended.batch;
  if (!failure.may_pass()) return take_refused(std::move(batch), failure);
  batch.in_doubt = batch.in_doubt || (failure.sent && failure.status != 503 && failure.status != 429);
  const Timestamp now = context_.world.clock.now();
  if (!batch.failing_since) {
    batch.failing_since = now;
    progress_.clear();
    context_.note(fmt::format("sagactl: {}; trying again", printable(failure.message)));
  }
  const Millis pause = std::min(kFirstPause * (1 << std::min(batch.number - 1, 6)), kLongestPause);
  const bool hopeless = stopped_ || now - *batch.failing_since > kPatience;
  if (hopeless) {
    if (batch.in_doubt) unanswered_ += static_cast<std::int64_t>(batch.lines.size());
    return stop(ExitCode::kUnreachable);
  }
  batch.not_before = now + std::clamp(failure.retry_after.value_or(pause), pause, kLongestPause);
  again_.push_back(std::move(batch));
}

void StartRun::take_started(const Batch& batch, const Json& body) {
  const Json& sagas = list(body, "sagas");
  for (std::size_t i = 0; i < batch.lines.size(); ++i) {
    const bool created = i < sagas.size() && flag(sagas[i], "created");
    ++(created ? started_ : there_);
    show(batch.lines[i], created ? "started" : "already there", "");
  }
}

/// Single starts that do not fit are told and left out; anything else is the end of it.
void StartRun::take_refused(Batch batch, const Failure& failure) {
  std::set<std::size_t> out;
  for (const Json& error : list(failure.problem, "errors")) {
    const auto item = item_of(text(error, "pointer"));
    if (!item || *item >= batch.lines.size()) continue;
    const StartLine& line = batch.lines[*item];
    if (out.insert(*item).second) {
      ++refused_;
      show(line, "refused", detail_of(error));
    }
    progress_.clear();
    context_.note(lines_.place(line.number) + printable(detail_of(error)));
  }
  if (out.empty()) {
    progress_.clear();
    return stop(context_.report(failure));
  }
  Batch rest;
  for (std::size_t i = 0; i < batch.lines.size(); ++i) {
    if (!out.contains(i)) rest.lines.push_back(std::move(batch.lines[i]));
  }
  if (!rest.lines.empty()) again_.push_back(std::move(rest));
}

void StartRun::stop(ExitCode code) {
  if (!stopped_) stopped_ = code;
}

void StartRun::show(const StartLine& line, const char* what, const std::string& detail) {
  if (context_.format == Format::kIds && detail.empty()) context_.world.out << line.id << '\n';
  if (context_.format != Format::kJsonl) return;
  Json shown{{"line", line.number}, {"id", line.id}, {"result", what}};
  if (!detail.empty()) shown["detail"] = detail;
  context_.world.out << dump_json(shown) << '\n';
}

std::string StartRun::summary() const {
  std::string line = fmt::format("{} started, {} already there, {} refused", started_, there_, refused_);
  if (unanswered_ > 0) line += fmt::format(", {} unanswered (may have been started)", unanswered_);
  const std::int64_t rest = total_.value_or(read_) - started_ - there_ - refused_ - unanswered_;
  if (rest > 0) line += fmt::format(", {} not started", rest);
  return line;
}

Json StartRun::counts() const {
  const std::int64_t all = total_.value_or(read_);
  return {{"lines", all},
          {"started", started_},
          {"already_there", there_},
          {"refused", refused_},
          {"unanswered", unanswered_},
          {"not_started", all - started_ - there_ - refused_ - unanswered_}};
}

}  // namespace saga::ctl
