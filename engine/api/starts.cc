#include "engine/api/starts.h"

#include <fmt/format.h>

#include <array>

#include "base/uuid.h"
#include "engine/api/body.h"
#include "engine/api/names.h"

namespace saga::api {
namespace {

Checked<workflows::WorkflowRef> find_workflow(const Context& context, const WorkflowName& name) {
  auto found = name.version ? context.registry.find(name.name, *name.version) : context.registry.newest(name.name);
  if (found) return found;
  const auto versions = context.registry.versions(name.name);
  if (!versions.empty()) {
    std::string there;
    for (const auto& entry : versions) there += (there.empty() ? "" : ", ") + std::to_string(entry.workflow->version);
    return refuse(ProblemKind::kNotFound,
                  fmt::format("workflow '{}' has no version {}; it has {}", name.name, *name.version, there));
  }
  const auto all = context.registry.list();
  std::vector<std::string_view> names;
  for (const auto& entry : all) {
    if (names.empty() || names.back() != entry.workflow->name) names.push_back(entry.workflow->name);
  }
  return refuse(ProblemKind::kNotFound,
                fmt::format("no workflow is named {}{}", quote(name.name),
                            names.empty() ? "; none is registered" : suggestion(name.name, names)));
}

/// The id of the body, of the `Idempotency-Key` header, or a new one.
std::string choose_id(BodyReader& body, const StartOrigin& origin, std::vector<FieldError>& errors) {
  if (auto id = body.text("id")) {
    if (const auto checked = check_id(*id); !checked) body.complain("id", checked.error().message);
    return *id;
  }
  if (origin.idempotency_key == nullptr) return make_uuid_v7(origin.now);
  if (const auto checked = check_id(*origin.idempotency_key); !checked) {
    FieldError error;
    error.detail = checked.error().message;
    error.header = "Idempotency-Key";
    errors.push_back(std::move(error));
  }
  return *origin.idempotency_key;
}

Checked<void> check_input(const workflows::Workflow& workflow, const Json& input, const std::string& base) {
  if (!workflow.input_schema) return {};
  std::vector<FieldError> errors;
  for (auto& violation : workflow.input_schema->validate(input)) {
    FieldError error;
    error.detail = std::move(violation.message);
    error.pointer = base + "/input" + violation.pointer;
    errors.push_back(std::move(error));
  }
  if (errors.empty()) return {};
  return tl::unexpected(does_not_fit(std::move(errors)));
}

}  // namespace

StartOrigin start_origin(const Context& context, const Exchange& exchange) {
  const std::string* traceparent = exchange.request.header("traceparent");
  return {context.clock.now(), exchange.request.header("idempotency-key"),
          traceparent == nullptr ? std::nullopt : parse_traceparent(*traceparent), exchange.caller.shown(),
          exchange.caller.verified};
}

Checked<runtime::StartRequest> read_start(const Context& context, const StartOrigin& origin, Json& written,
                                          const std::string& base) {
  static constexpr std::array<std::string_view, 5> kKeys{"workflow", "id", "input", "tags", "start_at"};
  BodyReader body(written, kKeys, base);
  runtime::StartRequest start;
  const auto named = body.text("workflow");
  body.require("workflow", named.has_value());
  WorkflowName name;
  if (named) {
    auto read = parse_workflow_name(*named);
    if (read) {
      name = std::move(*read);
    } else {
      body.complain("workflow", read.error().message);
    }
  }
  std::vector<FieldError> header_errors;
  start.id = choose_id(body, origin, header_errors);
  start.tags = body.tags("tags");
  start.start_at = body.time("start_at");
  if (auto checked = std::move(body).check(); !checked) return tl::unexpected(std::move(checked.error()));
  if (!header_errors.empty()) return tl::unexpected(does_not_fit(std::move(header_errors)));

  auto workflow = find_workflow(context, name);
  if (!workflow) return tl::unexpected(std::move(workflow.error()));
  start.workflow = std::move(*workflow);
  start.version_named = name.version.has_value();
  const auto input = written.find("input");
  start.input = share(input == written.end() ? Json::object() : std::move(*input));
  if (auto checked = check_input(*start.workflow, *start.input, base); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  TraceContext trace = origin.trace ? *origin.trace : make_trace();
  start.trace_id = std::move(trace.trace_id);
  start.parent_span = std::move(trace.parent_span);
  start.actor = origin.actor;
  start.verified = origin.verified;
  return start;
}

}  // namespace saga::api
