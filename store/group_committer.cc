#include "store/group_committer.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <future>
#include <memory>
#include <utility>

#include "base/check.h"

namespace saga::store {
namespace {

using std::chrono::steady_clock;

/// What cannot come from a correct caller: the rulebook numbers its events without gaps.
void check_append(const Append& append) {
  if (is_audit_alone(append)) return;
  SAGA_CHECK(!append.events.empty() || (append.head && !append.create), "an append to hold an event or a head");
  SAGA_CHECK(append.first_seq >= 1, "events numbered from 1");
  SAGA_CHECK(append.create.has_value() == (append.first_seq == 1), "a saga created by its first event and by no other");
  SAGA_CHECK(!append.create || append.head, "a head with the saga's first event");
  SAGA_CHECK(!append.create || append.create->shard == append.fence.shard, "a saga created by the owner of its shard");
  SAGA_CHECK(!append.head || !append.head->ended || !append.head->wake_at, "no wake-up for a saga that has ended");
  std::int64_t seq = append.first_seq;
  for (const Record& event : append.events) {
    SAGA_CHECK(event.seq == seq++, "events numbered without gaps");
    const bool is_word = event.type.find('"') == std::string::npos && event.type.find('\\') == std::string::npos;
    SAGA_CHECK(is_word, "a word as an event's type");
    SAGA_CHECK(event.data.starts_with('{') && event.data.ends_with('}'), "a JSON object as an event's data");
  }
}

std::size_t bytes_of(const Append& append) {
  std::size_t bytes = sizeof(Append);
  for (const Record& event : append.events) bytes += sizeof(Record) + event.type.size() + event.data.size();
  if (append.audit) bytes += sizeof(AuditEntry) + append.audit->reason.size() + append.audit->detail.size();
  return bytes;
}

Error closing_error() { return {ErrorCode::kUnavailable, "the store is closing"}; }

}  // namespace

GroupCommitter::GroupCommitter(Backend& backend, CommitterOptions options) : backend_(backend), options_(options) {
  SAGA_CHECK(options_.max_queued > 0 && options_.max_batch > 0, "a queue and a batch of at least one append");
  if (!options_.own_thread) return;
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  pthread_setname_np(thread_.native_handle(), "store");
}

GroupCommitter::~GroupCommitter() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  if (options_.own_thread) {
    thread_.request_stop();
    thread_.join();
  } else {
    while (step()) continue;
  }
}

Result<void> GroupCommitter::submit(AppendGroup group, AppendDone done) { return enqueue(group, std::move(done)); }

Result<void> GroupCommitter::submit_one(Append&& append, AppendDone done) {
  AppendGroup group;
  group.push_back(std::move(append));
  auto submitted = enqueue(group, std::move(done));
  if (!submitted) append = std::move(group.front());
  return submitted;
}

Result<void> GroupCommitter::enqueue(AppendGroup& group, AppendDone done) {
  if (group.empty()) return fail(ErrorCode::kInvalid, "nothing to append");
  std::size_t bytes = 0;
  for (const Append& append : group) {
    check_append(append);
    bytes += bytes_of(append);
  }
  const std::size_t appends = group.size();
  bool idle = false;
  {
    const std::lock_guard lock(mutex_);
    if (poison_) return tl::unexpected(*poison_);
    if (closing_) return tl::unexpected(closing_error());
    // A group bigger than the whole queue is let in alone: else it could never be written.
    const bool full =
        unsettled_ + appends > options_.max_queued || unsettled_bytes_ + bytes > options_.max_queued_bytes;
    if (full && unsettled_ > 0) {
      return fail(ErrorCode::kOverloaded, fmt::format("the store's queue is full ({} appends wait)", unsettled_));
    }
    unsettled_ += appends;
    unsettled_bytes_ += bytes;
    idle = jobs_.empty();
    jobs_.push_back(Job{std::move(group), std::move(done), bytes});
  }
  if (idle) wake_.notify_one();
  return {};
}

template <typename T>
Result<T> GroupCommitter::on_store_thread(std::function<Result<T>()> work) {
  SAGA_CHECK(std::this_thread::get_id() != thread_.get_id() && !acknowledging_,
             "no call that blocks on the store thread from a `done`");
  std::optional<Result<T>> result;                             // Written on the store thread before it answers.
  const auto answer = std::make_shared<std::promise<void>>();  // Shared: it ends after the call that it wakes.
  const std::future<void> answered = answer->get_future();
  {
    const std::lock_guard lock(mutex_);
    if (poison_) return tl::unexpected(*poison_);
    if (closing_) return tl::unexpected(closing_error());
    if (!problem_.empty()) return fail(ErrorCode::kUnavailable, problem_);
    tasks_.push_back(Task{[&result, &work]() -> std::optional<Error> {
                            result = work();
                            return *result ? std::nullopt : std::optional(result->error());
                          },
                          [answer] { answer->set_value(); },
                          [&result, answer](const Error& error) {
                            result = tl::unexpected(error);
                            answer->set_value();
                          }});
  }
  if (options_.own_thread) {
    wake_.notify_one();
  } else {
    std::deque<Task> tasks;
    tasks.swap(tasks_);
    run_tasks(std::move(tasks));
    maintain();
  }
  answered.wait();
  return std::move(*result);
}

Result<bool> GroupCommitter::register_workflows(std::vector<WorkflowRow> rows,
                                                std::shared_ptr<const AuditEntry> audit) {
  return on_store_thread<bool>([this, &rows, &audit] { return backend_.register_workflows(rows, audit.get()); });
}

Result<std::string> GroupCommitter::keep_secret(const std::string& name, const std::string& fresh) {
  return on_store_thread<std::string>([this, &name, &fresh] { return backend_.keep_secret(name, fresh); });
}

Result<Epoch> GroupCommitter::take_over(ShardId shard, const std::string& owner) {
  return on_store_thread<Epoch>([this, shard, &owner] { return backend_.take_over(shard, owner); });
}

Result<void> GroupCommitter::record_notices(const std::vector<Notice>& told) {
  const auto recorded = on_store_thread<bool>([this, &told] { return backend_.record_notices(told); });
  if (!recorded) return tl::unexpected(recorded.error());
  return {};
}

Result<Purged> GroupCommitter::purge(const std::vector<SagaKey>& roots, Timestamp ended_before) {
  return on_store_thread<Purged>([this, &roots, ended_before] { return backend_.purge(roots, ended_before); });
}

Health GroupCommitter::health() const {
  const std::lock_guard lock(mutex_);
  if (poison_) return {false, true, poison_->message};
  return {problem_.empty(), false, problem_};
}

std::size_t GroupCommitter::queue_length() const {
  const std::lock_guard lock(mutex_);
  return unsettled_;
}

void GroupCommitter::observe_commits(CommitObserver observer) { observer_ = std::move(observer); }

void GroupCommitter::observe_failures(FailureObserver observer) { failed_ = std::move(observer); }

// ---- the store thread -----------------------------------------------------------------------------------------------

void GroupCommitter::run(const std::stop_token& stop) {
  while (true) {
    std::deque<Task> tasks;
    Batch batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [this] { return !jobs_.empty() || !tasks_.empty(); });
      if (jobs_.empty() && tasks_.empty()) return;  // Stopped, and nothing is left.
      tasks.swap(tasks_);
      batch = take_batch();
    }
    const bool written = !tasks.empty();
    if (written) run_tasks(std::move(tasks));
    if (!batch.groups.empty()) {
      const Results results = commit_or_retry(batch, stop);
      settle(std::move(batch), results);
      // Whom that has woken goes first where processors are short, and its appends share the next commit.
      std::this_thread::yield();
    } else if (written) {
      maintain();
    }
  }
}

bool GroupCommitter::step() {
  SAGA_CHECK(!options_.own_thread && !acknowledging_, "a step of a committer without a thread, and not from a `done`");
  bool closing = false;
  {
    const std::lock_guard lock(mutex_);
    if (!held_ && jobs_.empty()) return false;
    if (!held_) held_ = take_batch();
    closing = closing_;
  }
  const std::optional<Results> results = try_commit(*held_, closing);
  if (!results) return false;
  settle(*std::exchange(held_, std::nullopt), *results);
  return true;
}

GroupCommitter::Batch GroupCommitter::take_batch() {
  Batch batch;
  while (!jobs_.empty()) {
    Job& job = jobs_.front();
    const bool full =
        batch.appends + job.group.size() > options_.max_batch || batch.bytes + job.bytes > options_.max_batch_bytes;
    if (full && batch.appends > 0) break;
    batch.appends += job.group.size();
    batch.bytes += job.bytes;
    batch.groups.push_back(std::move(job.group));
    batch.dones.push_back(std::move(job.done));
    jobs_.pop_front();
  }
  return batch;
}

void GroupCommitter::run_tasks(std::deque<Task> tasks) {
  for (Task& task : tasks) {
    const std::optional<Error> poison = [this] {
      const std::lock_guard lock(mutex_);
      return poison_;
    }();
    if (poison) {
      task.refuse(*poison);
      continue;
    }
    const std::optional<Error> error = task.run();
    const bool fatal = error && (error->code == ErrorCode::kPoisoned || error->code == ErrorCode::kCorruption ||
                                 error->code == ErrorCode::kInternal);
    if (fatal) set_problem(*error);
    task.answer();
  }
}

void GroupCommitter::settle(Batch batch, const Results& results) {
  {
    // Before the acknowledgements: who submits from a `done` finds the room that its batch has left.
    const std::lock_guard lock(mutex_);
    unsettled_ -= batch.appends;
    unsettled_bytes_ -= batch.bytes;
  }
  if (!options_.own_thread) acknowledging_ = true;
  for (std::size_t i = 0; i < batch.dones.size(); ++i) {
    batch.dones[i](results ? (*results)[i] : Result<void>(tl::unexpected(results.error())));
  }
  if (!options_.own_thread) acknowledging_ = false;
  if (results) maintain();
}

void GroupCommitter::maintain() {
  {
    const std::lock_guard lock(mutex_);
    if (poison_) return;
  }
  if (const Result<void> maintained = backend_.maintain(); !maintained) {
    if (maintained.error().code != ErrorCode::kUnavailable) set_problem(maintained.error());
  }
}

GroupCommitter::Results GroupCommitter::commit_or_retry(const Batch& batch, const std::stop_token& stop) {
  std::chrono::milliseconds delay = options_.first_retry;
  while (true) {
    if (std::optional<Results> results = try_commit(batch, stop.stop_requested())) return std::move(*results);
    wait_to_retry(delay, stop);
    delay = std::min(delay * 2, options_.longest_retry);
  }
}

/// None: the backend is unavailable, and this is not the last try.
std::optional<GroupCommitter::Results> GroupCommitter::try_commit(const Batch& batch, bool last_try) {
  {
    const std::lock_guard lock(mutex_);
    if (poison_) return tl::unexpected(*poison_);
  }
  if (gave_up_) return tl::unexpected(*gave_up_);
  const steady_clock::time_point begun = steady_clock::now();
  Results results = backend_.commit(batch.groups);
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begun);
  if (results) {
    SAGA_CHECK(results->size() == batch.groups.size(), "one result from the backend for each group");
    set_well();
    if (observer_) observer_(CommitFacts{took, batch.appends});
    return results;
  }
  set_problem(results.error());
  if (results.error().code == ErrorCode::kUnavailable && !last_try) return std::nullopt;
  if (results.error().code == ErrorCode::kUnavailable) {
    gave_up_ = results.error();
    return results;
  }
  const std::lock_guard lock(mutex_);
  return tl::unexpected(*poison_);
}

void GroupCommitter::wait_to_retry(std::chrono::milliseconds delay, const std::stop_token& stop) {
  const steady_clock::time_point until = steady_clock::now() + delay;
  std::unique_lock lock(mutex_);
  while (true) {
    // Whoever blocks on the store thread is told at once; only appends wait for the disk.
    std::deque<Task> refused;
    refused.swap(tasks_);
    if (!refused.empty()) {
      const Error error{ErrorCode::kUnavailable, problem_};
      lock.unlock();
      for (Task& task : refused) task.refuse(error);
      lock.lock();
    }
    wake_.wait_until(lock, stop, until, [this] { return !tasks_.empty(); });
    if (stop.stop_requested() || steady_clock::now() >= until) return;
  }
}

void GroupCommitter::set_problem(const Error& error) {
  if (failed_) failed_(error.code);
  const std::lock_guard lock(mutex_);
  problem_ = error.message;
  if (error.code == ErrorCode::kUnavailable || poison_) return;
  poison_ =
      Error{ErrorCode::kPoisoned, fmt::format("the store writes nothing more until a restart: {}", error.message)};
}

void GroupCommitter::set_well() {
  const std::lock_guard lock(mutex_);
  problem_.clear();
}

}  // namespace saga::store
