// POST and GET /v1/workflows.
#include <fmt/format.h>

#include <array>
#include <set>

#include "engine/api/audit.h"
#include "engine/api/context.h"
#include "engine/api/json_writer.h"
#include "engine/api/names.h"
#include "engine/api/target.h"
#include "engine/runtime/audit.h"
#include "workers/protocol/text.h"
#include "workflows/children.h"
#include "workflows/load.h"

namespace saga::api {
namespace {

using runtime::Registry;

Problem problem_of_definition(const std::vector<workflows::Problem>& found) {
  std::vector<FieldError> errors;
  for (const workflows::Problem& problem : found) {
    FieldError error;
    error.detail = problem.message;
    error.line = problem.position.line;
    error.column = problem.position.column;
    errors.push_back(std::move(error));
  }
  Problem problem = does_not_fit(std::move(errors));
  problem.detail = workflows::format_problem(found.front());
  if (found.size() > 1) problem.detail += fmt::format(" (and {} more)", found.size() - 1);
  return problem;
}

Problem problem_of_refusal(const Registry::Refusal& refusal) {
  return refusal.problems.empty() ? problem_of(refusal.error) : problem_of_definition(refusal.problems);
}

/// Steps of services that nobody said the address of wait with `no_instance`: no error, but worth a word.
std::vector<std::string> warnings_about(const Context& context, const std::vector<Registry::Registered>& registered) {
  std::vector<std::string> warnings;
  std::set<std::string> told;
  for (const auto& entry : registered) {
    for (const auto& step : entry.workflow->steps) {
      if (step.service.empty() || context.dispatcher.has_instance(step.service)) continue;
      if (!told.insert(step.service).second) continue;
      warnings.push_back(fmt::format("workflow '{}', step '{}': service '{}' is not known here; its steps will wait",
                                     entry.workflow->name, step.name, step.service));
    }
  }
  return warnings;
}

/// Parents that name no version take the newest: one with a pivot may not stand where they run it.
std::vector<std::string> warnings_about_parents(const Context& context,
                                                const std::vector<Registry::Registered>& registered) {
  std::vector<std::string> warnings;
  for (const auto& child : registered) {
    const workflows::WorkflowRef newest = context.registry.newest(child.workflow->name);
    if (!child.is_new || (newest && newest->version > child.workflow->version)) continue;
    for (const Registry::Entry& parent : context.registry.list()) {
      for (std::size_t i = 0; i < parent.workflow->steps.size(); ++i) {
        const workflows::Step& step = parent.workflow->steps[i];
        if (step.child_workflow != child.workflow->name || step.child_version) continue;
        const auto reason = workflows::why_not_child(*parent.workflow, i, *child.workflow);
        if (!reason) continue;
        warnings.push_back(
            fmt::format("workflow '{}/{}', step '{}' runs '{}' without a version and cannot start from "
                        "now on: {}",
                        parent.workflow->name, parent.workflow->version, step.name, child.workflow->name, *reason));
      }
    }
  }
  return warnings;
}

void write_summary(JsonWriter& json, const workflows::Workflow& workflow) {
  json.key("name").text(workflow.name).key("version").integer(workflow.version);
  json.key("description").text_or_null(workflow.description);
}

void log_registered(const Context& context, const std::vector<Registry::Registered>& registered) {
  for (const auto& entry : registered) {
    if (!entry.is_new) continue;
    context.log.info("workflow_registered", {{"workflow", entry.workflow->name}, {"version", entry.workflow->version}});
  }
}

Response registered_response(const Context& context, const std::vector<Registry::Registered>& registered) {
  Response response;
  response.status = 200;
  JsonWriter json;
  json.begin_object().key("workflows").begin_array();
  for (const auto& entry : registered) {
    if (entry.is_new) response.status = 201;
    json.begin_object();
    write_summary(json, *entry.workflow);
    json.key("created").boolean(entry.is_new).end_object();
  }
  json.end_array().key("warnings").begin_array();
  for (const std::string& warning : warnings_about(context, registered)) json.text(warning);
  for (const std::string& warning : warnings_about_parents(context, registered)) json.text(warning);
  json.end_array().end_object();
  if (registered.size() == 1) {
    const workflows::Workflow& only = *registered.front().workflow;
    response.headers.emplace_back("Location", fmt::format("/v1/workflows/{}/{}", only.name, only.version));
  }
  response.body = json.take();
  return response;
}

/// `with=NAME/VERSION`, for a dry run: what would be registered before.
Checked<std::vector<Registry::Announced>> read_announced(const Query& query, bool dry_run) {
  std::vector<Registry::Announced> announced;
  for (const std::string& text : query.all("with")) {
    auto parsed = parse_workflow_name(text);
    if (!dry_run || !parsed || !parsed->version) {
      return tl::unexpected(does_not_fit_parameter(
          "with", dry_run ? fmt::format("expected NAME/VERSION, but it is {}", quote(text))
                          : std::string("is for a dry run only: what is not there must be registered before")));
    }
    announced.push_back({std::move(parsed->name), *parsed->version});
  }
  return announced;
}

struct Registration {
  bool dry_run = false;
  Checked<std::vector<Registry::Registered>> registered;
};

/// Registers what the body holds, with `audit` if anything is new; or only looks.
Registration read_and_register(const Context& context, const Exchange& exchange, store::AuditEntry audit) {
  static constexpr std::array<std::string_view, 3> kKeys{"dry_run", "file", "with"};
  const auto query = Query::parse(exchange.request.query, kKeys);
  if (!query) return {false, tl::unexpected(query.error())};
  const std::string dry_run = query->first("dry_run").value_or("false");
  if (dry_run != "true" && dry_run != "false") {
    return {false, tl::unexpected(does_not_fit_parameter(
                       "dry_run", fmt::format("expected true or false, but it is {}", quote(dry_run))))};
  }
  const bool looks = dry_run == "true";
  const auto announced = read_announced(*query, looks);
  if (!announced) return {looks, tl::unexpected(announced.error())};
  if (!workers::is_utf8(exchange.request.body)) return {looks, refuse(ProblemKind::kNotJson, "the body is not UTF-8")};
  const auto loaded = workflows::load_workflows(exchange.request.body, query->first("file").value_or("definition"));
  if (!loaded) return {looks, tl::unexpected(problem_of_definition(loaded.error()))};
  auto registered = looks ? context.registry.check(*loaded, *announced)
                          : context.registry.add(*loaded, context.clock.now(), std::move(audit));
  if (!registered) return {looks, tl::unexpected(problem_of_refusal(registered.error()))};
  return {looks, std::move(*registered)};
}

}  // namespace

void register_workflows(const Context& context, const ExchangeRef& exchange) {
  store::AuditEntry entry = audit_of(exchange->caller, "register", context.clock.now());
  entry.result = runtime::kAuditDone;
  const auto [dry_run, registered] = read_and_register(context, *exchange, entry);
  if (!registered) {
    if (dry_run || status_of(registered.error().kind) >= 500) return exchange->refuse(registered.error());
    entry.result = runtime::kAuditRefused;
    entry.detail = registered.error().detail;
    return audit_then_answer(context, std::move(entry), to_response(registered.error()), exchange->answer);
  }
  Response response = registered_response(context, *registered);
  if (dry_run) {
    response.status = 200;
    return exchange->answer(std::move(response));
  }
  log_registered(context, *registered);
  if (response.status == 201) return exchange->answer(std::move(response));
  entry.result = runtime::kAuditNothing;
  for (const auto& there : *registered)
    entry.detail +=
        fmt::format("{}{}/{}", entry.detail.empty() ? "" : ", ", there.workflow->name, there.workflow->version);
  audit_then_answer(context, std::move(entry), std::move(response), exchange->answer);
}

Checked<Response> list_workflows(const Context& context, const Exchange& exchange) {
  if (auto checked = expect_no_query(exchange.request); !checked) return tl::unexpected(std::move(checked.error()));
  Response response;
  JsonWriter json;
  json.begin_object().key("workflows").begin_array();
  for (const Registry::Entry& entry : context.registry.list()) {
    json.begin_object();
    write_summary(json, *entry.workflow);
    json.key("steps").integer(static_cast<std::int64_t>(entry.workflow->steps.size()));
    json.key("registered_at").time(entry.registered_at).end_object();
  }
  json.end_array().end_object();
  response.body = json.take();
  return response;
}

Checked<Response> get_workflow(const Context& context, const Exchange& exchange) {
  if (auto checked = expect_no_query(exchange.request); !checked) return tl::unexpected(std::move(checked.error()));
  const std::string& name = exchange.path[0];
  const auto entries = context.registry.versions(name);
  if (entries.empty()) return refuse(ProblemKind::kNotFound, fmt::format("no workflow is named {}", quote(name)));
  const Registry::Entry* shown = &entries.back();
  if (exchange.path.size() > 1) {
    const auto version = parse_version(exchange.path[1]);
    shown = nullptr;
    for (const Registry::Entry& entry : entries) {
      if (version && entry.workflow->version == *version) shown = &entry;
    }
    if (shown == nullptr) {
      return refuse(ProblemKind::kNotFound,
                    fmt::format("workflow '{}' has no version {}", name, quote(exchange.path[1])));
    }
  }
  Response response;
  JsonWriter json;
  json.begin_object();
  write_summary(json, *shown->workflow);
  json.key("registered_at").time(shown->registered_at);
  json.key("versions").begin_array();
  for (const Registry::Entry& entry : entries) json.integer(entry.workflow->version);
  json.end_array();
  json.key("source").text(shown->workflow->source);
  json.key("definition").json(shown->workflow->definition);
  json.end_object();
  response.body = json.take();
  return response;
}

}  // namespace saga::api
