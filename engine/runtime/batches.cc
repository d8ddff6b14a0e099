// A start of many: all of them in one commit, or none. New ids are taken at their word and written at once; only when
// the store says that one of them is taken are they looked up, compared and the rest tried again. A batch that is
// repeated after a lost answer ends that way with everything there and nothing written.
#include <fmt/format.h>

#include <optional>

#include "base/check.h"
#include "engine/runtime/engine.h"

namespace saga::runtime {
namespace {

StartClash other_content(std::size_t place, const std::string& id) {
  return {place, fmt::format("saga '{}' is there already, with another workflow or input", id)};
}

/// The place of the id that the store named.
std::optional<std::size_t> named_in(const std::string& sentence, const ClientBatch& batch) {
  for (std::size_t i = 0; i < batch.requests.size(); ++i) {
    if (!batch.there[i] && sentence.find("'" + batch.requests[i].id + "'") != std::string::npos) return i;
  }
  return std::nullopt;
}

}  // namespace

void Engine::post_batch(ClientBatchRef batch) {
  const std::size_t starts = batch->requests.size();
  if (draining_.load()) return batch->done(tl::unexpected(unavailable()));
  if (clients_waiting_.load() + starts > options_.max_mailbox) {
    return batch->done(fail(ErrorCode::kOverloaded, "too many requests are waiting already"));
  }
  clients_waiting_.fetch_add(starts);
  mailbox_->post(std::move(batch));
}

void Engine::take(ClientBatchRef batch) { begin_batch(std::move(batch)); }

void Engine::begin_batch(ClientBatchRef batch) {
  if (draining_.load()) return finish(*batch, tl::unexpected(unavailable()));
  ManyStarted answer;
  std::vector<std::size_t> fresh;
  for (std::size_t i = 0; i < batch->requests.size(); ++i) {
    if (batch->there[i]) continue;
    const StartRequest& request = batch->requests[i];
    if (const auto key = keys_.find(request.id); key != keys_.end()) {
      const LiveSaga& saga = *find(key->second);
      if (!saga.created) return waiting_batches_.push_back(std::move(batch));  // It may still come to nothing.
      const bool same = same_start(*saga.state->facts, request);
      if (same) batch->there[i] = true;
      if (!same) answer.clashes.push_back(other_content(i, request.id));
    } else if (loading_.contains(request.id)) {
      return waiting_batches_.push_back(std::move(batch));
    } else {
      fresh.push_back(i);
    }
  }
  if (answer.clashes.empty() && !fresh.empty()) return create_sagas(std::move(batch), fresh);
  answer.created.assign(batch->requests.size(), false);
  finish(*batch, std::move(answer));
}

void Engine::create_sagas(ClientBatchRef batch, const std::vector<std::size_t>& places) {
  std::vector<ChildVersions> children;
  for (const std::size_t place : places) {
    auto versions = child_versions(*batch->requests[place].workflow);
    if (!versions) return finish(*batch, tl::unexpected(versions.error()));
    children.push_back(std::move(*versions));
  }
  std::vector<store::SagaKey> keys;
  std::vector<store::Append> appends;
  keys.reserve(places.size());
  appends.reserve(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    core::Decision decision;
    LiveSaga& saga = add_live(batch->requests[places[i]], std::move(children[i]), decision);
    keys.push_back(saga.key);
    appends.push_back(record(saga, std::move(decision), true));
  }
  commits_in_flight_.fetch_add(keys.size());
  auto submitted = store_.submit_all(std::move(appends), [mailbox = mailbox_, batch, keys](Result<void> result) {
    mailbox->post(BatchCommitted{batch, keys, std::move(result)});
  });
  if (!submitted) take(BatchCommitted{std::move(batch), std::move(keys), std::move(submitted)});
}

void Engine::take(BatchCommitted committed) {
  commits_in_flight_.fetch_sub(committed.sagas.size());
  if (!committed.result) {
    for (const store::SagaKey key : committed.sagas) {
      if (LiveSaga* saga = find(key)) give_up(*saga, committed.result.error());
    }
    if (committed.result.error().code == ErrorCode::kConflict) {
      committed.batch->taken = committed.result.error().message;
      return look_up(std::move(committed.batch));
    }
    return finish(*committed.batch, tl::unexpected(committed.result.error()));
  }
  ManyStarted answer;
  answer.created = committed.batch->there;
  answer.created.flip();
  finish(*committed.batch, std::move(answer));
  for (const store::SagaKey key : committed.sagas) {
    LiveSaga* saga = find(key);
    if (saga == nullptr) continue;
    saga->committing = false;
    saga->created = true;
    release(*saga);
    work_off(*saga);
  }
}

void Engine::look_up(ClientBatchRef batch) {
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < batch->requests.size(); ++i) {
    if (!batch->there[i]) ids.push_back(batch->requests[i].id);
  }
  recovery_.look_up(std::move(ids), [mailbox = mailbox_, batch](std::vector<SagaLoaded> found) {
    mailbox->post(BatchLookedUp{batch, std::move(found)});
  });
}

void Engine::take(BatchLookedUp looked_up) {
  ClientBatch& batch = *looked_up.batch;
  ManyStarted answer;
  bool any = false;
  std::size_t place = 0;
  for (const SagaLoaded& saga : looked_up.found) {
    while (batch.there[place]) ++place;
    const std::size_t asked = place++;
    if (!saga.row && saga.row.error().code == ErrorCode::kNotFound) continue;
    if (!saga.row) return finish(batch, tl::unexpected(saga.row.error()));
    any = true;
    const bool same = saga.state && same_start(*saga.state->facts, batch.requests[asked]);
    if (same) batch.there[asked] = true;
    if (!same) answer.clashes.push_back(other_content(asked, batch.requests[asked].id));
  }
  if (any && answer.clashes.empty()) return begin_batch(std::move(looked_up.batch));
  if (!any) {  // Taken, but there is nothing to compare with: a saga that has been purged.
    const auto purged = named_in(batch.taken, batch);
    if (!purged) return finish(batch, fail(ErrorCode::kConflict, batch.taken));
    answer.clashes.push_back({*purged, batch.taken});
  }
  finish(batch, std::move(answer));
}

void Engine::finish(ClientBatch& batch, Result<ManyStarted> result) {
  clients_waiting_.fetch_sub(batch.requests.size());
  batch.done(std::move(result));
}

/// After every turn: what they wait for may have come.
void Engine::retry_waiting_batches() {
  for (ClientBatchRef& batch : std::exchange(waiting_batches_, {})) begin_batch(std::move(batch));
}

}  // namespace saga::runtime
