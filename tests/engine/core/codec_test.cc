// Events as they are stored: every type is read back equal, and a damaged record is noticed and harms nobody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using testing::HasSubstr;

/// A saga's events, and the workflow they belong to.
struct History {
  workflows::WorkflowRef workflow;
  std::vector<Event> events;
};

/// Between them they hold every type of event.
std::vector<History> histories() {
  std::vector<History> all;
  const auto run = [&all](workflows::WorkflowRef workflow, const std::function<void(Driver&)>& story) {
    Driver saga(workflow);
    story(saga);
    all.push_back({workflow, saga.events()});
  };
  run(flow({step("a", "input: { id: \"${ saga.id }\" }"), bare("b", "when: \"${ input.go }\""), step("c")},
           "output: { n: \"${ steps.a.output.n + 1 }\" }"),
      [](Driver& saga) {
        saga.start({{"go", false},
                    {"text", "\"quoted\" \u00e9\n\\"},
                    {"big", 9007199254740993},
                    {"half", 0.1},
                    {"none", nullptr}});
        saga.answer("a", no_instance());
        saga.available("a");
        saga.answer("a", fault());
        saga.retry();
        saga.answer("a", done(R"({"deep":[[[{"x":[1,2.5,null,true,"\u20ac"]}]]]})"));
        saga.suspend();
        saga.resume();
        saga.answer("c", done());
      });
  run(flow({step("a"), step("b", "on_failure: suspend"), step("c")}, "deadline: 1h"), [](Driver& saga) {
    saga.start();
    saga.answer("a", done());
    saga.answer("b", refused());
    saga.skip("b", share(Json{{"by", "hand"}}));
    saga.after(std::chrono::hours(1));
    saga.recover();
    saga.answer_undo("c", final_fault());
    saga.answer_undo("b", done());
    saga.answer_undo("a", done());
    saga.skip("c");
  });
  run(flow({step("a"), bare("p", "pivot: true")}), [](Driver& saga) {
    saga.start();
    saga.answer("a", done());
    saga.answer("p", final_fault());
    saga.resume();
    saga.answer("p", final_fault());
    saga.cancel();
    saga.answer_undo("a", final_fault());
    saga.terminate();
  });
  run(flow({step("a"), step("b")}), [](Driver& saga) {
    saga.start();
    saga.answer("a", done());
    saga.cancel();
    saga.answer("b", refused());
    saga.answer_undo("a", done());
  });
  return all;
}

/// Replays, and where that succeeds lets the saga go on: neither may crash.
void replay_and_go_on(const workflows::Workflow& workflow, const std::vector<Event>& events) {
  SagaState state;
  for (const Event& event : events) {
    if (const auto applied = apply(workflow, state, event); !applied) {
      EXPECT_EQ(applied.error().code, ErrorCode::kCorruption);
      return;
    }
  }
  (void)needs_attention(state);
  (void)stuck_calls(workflow, state);
  (void)allowed_verbs(workflow, state);
  (void)next_due(workflow, state);
}

TEST(Codec, EveryTypeOfEventIsReadBackEqual) {
  std::set<std::string_view> types;
  std::vector<History> all = histories();
  const Timestamp until = kStart + std::chrono::minutes(1);
  const Failure failure{"a", Phase::kCompensation, "child_suspended", "child saga 'x~a' is suspended", 0, 2, {}};
  std::vector<Event> waiting;
  for (const EventBody& body : std::initializer_list<EventBody>{
           CallTaken{0, Phase::kAction, 2, until}, HeartbeatReceived{0, Phase::kCompensation, 1, until},
           WaitBegun{0, until}, SignalAwaited{0, until}, SignalAwaited{0, std::nullopt},
           SignalReceived{0, share(Json{{"by", "hand"}}), "ada", true}, SignalReceived{0, share(nullptr), "", false},
           ChildBegun{0, 2, nullptr}, ChildBegun{0, 1, share(Json{{"n", 1}})},
           ChildSuspended{0, Phase::kCompensation, failure}, ChildResumed{0, Phase::kAction},
           ChildUndoBegun{0, 2, 1, true}}) {
    waiting.push_back({kStart, body});
  }
  SagaFacts facts = *facts_of(*all[0].workflow);
  facts.parent_id = "order-1";
  facts.parent_step = "ship";
  facts.parent_attempt = 2;
  facts.child_versions = {{0, 3}, {2, 1}};
  waiting.push_back({kStart, SagaAccepted{std::make_shared<const SagaFacts>(facts), std::nullopt, "ada"}});
  all.push_back({all[0].workflow, waiting});
  for (const History& history : all) {
    for (const Event& event : history.events) {
      const auto read =
          decode_event(*history.workflow, event.at, type_name(event.body), encode_event(*history.workflow, event.body));
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_EQ(*read, event);
      types.insert(type_name(event.body));
    }
  }
  EXPECT_EQ(types.size(), std::variant_size_v<EventBody>);
}

TEST(Codec, ADamagedRecordIsNoticedOrHarmless) {
  std::size_t tried = 0;
  std::size_t noticed = 0;
  for (const History& history : histories()) {
    const workflows::Workflow& workflow = *history.workflow;
    for (std::size_t n = 0; n < history.events.size(); ++n) {
      const Event& event = history.events[n];
      const std::string text = encode_event(workflow, event.body);
      const auto try_text = [&](const std::string& damaged) {
        ++tried;
        const auto read = decode_event(workflow, event.at, type_name(event.body), damaged);
        if (!read) {
          ++noticed;
          EXPECT_EQ(read.error().code, ErrorCode::kCorruption);
          EXPECT_THAT(read.error().message, HasSubstr(std::string(type_name(event.body))));
          return;
        }
        if (*read == event) return;
        auto events = history.events;
        events[n] = *read;
        replay_and_go_on(workflow, events);
      };
      for (std::size_t at = 0; at < text.size(); ++at) {
        try_text(text.substr(0, at));
        try_text(text.substr(0, at) + text.substr(at + 1));
        for (const char c : {'9', '"', 'b'}) {
          std::string damaged = text;
          damaged[at] = c;
          try_text(damaged);
        }
      }
      for (const auto* other : {"", "null", "[]", "7", "{}", R"({"step":7})", R"({"step":"nowhere","phase":"action"})",
                                R"({"calls":7,"actor":"x"})", R"({"calls":[7],"actor":"x"})", R"({"error":7})"}) {
        try_text(other);
      }
    }
  }
  std::printf("%zu damaged records, %zu noticed while reading\n", tried, noticed);
  EXPECT_GT(noticed, tried / 2);
}

TEST(Codec, AnUnknownTypeIsCorruption) {
  const auto workflow = flow({step("a")});
  const auto read = decode_event(*workflow, kStart, "saga_exploded", "{}");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kCorruption);
  EXPECT_THAT(read.error().message, HasSubstr("saga_exploded"));
}

TEST(Codec, EventsOutOfOrderDoNotApply) {
  for (const History& history : histories()) {
    const auto& events = history.events;
    for (std::size_t left_out = 0; left_out < events.size(); ++left_out) {
      for (std::size_t twice = 0; twice < events.size(); ++twice) {
        auto changed = events;
        changed[left_out] = changed[twice];
        replay_and_go_on(*history.workflow, changed);
      }
    }
    SagaState state;
    for (std::size_t n = 1; n < events.size(); ++n) {
      const auto applied = apply(*history.workflow, state, events[n]);
      ASSERT_FALSE(applied) << "without its first event";
      EXPECT_EQ(applied.error().code, ErrorCode::kCorruption);
    }
  }
}

TEST(Codec, AStepThatTheWorkflowDoesNotHaveIsCorruption) {
  const auto workflow = flow({step("a")});
  Driver saga(flow({step("a")}));
  saga.start();
  for (const EventBody& body : {EventBody(StepSkipped{1}), EventBody(OperatorRetried{{{1, Phase::kAction}}, {}}),
                                EventBody(OperatorSkipped{{1, Phase::kAction}, nullptr, {}})}) {
    SagaState state = saga.state();
    const auto applied = apply(*workflow, state, Event{kStart, body});
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, ErrorCode::kCorruption);
  }
}

TEST(Codec, AnEventThatCannotFollowTheStateIsCorruption) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  ASSERT_EQ(saga.status(), "compensating");
  for (const EventBody& body :
       {EventBody(SignalReceived{0, share(nullptr), "ada", false}),      // A call, no signal.
        EventBody(OperatorRetried{{{1, Phase::kCompensation}}, {}})}) {  // Nothing of it is to be undone.
    SagaState state = saga.state();
    const auto applied = apply(saga.workflow(), state, Event{kStart, body});
    ASSERT_FALSE(applied) << type_name(body);
    EXPECT_EQ(applied.error().code, ErrorCode::kCorruption);
    EXPECT_THAT(applied.error().message, HasSubstr(std::string(type_name(body))));
  }
}

}  // namespace
}  // namespace saga::core
