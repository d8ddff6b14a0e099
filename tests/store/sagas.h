// Sagas for the tests of stores, and waiting for what the store thread answers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"
#include "tests/support/temp_folder.h"

namespace saga::store::testing {

constexpr ShardId kShard = 0;
inline constexpr Timestamp kNoon{1'795'435'200'000};

using saga::testing::TempFolder;

inline Record event(std::int64_t seq, std::string data = "{}") {
  return Record{seq, kNoon + Millis{seq}, "step_completed", std::move(data)};
}

inline Head running(Timestamp wake_at = kNoon) {
  Head head;
  head.status = "running";
  head.updated_at = kNoon;
  head.wake_at = wake_at;
  return head;
}

inline Head completed() {
  Head head;
  head.status = "completed";
  head.ended = true;
  head.updated_at = kNoon + Millis{5};
  head.finished_at = kNoon + Millis{5};
  return head;
}

inline Head failed(std::vector<Stuck> stuck, Timestamp since = kNoon) {
  Head head;
  head.status = "failed";
  head.ended = true;
  head.needs_attention = true;
  head.attention_since = since;
  head.stuck = std::move(stuck);
  head.updated_at = since;
  head.finished_at = since;
  return head;
}

/// The start of a saga: one event and a running head.
inline Append start(SagaKey key, const std::string& id, Epoch epoch = 1) {
  Append append;
  append.saga = key;
  append.fence = {kShard, epoch};
  append.first_seq = 1;
  append.events.push_back(event(1));
  append.create = Identity{id, "order-saga", 1, {}, kNoon, kShard};
  append.head = running();
  return append;
}

/// Further events of a saga, from `first_seq`.
inline Append further(SagaKey key, std::int64_t first_seq, std::int64_t count = 1, Epoch epoch = 1) {
  Append append;
  append.saga = key;
  append.fence = {kShard, epoch};
  append.first_seq = first_seq;
  for (std::int64_t seq = first_seq; seq < first_seq + count; ++seq) append.events.push_back(event(seq));
  return append;
}

inline Append with_head(Append append, Head head) {
  append.head = std::move(head);
  return append;
}

/// Submits and waits for the store's answer.
inline Result<void> commit_all(Store& store, std::vector<Append> appends) {
  auto answer = std::make_shared<std::promise<Result<void>>>();
  std::future<Result<void>> answered = answer->get_future();
  const Result<void> accepted =
      store.submit_all(std::move(appends), [answer](Result<void> result) { answer->set_value(std::move(result)); });
  if (!accepted) return accepted;
  return answered.get();
}

inline Result<void> commit(Store& store, Append append) {
  auto answer = std::make_shared<std::promise<Result<void>>>();
  std::future<Result<void>> answered = answer->get_future();
  const Result<void> accepted =
      store.submit(std::move(append), [answer](Result<void> result) { answer->set_value(std::move(result)); });
  if (!accepted) return accepted;
  return answered.get();
}

/// Starts a saga with what a test cares about and returns its key.
inline SagaKey given(Store& store, const std::string& id, Head head = running(), Identity identity = {}) {
  const SagaKey key = store.reserve_key();
  Append append = start(key, id);
  if (!identity.workflow.empty()) {
    identity.id = id;
    append.create = std::move(identity);
  }
  append.head = std::move(head);
  EXPECT_TRUE(commit(store, std::move(append)));
  return key;
}

inline Identity identity(std::string workflow, std::int64_t version = 1,
                         std::vector<std::pair<std::string, std::string>> tags = {}, Timestamp created_at = kNoon) {
  return Identity{"", std::move(workflow), version, std::move(tags), created_at, kShard};
}

MATCHER_P(FailsWith, code, "") {
  if (arg) {
    *result_listener << "which succeeded";
    return false;
  }
  *result_listener << "whose message is \"" << arg.error().message << "\"";
  return arg.error().code == code;
}

MATCHER_P2(FailsWith, code, message, "") {
  if (arg) {
    *result_listener << "which succeeded";
    return false;
  }
  return ::testing::ExplainMatchResult(::testing::HasSubstr(message), arg.error().message, result_listener) &&
         arg.error().code == code;
}

}  // namespace saga::store::testing
