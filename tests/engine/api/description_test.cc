// /v1/openapi.json: complete, in itself right, and what the server answers.
#include <algorithm>
#include <utility>

#include "engine/api/event_view.h"
#include "engine/core/event.h"
#include "engine/core/state.h"
#include "tests/engine/api/api_fixture.h"

namespace saga::api {
namespace {

using ::testing::Contains;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

Description& described() { return Description::of_server(); }
const Json& document() { return described().document(); }

// ---- the document by itself

TEST(OpenApiDocument, DescribesEveryRouteAndNoOther) {
  std::vector<std::string> routed;
  for (const Route& route : routes()) routed.push_back(Description::place(route.method, route.pattern));
  std::vector<std::string> found;
  for (const auto& [path, operations] : document()["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) found.push_back(Description::place(method, path));
  }
  EXPECT_THAT(found, UnorderedElementsAreArray(routed));
}

TEST(OpenApiDocument, SaysWhichRoleEachOperationAsksFor) {
  for (const Route& route : routes()) {
    const std::string at = Description::place(route.method, route.pattern);
    const Json expected = route.needs ? Json::array({Json{{"token", {to_string(*route.needs)}}}}) : Json::array();
    ASSERT_NE(described().find(at), nullptr) << at;
    EXPECT_EQ(described().find(at)->value("security", Json()), expected) << at;
  }
}

/// The names in the braces of a path.
std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  for (std::size_t open = path.find('{'); open != std::string::npos; open = path.find('{', open + 1))
    names.push_back(path.substr(open + 1, path.find('}', open) - open - 1));
  return names;
}

TEST(OpenApiDocument, NamesEveryOperationOnceAndDescribesWhatStandsInItsPath) {
  std::set<std::string> ids;
  for (const auto& [path, operations] : document()["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      EXPECT_TRUE(ids.insert(operation.at("operationId").get<std::string>()).second) << path;
      EXPECT_TRUE(operation.contains("summary")) << path;
      std::vector<std::string> in_path;
      const std::size_t count = operation.value("parameters", Json::array()).size();
      for (std::size_t i = 0; i < count; ++i) {
        const std::string at =
            described().resolve(Description::place(method, path) + "/parameters/" + std::to_string(i));
        const Json* parameter = described().find(at);
        ASSERT_NE(parameter, nullptr) << at;
        EXPECT_TRUE(parameter->contains("schema")) << at;
        if (parameter->at("in") != "path") continue;
        EXPECT_EQ(parameter->value("required", false), true) << at;
        in_path.push_back(parameter->at("name").get<std::string>());
      }
      EXPECT_THAT(in_path, UnorderedElementsAreArray(names_in(path))) << path;
      for (const auto& [status, answer] : operation.at("responses").items()) {
        const std::string at = described().resolve(Description::place(method, path) + "/responses/" + status);
        const Json* response = described().find(at);
        ASSERT_NE(response, nullptr) << at;
        EXPECT_TRUE(response->contains("description")) << at;
      }
    }
  }
}

/// Calls `visit` with every schema: those of the components, of contents, of parameters, and the ones within.
template <typename Visit>
void each_schema(const Json& value, const std::string& at, bool is_schema, const Visit& visit) {
  if (is_schema) visit(value, at);
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      each_schema(value[i], at + "/" + std::to_string(i), is_schema && value[i].is_object(), visit);
    return;
  }
  if (!value.is_object()) return;
  const bool holds_schemas = at.ends_with("/properties") || at == "/components/schemas";
  for (const auto& [key, below] : value.items()) {
    const bool schema_below = holds_schemas || key == "schema" || key == "items" || key == "additionalProperties";
    if (!holds_schemas && (key == "anyOf" || key == "allOf" || key == "oneOf")) {
      for (std::size_t i = 0; i < below.size(); ++i)
        each_schema(below[i], at + "/" + key + "/" + std::to_string(i), true, visit);
      continue;
    }
    each_schema(below, at + "/" + Description::escaped(key), schema_below, visit);
  }
}

TEST(OpenApiDocument, ItsSchemasAreClosedAndMeanTheSameInBothDialects) {
  // What draft 7 and 2020-12 (the dialect of OpenAPI 3.1) read alike.
  const std::set<std::string> shared{"description",
                                     "type",
                                     "enum",
                                     "const",
                                     "anyOf",
                                     "properties",
                                     "required",
                                     "items",
                                     "pattern",
                                     "default",
                                     "additionalProperties",
                                     "minItems",
                                     "maxItems",
                                     "maxProperties",
                                     "minimum",
                                     "maximum",
                                     "minLength",
                                     "maxLength"};
  std::size_t schemas = 0;
  each_schema(document(), "", false, [&](const Json& schema, const std::string& at) {
    ++schemas;
    if (!schema.is_object()) {
      EXPECT_TRUE(schema.is_boolean()) << at;
      return;
    }
    if (schema.contains("$ref")) {
      EXPECT_EQ(schema.size(), 1U) << at << ": in draft 7 nothing counts beside a reference";
      EXPECT_NE(described().find(described().resolve(at)), nullptr) << at << " leads nowhere";
      return;
    }
    for (const auto& [keyword, value] : schema.items()) EXPECT_TRUE(shared.contains(keyword)) << at << ": " << keyword;
    if (!schema.contains("properties")) return;
    EXPECT_TRUE(schema.contains("additionalProperties")) << at << " is open";
    for (const Json& name : schema.value("required", Json::array()))
      EXPECT_TRUE(schema["properties"].contains(name.get<std::string>())) << at << ": " << name;
  });
  EXPECT_GT(schemas, 100U);
  EXPECT_EQ(document()["openapi"], "3.1.0");
}

template <std::size_t... I>
std::vector<std::string> event_types(std::index_sequence<I...>) {
  return {std::string(core::type_name(core::EventBody(std::in_place_index<I>)))...};
}

TEST(OpenApiDocument, ItsListsOfNamesAreTheOnesInUse) {
  const Json& schemas = document()["components"]["schemas"];
  const auto types = event_types(std::make_index_sequence<std::variant_size_v<core::EventBody>>());
  EXPECT_THAT(schemas["EventType"]["enum"].get<std::vector<std::string>>(), ElementsAreArray(types));
  EXPECT_THAT(schemas["Problem"]["properties"]["type"]["enum"].get<std::vector<std::string>>(),
              ElementsAreArray(problem_types()));
}

template <std::size_t I>
void expect_described(const workflows::Workflow& workflow) {
  core::EventBody body(std::in_place_index<I>);
  if (auto* accepted = std::get_if<core::SagaAccepted>(&body)) accepted->facts = std::make_shared<core::SagaFacts>();
  JsonWriter json;
  write_event(json, {1, Timestamp{0}, std::string(core::type_name(body)), core::encode_event(workflow, body)});
  const std::string text = json.take();
  EXPECT_THAT(described().misfits_of_schema("/components/schemas/Event", Json::parse(text)), IsEmpty()) << text;
}

template <std::size_t... I>
void expect_each_described(const workflows::Workflow& workflow, std::index_sequence<I...>) {
  (expect_described<I>(workflow), ...);
}

TEST(OpenApiDocument, EveryKindOfEventIsWrittenAsDescribed) {
  const auto loaded = workflows::load_workflows(kOrderWorkflow, "order.yaml");
  ASSERT_TRUE(loaded);
  expect_each_described(*loaded->front(), std::make_index_sequence<std::variant_size_v<core::EventBody>>());
}

TEST(OpenApiDocument, EveryKindOfProblemIsWrittenAsDescribed) {
  for (int kind = 0; kind < static_cast<int>(problem_types().size()); ++kind) {
    Problem problem{static_cast<ProblemKind>(kind), "what it is", {}, std::nullopt, std::nullopt, {}};
    FieldError error;
    error.detail = "here";
    error.pointer = "";
    error.parameter = "p";
    error.header = "h";
    error.line = 1;
    error.column = 2;
    problem.errors = {error};
    problem.allowed = {core::Verb::kTerminate};
    EXPECT_THAT(described().misfits_of_schema("/components/schemas/Problem", Json::parse(to_response(problem).body)),
                IsEmpty());
  }
}

// ---- the judge

TEST(OpenApiDocument, WhatIsNotDescribedIsNoticed) {
  const auto judged = [](Request request, Response response) {
    const std::string body = response.body;
    return ::testing::PrintToString(described().misfits(request, response, body));
  };
  const Request live{"GET", "/health/live", "", {}, ""};
  Response answer;
  answer.body = R"({"status":"live"})";
  EXPECT_THAT(described().misfits(live, answer, answer.body), IsEmpty());
  answer.body = R"({"status":"live","since":3})";
  EXPECT_THAT(judged(live, answer), HasSubstr("since"));
  answer.body = R"({})";
  EXPECT_THAT(judged(live, answer), HasSubstr("status"));
  answer.body = R"({"status":"live"})";
  answer.status = 202;
  EXPECT_THAT(judged(live, answer), HasSubstr("202"));
  answer.status = 200;
  answer.content_type = "text/html";
  EXPECT_THAT(judged(live, answer), HasSubstr("text/html"));
  answer.content_type = "application/json";
  answer.headers = {{"X-New", "1"}};
  EXPECT_THAT(judged(live, answer), HasSubstr("X-New"));
  answer.headers = {};
  EXPECT_THAT(judged({"GET", "/health/live", "new=1", {}, ""}, answer), HasSubstr("'new'"));
  EXPECT_THAT(judged({"GET", "/v1/nothing", "", {}, ""}, answer), HasSubstr("no route"));
}

// ---- the server

class OpenApi : public ApiFixture {
 protected:
  /// Sends it; the fixture holds the answer against the description.
  void expect(int status, const std::string& method, const std::string& target, const std::string& body = "",
              Headers headers = {}) {
    const Reply reply = call(method, target, body, std::move(headers));
    EXPECT_EQ(reply.status, status) << method << " " << target << ": " << reply.text;
  }
  void print_with_callback_and_signal();
};

/// Steps of other kinds: a call that is finished later, beside a wait, and a signal.
constexpr const char* kPrintWorkflow = R"(
name: print
version: 1
steps:
  - parallel:
      - - { name: proof, service: printer, action: /proof }
      - - { name: pause, wait: 1h }
  - { name: approval, signal: approved }
)";

void OpenApi::print_with_callback_and_signal() {
  runtime_->set_public_url("http://here");
  expect(201, "POST", "/v1/workflows", kPrintWorkflow);
  expect(201, "POST", "/v1/sagas", R"({"workflow":"print","id":"p"})");
  const auto sent = next_call();
  workers::Answered taken;
  taken.status = 202;
  taken.async = true;
  const std::string path = sent.header(workers::kSagaCallbackUrl).substr(std::string("http://here").size());
  sent.end(taken);
  expect(204, "POST", path + "/heartbeat");
  expect(200, "GET", "/v1/sagas/p");
  expect(422, "POST", path, R"({"status":"done"})");
  expect(204, "POST", path, R"({"status":"succeeded","output":{"pages":7}})");
  expect(410, "POST", path + "/heartbeat");
  expect(404, "POST", "/v1/callbacks/p/proof/action/1/guess", "{}");
  expect(200, "POST", "/v1/sagas/p/signals/approved", R"({"payload":{"by":"ann"}})");
  expect(409, "POST", "/v1/sagas/p/signals/approved", R"({"payload":1})");
  expect(422, "POST", "/v1/sagas/p/signals/unheard_of");
  expect(200, "GET", "/v1/sagas/p/events");
}

TEST_F(OpenApi, IsServed) {
  const Reply reply = call("GET", "/v1/openapi.json");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "application/json");
  EXPECT_EQ(reply.json, document());
}

TEST_F(OpenApi, EveryOperationAnswersAsDescribed) {
  print_with_callback_and_signal();
  // A saga that is compensated, one that fails and is mended in every way, one that waits; then all that can be read.
  const std::string sagas = "/v1/sagas";
  const auto verb = [&](const std::string& id, const std::string& name, const std::string& body, int status = 200) {
    expect(status, "POST", sagas + "/" + id + "/" + name, body, {{"saga-actor", "ann"}});
  };
  expect(201, "POST", sagas, R"({"workflow":"order/1","id":"a","input":{"amount":5},"tags":{"shop":"7"}})",
         {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});
  next_call().answer(200, R"({"n":1})");
  next_call().answer(422, R"({"code":"declined","detail":"no"})");
  next_call().answer(422, R"({"code":"closed","retryable":false})");
  expect(200, "GET", sagas + "/a?wait=60s");
  verb("a", "skip", R"({"step":"reserve","reason":"by hand"})");
  expect(200, "POST", sagas, R"({"workflow":"order","id":"a","input":{"amount":5},"tags":{"shop":"7"}})");
  expect(409, "POST", sagas, R"({"workflow":"order","id":"a","input":{"amount":6}})");
  expect(422, "POST", sagas, R"({"workflow":"order","id":"?","input":{"amount":0},"more":1})");
  expect(404, "POST", sagas, R"({"workflow":"nothing"})");
  expect(400, "POST", sagas, "{");
  expect(403, "POST", sagas, "{}", {{"origin", "http://elsewhere.example"}, {"host", "here"}});
  expect(201, "POST", sagas + "?wait=0s",
         R"({"workflow":"order","id":null,"input":{"amount":5},"start_at":"2100-01-01T00:00:00Z"})");
  expect(201, "POST", sagas, R"({"workflow":"order","id":"b","input":{"amount":5}})");
  const auto open = next_call();
  const std::string batch =
      R"({"sagas":[{"workflow":"order","id":"c","input":{"amount":5},"start_at":"2100-01-01T00:00:00Z"}]})";
  expect(201, "POST", sagas + "/batch", batch);
  expect(200, "POST", sagas + "/batch", batch);
  expect(422, "POST", sagas + "/batch", R"({"sagas":[{"workflow":"nothing"}]})");
  verb("b", "suspend", R"({"reason":"to look"})");
  open.answer(503, R"({"message":"later"})");
  expect(200, "GET", sagas + "/b");
  verb("b", "resume", "{}");
  verb("b", "cancel", "{}", 422);
  verb("b", "cancel", R"({"reason":"changed my mind"})");
  verb("b", "skip", R"({"step":"pay","reason":"no"})", 409);
  verb("b", "mend", "{}", 404);
  verb("nobody", "retry", "{}", 404);
  verb("b", "terminate", R"({"reason":"enough"})");
  expect(200, "GET",
         sagas + "?workflow=order&status=compensated,failed&needs_attention=false&tag=shop%3D7&limit=1&since=24h");
  expect(200, "GET", sagas + "?step=pay&code=declined");
  expect(422, "GET", sagas + "?limit=9999");
  for (const char* id : {"a", "b"}) {
    expect(200, "GET", sagas + "/" + id + "/events?after=0");
    expect(200, "GET", sagas + "/" + id + "/events", "", {{"accept", "text/event-stream"}});
  }
  expect(204, "GET", sagas + "/a/events?after=9999", "", {{"accept", "text/event-stream"}});
  expect(404, "GET", sagas + "/nobody/events");
  expect(404, "GET", sagas + "/nobody");
  const std::string definition =
      "name: two\nversion: 1\ndescription: words\nsteps: [{name: s, service: unheard_of, action: /x}]\n";
  expect(200, "POST", "/v1/workflows?dry_run=true&file=two.yaml", definition);
  expect(201, "POST", "/v1/workflows", definition);
  expect(200, "POST", "/v1/workflows", definition);
  expect(409, "POST", "/v1/workflows", "name: two\nversion: 1\nsteps: [{name: s, service: other, action: /x}]\n");
  expect(422, "POST", "/v1/workflows", "name: two\nversions: 1\n");
  expect(400, "POST", "/v1/workflows", "\xff");
  for (const char* there : {"/v1/workflows", "/v1/workflows/two", "/v1/workflows/two/1", "/v1/services",
                            "/v1/stats?workflow=order", "/v1/audit?verb=skip&saga=a&since=24h&limit=5", "/health/live",
                            "/health/ready", "/metrics", "/v1/openapi.json"}) {
    expect(200, "GET", there);
  }
  expect(404, "GET", "/v1/workflows/none");
  expect(404, "GET", "/v1/workflows/two/9");
  expect(404, "GET", "/v1/nothing");
  expect(405, "DELETE", "/v1/sagas/a");
  expect(200, "POST", "/v1/purge", R"({"before":"1h","dry_run":true})");
  expect(200, "POST", "/v1/purge", R"({"before":"2100-01-01T00:00:00Z","status":["terminated"],"reason":"old"})");
  expect(422, "POST", "/v1/purge", R"({"before":"1h","status":["running"]})");
  draining_ = true;
  expect(503, "GET", "/health/ready");

  std::set<std::string> all;
  for (const auto& [path, operations] : document()["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) all.insert(operation["operationId"].get<std::string>());
  }
  EXPECT_THAT(described().answered(), ElementsAreArray(all)) << "an operation that this test does not carry out";
}

}  // namespace
}  // namespace saga::api
