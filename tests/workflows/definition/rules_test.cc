// What a definition must be: each rule broken once, with the whole message and where it points, and each limit reached.
#include <gmock/gmock.h>

#include <string>

#include "tests/workflows/loading.h"

namespace saga::workflows {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kWorkflowHas =
    "a workflow has name, version, description, deadline, input_schema, defaults, steps, output, "
    "on_compensation_failure";
const std::string kStepHas =
    "a step has name, service, url, action, compensation, input, when, timeout, retry, compensation_retry, "
    "total_timeout, pivot, "
    "on_failure, error_code, parallel, wait, signal, saga";
const std::string kRetryHas = "has max_attempts, initial_interval, multiplier, max_interval, jitter, non_retryable";

/// A good workflow with `lines` (of the workflow itself) before its steps: they begin in line 3.
std::string with_head(const std::string& lines) {
  return "name: w\nversion: 1\n" + lines + "\nsteps: [{ name: a, service: s, action: /a }]\n";
}

/// A good workflow with `lines` in its second step: they begin in line 8, column 5.
std::string with_step(const std::string& lines) {
  return "name: w\nversion: 1\nsteps:\n  - { name: first, service: s, action: /a }\n  - name: second\n    service: s\n "
         "   action: /a\n    " +
         lines + "\n  - { name: third, service: s, action: /a }\n";
}

/// The same, whose second step has no service and no action of its own.
std::string with_bare_step(const std::string& lines) {
  return "name: w\nversion: 1\nsteps:\n  - { name: first, service: s, action: /a }\n  - name: second\n    " + lines +
         "\n";
}

struct Bad {
  std::string text;
  std::string problem;
};

void expect_refused(const std::vector<Bad>& cases) {
  for (const Bad& bad : cases) EXPECT_THAT(problems_of(bad.text), ElementsAre(bad.problem)) << bad.text;
}

void expect_good(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) EXPECT_THAT(problems_of(text), IsEmpty()) << text;
}

TEST(Rules, ADocumentIsAMappingWithNameVersionAndSteps) {
  const std::string expected = "expected a workflow, a mapping with name, version and steps, but the document is ";
  expect_refused({
      {"", "1:1: " + expected + "empty (null)"},
      {"# nothing\n", "1:1: " + expected + "empty (null)"},
      {"hello\n", "1:1: " + expected + "the text 'hello'"},
      {"- a\n", "1:1: " + expected + "a list"},
      {"[1]", "1:1: " + expected + "a list"},
      {"5", "1:1: " + expected + "the number 5"},
  });
  EXPECT_THAT(problems_of("{}"),
              ElementsAre("1:1: the workflow has no 'name'",
                          "1:1: the workflow has no 'version': expected a whole number, such as version: 1",
                          "1:1: the workflow has no 'steps': expected a list of at least one step"));
}

TEST(Rules, Name) {
  const std::string steps = "\nversion: 1\nsteps: [{ name: a, service: s, action: /a }]\n";
  const std::string expected =
      "1:7: 'name' must be a name of the form [a-z0-9][a-z0-9_-]*, at most 64 characters, but it is the text ";
  expect_refused({
      {"name: Order" + steps, expected + "'Order'"},
      {"name: -a" + steps, expected + "'-a'"},
      {"name: ''" + steps, expected + "''"},
      {"name: a/b" + steps, expected + "'a/b'"},
      {"name: \"a\\nb\"" + steps, expected + "'a\\nb'"},
      {"name: " + std::string(65, 'a') + steps, expected + "'" + std::string(64, 'a') + "…'"},
      {"name: 12" + steps, "1:7: 'name' must be a text, but it is the number 12: write it in quotes"},
      {"name:" + steps, "1:1: 'name' must be a text, but it is empty (null)"},
      {"name: [a]" + steps, "1:7: 'name' must be a text, but it is a list"},
  });
  expect_good(
      {"name: 0-_a" + steps, "name: '12'" + steps, "name: no" + steps, "name: " + std::string(64, 'a') + steps});
}

TEST(Rules, Version) {
  const auto text = [](const std::string& version) {
    return "name: w\nversion: " + version + "\nsteps: [{ name: a, service: s, action: /a }]\n";
  };
  const std::string expected = "2:10: 'version' must be a whole number, at least 1, but it is ";
  expect_refused({
      {text("0"), expected + "the number 0"},
      {text("-1"), expected + "the number -1"},
      {text("1.0"), expected + "the number 1.0"},
      {text("'1'"), expected + "the text '1'"},
      {text("true"), expected + "true"},
      {text("9223372036854775808"), expected + "the number 9223372036854775808"},
  });
  EXPECT_EQ(load_one(text("9223372036854775807"))->version, 9223372036854775807);
  EXPECT_EQ(load_one(text("0x10"))->version, 16);
}

TEST(Rules, UnknownKeysAreRefusedWithWhatWasMeant) {
  expect_refused({
      {with_head("deadlin: 5m"), "3:1: unknown key 'deadlin': did you mean 'deadline'? (" + kWorkflowHas + ")"},
      {with_head("tasks: []"), "3:1: unknown key 'tasks': did you mean 'steps'? (" + kWorkflowHas + ")"},
      {with_head("x-owner: me"), "3:1: unknown key 'x-owner': " + kWorkflowHas},
      {with_head("timeout: 5s"), "3:1: unknown key 'timeout': it belongs in a step or in 'defaults'; " + kWorkflowHas},
      {with_step("retries: 5"), "8:5: unknown key 'retries': did you mean 'retry'? (" + kStepHas + ")"},
      {with_step("undo: /b"), "8:5: unknown key 'undo': did you mean 'compensation'? (" + kStepHas + ")"},
      {with_step("method: PUT"), "8:5: unknown key 'method': it belongs in 'action' or 'compensation'; " + kStepHas},
      {with_step("max_attempts: 2"),
       "8:5: unknown key 'max_attempts': it belongs in 'retry' or 'compensation_retry'; " + kStepHas},
      {with_step("on_compensation_failure: suspend"),
       "8:5: unknown key 'on_compensation_failure': it belongs in the workflow; " + kStepHas},
      {with_step("retry: { maxAttempts: 2 }"),
       "8:14: unknown key 'maxAttempts': did you mean 'max_attempts'? ('retry' " + kRetryHas + ")"},
      {with_step("compensation: { path: /b, body: 1 }"),
       "8:31: unknown key 'body': did you mean 'input'? ('compensation' has method, path, headers, input, accept)"},
      {with_head("defaults: { total_timeout: 5s }"),
       "3:13: unknown key 'total_timeout': it belongs in a step; 'defaults' has timeout, retry, compensation_retry"},
  });
}

TEST(Rules, HeadValues) {
  expect_refused({
      {with_head("description: 5"), "3:14: 'description' must be a text, but it is the number 5: write it in quotes"},
      {with_head("deadline: 5"),
       "3:11: 'deadline' must be a duration such as 250ms, 2s or 1h30m, but it is the number 5"},
      {with_head("on_compensation_failure: stop"),
       "3:26: 'on_compensation_failure' must be one of continue, suspend, but it is the text 'stop'"},
      {with_head("defaults: 5s"),
       "3:11: 'defaults' must be a mapping with timeout, retry or compensation_retry, but it is the text '5s'"},
  });
  EXPECT_EQ(load_one(with_head("on_compensation_failure: suspend"))->on_compensation_failure,
            OnCompensationFailure::kSuspend);
  EXPECT_EQ(load_one(with_head("deadline: 1h30m"))->deadline, Millis{5'400'000});
  EXPECT_EQ(load_one(with_head(""))->deadline, std::nullopt);
}

TEST(Rules, InputSchema) {
  const std::pair<const char*, const char*> cases[] = {
      {"input_schema: 5", "3:15: 'input_schema': the schema: "},
      {"input_schema:", "3:1: 'input_schema': the schema: "},
      {"input_schema: { type: objekt }", "3:23: 'input_schema': /type: "},
      {"input_schema:\n  properties:\n    sku: { pattern: '(' }", "5:21: 'input_schema': /properties/sku/pattern: "},
      {"input_schema: { allOf: [true, { $ref: '#/definitions/x' }] }", "3:39: 'input_schema': /allOf/1/$ref: "},
  };
  for (const auto& [lines, problem] : cases) {
    EXPECT_THAT(problems_of(with_head(lines)), ElementsAre(testing::StartsWith(problem))) << lines;
  }
  const WorkflowRef workflow = load_one(with_head("input_schema: { type: object, required: [sku] }"));
  ASSERT_TRUE(workflow);
  EXPECT_EQ(workflow->input_schema->validate(Json{{"sku", 1}}).size(), 0U);
  EXPECT_EQ(workflow->input_schema->validate(Json::object()).size(), 1U);
}

TEST(Rules, Durations) {
  const std::string unlike =
      "is not a duration: expected a number and a unit (ms, s, m, h, d), such as 250ms, 2s or 1h30m";
  expect_refused({
      {with_step("timeout: 5 s"), "8:14: 'timeout': '5 s' " + unlike},
      {with_step("timeout: 0s"), "8:14: 'timeout': '0s' " + unlike},
      {with_step("timeout: -1s"), "8:14: 'timeout': '-1s' " + unlike},
      {with_step("total_timeout: 30m1h"), "8:20: 'total_timeout': '30m1h' " + unlike},
      {with_step("timeout: 4000d"), "8:14: 'timeout': '4000d' is too long: at most 3650d"},
      {with_step("timeout: 1.5"),
       "8:14: 'timeout' must be a duration such as 250ms, 2s or 1h30m, but it is the number 1.5"},
      {with_step("timeout:"), "8:5: 'timeout' must be a duration such as 250ms, 2s or 1h30m, but it is empty (null)"},
      {with_head("defaults: { timeout: soon }"), "3:22: 'timeout': 'soon' " + unlike},
  });
  const WorkflowRef workflow = load_one(with_step("timeout: 250ms\n    total_timeout: 1d"));
  EXPECT_EQ(workflow->steps[1].timeout, Millis{250});
  EXPECT_EQ(workflow->steps[1].total_timeout, Millis{86'400'000});
}

TEST(Rules, Steps) {
  const std::string head = "name: w\nversion: 1\n";
  expect_refused({
      {head, "1:1: the workflow has no 'steps': expected a list of at least one step"},
      {head + "steps: []\n", "3:8: 'steps' must be a list of at least one step, but it is empty"},
      {head + "steps: {}\n", "3:8: 'steps' must be a list of at least one step, but it is a mapping"},
      {head + "steps:\n", "3:1: 'steps' must be a list of at least one step, but it is empty (null)"},
      {head + "steps: [5]\n", "3:9: a step must be a mapping with name, service and action, but it is the number 5"},
      {head + "steps: [{ service: s, action: /a }]\n", "3:9: the step has no 'name'"},
      {head + "steps: [{ name: a }]\n",
       "3:9: step 'a' does nothing: expected a call, with 'service' and 'action', or one of parallel, wait, signal, "
       "saga"},
      {with_bare_step("service: s"), "5:5: step 'second' has no 'action': expected a path such as /reservations"},
      {with_bare_step("action: /a"),
       "5:5: step 'second' has neither 'service' nor 'url': expected one of them, such as service: inventory"},
      {with_bare_step("action: /a\n    url: http://h\n    service: s"),
       "7:10: step 'second' has both 'service' and 'url': expected one of them"},
      {head + "steps:\n  - { name: a, service: s, action: /a }\n  - { name: a, service: s, action: /a }\n",
       "5:13: step name 'a' is there twice: the first stands in line 4"},
  });
  std::string many = head + "steps:\n";
  for (int i = 0; i < 1'000; ++i) many += "  - { name: s" + std::to_string(i) + ", service: s, action: /a }\n";
  EXPECT_EQ(load_one(many)->steps.size(), 1'000U);
  expect_refused({{many + "  - { name: more, service: s, action: /a }\n",
                   "1004:5: a workflow has at most 1000 steps, but this one has 1001"}});
}

TEST(Rules, StepAndServiceNames) {
  const auto step = [](const std::string& name, const std::string& service) {
    return "name: w\nversion: 1\nsteps:\n  - name: " + name + "\n    service: " + service + "\n    action: /a\n";
  };
  const std::string step_name =
      "4:11: 'name' must be a name of the form [a-z][a-z0-9_]*, at most 48 characters, but it is the text ";
  const std::string service_name = "5:14: 'service' must be a name of the form [a-z][a-z0-9_-]*, but it is the text ";
  expect_refused({
      {step("a-b", "s"), step_name + "'a-b'"},
      {step("'1a'", "s"), step_name + "'1a'"},
      {step("A", "s"), step_name + "'A'"},
      {step("_a", "s"), step_name + "'_a'"},
      {step(std::string(49, 'a'), "s"), step_name + "'" + std::string(49, 'a') + "'"},
      {step("a", "S"), service_name + "'S'"},
      {step("a", "'1s'"), service_name + "'1s'"},
      {step("a", "s.t"), service_name + "'s.t'"},
      {step("a", "''"), service_name + "''"},
  });
  expect_good({step("a1_b", "s-t_1"), step(std::string(48, 'a'), "s")});
}

TEST(Rules, Url) {
  const std::string expected = "6:10: 'url' must be a base URL such as http://127.0.0.1:8081, but it is the text ";
  for (const char* url : {"ftp://h", "h:80", "http://", "http://:80", "http://h:0", "http://h:65536", "http://h:x",
                          "http://u@h", "http://h?q", "http://h/a b", "http://[::1", "http://[x]:80"}) {
    EXPECT_THAT(problems_of(with_bare_step("url: '" + std::string(url) + "'\n    action: /a")),
                ElementsAre(expected + "'" + url + "'"));
  }
  for (const char* url :
       {"http://h", "http://127.0.0.1:8081", "https://pay.example:443/base", "http://[::1]:80", "http://[::1]"}) {
    const WorkflowRef workflow = load_one(with_bare_step("url: '" + std::string(url) + "'\n    action: /a"));
    ASSERT_TRUE(workflow) << url;
    EXPECT_EQ(workflow->steps[1].url, url);
    EXPECT_EQ(workflow->steps[1].service, "");
  }
}

TEST(Rules, Calls) {
  const std::string call =
      "8:19: 'compensation' must be a path such as /reservations, or { method, path, headers, input, accept }, but it "
      "is ";
  expect_refused({
      {with_step("compensation: 5"), call + "the number 5"},
      {with_step("compensation: [/a]"), call + "a list"},
      {with_step("compensation: { method: PUT }"), "8:19: 'compensation' has no 'path'"},
      {with_step("compensation: { path: /b, method: post }"),
       "8:39: 'method' must be one of GET, POST, PUT, PATCH, DELETE, but it is the text 'post'"},
      {with_step("compensation: { path: /b, method: HEAD }"),
       "8:39: 'method' must be one of GET, POST, PUT, PATCH, DELETE, but it is the text 'HEAD'"},
      {with_step("compensation: { path: /b, accept: 404 }"),
       "8:39: 'accept' must be a list of statuses, such as [404], but it is the number 404"},
      {with_step("compensation: { path: /b, accept: [99] }"),
       "8:40: 'accept' must be a whole number from 100 to 599, but it is the number 99"},
      {with_step("compensation: { path: /b, accept: [600] }"),
       "8:40: 'accept' must be a whole number from 100 to 599, but it is the number 600"},
      {with_step("compensation: { path: /b, accept: ['404'] }"),
       "8:40: 'accept' must be a whole number from 100 to 599, but it is the text '404'"},
  });
  for (const std::string method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    EXPECT_EQ(load_one(with_step("compensation: { path: /b, method: " + method + " }"))->steps[1].compensation->method,
              method);
  }
}

TEST(Rules, Paths) {
  const std::string slash = "'compensation' must be a path that begins with '/', but it is the text ";
  const std::string encode = " cannot stand in a path: write it percent-encoded, such as %20";
  expect_refused({
      {with_step("compensation: b"), "8:19: " + slash + "'b'"},
      {with_step("compensation: ''"), "8:19: " + slash + "''"},
      {with_step("compensation: \"${ saga.id }\""), "8:19: " + slash + "'${ saga.id }'"},
      {with_step("compensation: http://h/b"), "8:19: " + slash + "'http://h/b'"},
      {with_step("compensation: /a b"), "8:21: a space" + encode},
      {with_step("compensation: '/a#b'"), "8:22: '#'" + encode},
      {with_step("compensation: /ü"), "8:20: byte 0xc3" + encode},
      {with_step("compensation: \"/a\\r\\nX: y\""), "8:22: byte 0x0d" + encode},
      {with_step("compensation: '/${ saga.id }/b c/${ input.x }'"), "8:35: a space" + encode},
  });
  expect_good({
      with_step("compensation: /"),
      with_step("compensation: /a%20b/~x?q=1&r=${ input.r }"),
      with_step("compensation: \"/${ '}' .. saga.id }/x\""),
  });
}

TEST(Rules, Headers) {
  const auto compensation = [](const std::string& headers) {
    return with_step("compensation: { path: /b, headers: " + headers + " }");
  };
  expect_refused({
      {compensation("X"),
       "8:40: 'headers' must be a mapping of names and texts, such as { X-Currency: EUR }, but it is the text 'X'"},
      {compensation("{ X-A: 1 }"), "8:47: 'X-A' must be a text, but it is the number 1: write it in quotes"},
      {compensation("{ 'a b': c }"),
       "8:42: 'a b' is no header name: expected letters, digits and '-', such as X-Currency"},
      {compensation("{ '': c }"), "8:42: '' is no header name: expected letters, digits and '-', such as X-Currency"},
      {compensation("{ X-A: b, x-a: c }"), "8:50: header 'x-a' is there twice: case makes no difference"},
      {compensation("{ X-A: \"b\\nc\" }"), "8:49: byte 0x0a cannot stand in a header"},
  });
  for (const std::string name : {"Idempotency-Key", "saga-id", "SAGA-ANYTHING", "traceparent", "Content-Length",
                                 "content-type", "Host", "Connection", "Transfer-Encoding"}) {
    EXPECT_THAT(problems_of(compensation("{ " + name + ": x }")),
                ElementsAre("8:42: header '" + name + "' is set by the engine: a definition cannot set it"));
  }
  const WorkflowRef workflow = load_one(compensation("{ X-B: b, X-A: \"${ saga.id }\" }"));
  ASSERT_TRUE(workflow);
  const auto& headers = workflow->steps[1].compensation->headers;
  ASSERT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers[0].first, "X-B") << "in the order of the file";
  EXPECT_EQ(headers[1].second.source(), "${ saga.id }");
}

TEST(Rules, InputStandsInTheStepOrInItsAction) {
  expect_refused(
      {{"name: w\nversion: 1\nsteps:\n  - name: a\n    service: s\n    action: { path: /a, input: 1 }\n    input: 2\n",
        "7:12: step 'a' has 'input' twice, here and in its 'action': expected one of them"}});
  expect_good({"name: w\nversion: 1\nsteps: [{ name: a, service: s, action: { path: /a, input: 1 } }]\n"});
  EXPECT_TRUE(load_one(with_step("input: null"))->steps[1].action.input.has_value()) << "null is an input, too";
}

TEST(Rules, Retries) {
  const std::string codes =
      "'non_retryable' must be a list of codes or statuses, such as [card_declined, 402], but it is ";
  expect_refused({
      {with_step("retry: 3"), "8:12: 'retry' must be a mapping such as { max_attempts: 3 }, but it is the number 3"},
      {with_step("retry:"), "8:5: 'retry' must be a mapping such as { max_attempts: 3 }, but it is empty (null)"},
      {with_step("retry: { max_attempts: 0 }"),
       "8:28: 'max_attempts' must be a whole number from 1 to 2147483647, but it is the number 0"},
      {with_step("retry: { max_attempts: 2.5 }"),
       "8:28: 'max_attempts' must be a whole number from 1 to 2147483647, but it is the number 2.5"},
      {with_step("retry: { max_attempts: 2147483648 }"),
       "8:28: 'max_attempts' must be a whole number from 1 to 2147483647, but it is the number 2147483648"},
      {with_step("retry: { multiplier: 0.9 }"),
       "8:26: 'multiplier' must be a number, at least 1, but it is the number 0.9"},
      {with_step("retry: { multiplier: x }"),
       "8:26: 'multiplier' must be a number, at least 1, but it is the text 'x'"},
      {with_step("retry: { jitter: 1.1 }"), "8:22: 'jitter' must be a number from 0 to 1, but it is the number 1.1"},
      {with_step("retry: { jitter: -0.1 }"), "8:22: 'jitter' must be a number from 0 to 1, but it is the number -0.1"},
      {with_step("retry: { initial_interval: 5 }"),
       "8:32: 'initial_interval' must be a duration such as 250ms, 2s or 1h30m, but it is the number 5"},
      {with_step("retry: { non_retryable: 402 }"), "8:29: " + codes + "the number 402"},
      {with_step("retry: { non_retryable: [''] }"), "8:30: " + codes + "the text ''"},
      {with_step("retry: { non_retryable: [true] }"), "8:30: " + codes + "true"},
      {with_step("retry: { non_retryable: [42] }"),
       "8:30: 'non_retryable' must be a whole number from 100 to 599, but it is the number 42"},
      {with_step("compensation_retry: { max_attempts: x }"),
       "8:41: 'max_attempts' must be a whole number from 1 to 2147483647, but it is the text 'x'"},
  });
}

TEST(Rules, RetriesAreMergedKeyByKey) {
  const WorkflowRef workflow = load_one(R"(
name: w
version: 1
defaults:
  timeout: 7s
  retry: { max_attempts: 4, jitter: 0, non_retryable: [a, 402] }
  compensation_retry: { max_interval: 1m }
steps:
  - { name: plain, service: s, action: /a }
  - name: own
    service: s
    action: /a
    timeout: 1s
    retry: { multiplier: 3, initial_interval: 1s, non_retryable: [] }
    compensation_retry: { max_attempts: 5, jitter: 1, multiplier: 1, initial_interval: 10ms }
  - { name: empty, service: s, action: /a, retry: {} }
)");
  ASSERT_TRUE(workflow);
  const Step& plain = workflow->steps[0];
  const Step& own = workflow->steps[1];
  const Step& empty = workflow->steps[2];
  EXPECT_EQ(plain.timeout, Millis{7'000});
  EXPECT_EQ(plain.retry, (RetryPolicy{4, Millis{200}, 2.0, Millis{30'000}, 0, {"a", "402"}}));
  EXPECT_EQ(plain.compensation_retry, (RetryPolicy{100, Millis{500}, 2.0, Millis{60'000}, 0.2, {}}));
  EXPECT_FALSE(plain.has_own_retry);
  EXPECT_EQ(own.timeout, Millis{1'000});
  EXPECT_EQ(own.retry, (RetryPolicy{4, Millis{1'000}, 3.0, Millis{30'000}, 0, {}}));
  EXPECT_EQ(own.compensation_retry, (RetryPolicy{5, Millis{10}, 1.0, Millis{60'000}, 1, {}}));
  EXPECT_TRUE(own.has_own_retry);
  EXPECT_EQ(empty.retry, plain.retry);
  EXPECT_TRUE(empty.has_own_retry);
}

TEST(Rules, PivotAndFailure) {
  expect_refused({
      {with_step("pivot: yes"), "8:12: 'pivot' must be true or false, but it is the text 'yes'"},
      {with_step("on_failure: ignore"),
       "8:17: 'on_failure' must be one of compensate, continue, suspend, but it is the text 'ignore'"},
      {with_step("pivot: true\n    on_failure: continue"),
       "9:17: a pivot cannot have 'on_failure: continue': what follows it relies on it; expected compensate or "
       "suspend"},
      {"name: w\nversion: 1\nsteps:\n  - { name: a, service: s, action: /a, pivot: true }\n  - { name: b, service: s, "
       "action: /a, pivot: true }\n",
       "5:47: a workflow has at most one pivot, and step 'a' is one already (line 4)"},
  });
  EXPECT_EQ(load_one(with_step("pivot: true\n    on_failure: suspend"))->pivot, 1U);
  EXPECT_EQ(load_one(with_step("pivot: false\n    on_failure: continue"))->pivot, std::nullopt);
  EXPECT_EQ(load_one(with_step("on_failure: continue"))->steps[1].on_failure, OnFailure::kContinue);
  EXPECT_EQ(load_one(with_step("on_failure: suspend"))->steps[1].on_failure, OnFailure::kSuspend);
  EXPECT_EQ(load_one(with_step("on_failure: compensate"))->steps[1].on_failure, OnFailure::kCompensate);
}

TEST(Rules, When) {
  const std::string expected = "8:11: 'when' must be one expression, such as \"${ input.amount >= 1000 }\", but it is ";
  expect_refused({
      {with_step("when: input.x"), expected + "the text 'input.x'"},
      {with_step("when: \"${ input.x } or ${ input.y }\""), expected + "the text '${ input.x } or ${ input.y }'"},
      {with_step("when: \"x${ input.x }\""), expected + "the text 'x${ input.x }'"},
      {with_step("when: 1"), expected + "the number 1"},
      {with_step("when: { a: b }"), expected + "a mapping"},
  });
  expect_good({with_step("when: true"), with_step("when: false"), with_step("when: \"${ input.x == '}' }\""),
               with_step("when: >\n      ${ input.x\n      and input.y }")});
}

TEST(Rules, EveryProblemOfAFileIsReportedInItsOrder) {
  EXPECT_THAT(problems_of("name: W\nversion: 0\nsteps:\n  - name: a\n    service: s\n    action: a\n    timeout: x\n   "
                          " input: { b: \"${ y }\", c: \"${ z }\" }\n---\nname: w\n"),
              ElementsAre(testing::StartsWith("1:7: "), testing::StartsWith("2:10: "), testing::StartsWith("6:13: "),
                          testing::StartsWith("7:14: "), testing::StartsWith("8:21: "), testing::StartsWith("8:34: "),
                          testing::StartsWith("10:1: "), testing::StartsWith("10:1: ")));
}

}  // namespace
}  // namespace saga::workflows
