// workflow apply, list, show, validate: definitions. What a file says is checked here first, so that a mistake is shown
// with its place in the file; `validate` needs no server at all.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "sagactl/commands/commands.h"
#include "sagactl/render/definition.h"
#include "sagactl/render/lists.h"
#include "sagactl/render/view.h"
#include "sagactl/render/yaml.h"
#include "workflows/children.h"
#include "workflows/definition/definition_schema.h"
#include "workflows/load.h"

namespace saga::ctl {
namespace {

/// All workflows of `paths`; says what is wrong on stderr.
std::optional<std::vector<workflows::WorkflowRef>> load(Context& context, const std::vector<std::string>& paths) {
  auto loaded = workflows::load_workflow_files(paths);
  if (loaded) return std::move(*loaded);
  for (const workflows::Problem& problem : loaded.error()) context.note(workflows::format_problem(problem));
  return std::nullopt;
}

ExitCode validate(Context& context, const std::vector<std::string>& paths) {
  const auto found = load(context, paths);
  if (!found) return ExitCode::kRefused;
  const workflows::OfflineCheck children = workflows::check_children_offline(*found);
  for (const auto& problem : children.warnings) context.note(workflows::format_problem(problem, "warning"));
  for (const auto& problem : children.errors) context.note(workflows::format_problem(problem));
  if (!children.errors.empty()) return ExitCode::kRefused;
  Json items = Json::array();
  std::string table;
  for (const auto& workflow : *found) {
    const auto steps = static_cast<std::int64_t>(workflow->steps.size());
    items.push_back({{"name", workflow->name}, {"version", workflow->version}, {"steps", steps}});
    table += fmt::format("{}/{}  valid, {}\n", workflow->name, workflow->version, counted(steps, "step"));
  }
  if (found->empty()) context.note("sagactl: no workflow in there");
  context.print_all({{"workflows", items}}, items, "name", table);
  return ExitCode::kDone;
}

/// The files that `paths` stand for: a folder's *.yaml, *.yml and *.json, in the order of names.
std::vector<std::string> files_in(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code problem;
    if (!std::filesystem::is_directory(path, problem)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::string> inside;
    for (const auto& entry : std::filesystem::directory_iterator(path, problem)) {
      if (entry.path().filename().string().starts_with('.')) continue;  // An editor's, and not checked by `load`.
      const auto extension = entry.path().extension();
      if (extension == ".yaml" || extension == ".yml" || extension == ".json") inside.push_back(entry.path().string());
    }
    std::sort(inside.begin(), inside.end());
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

/// Those of `workflows` that the workflows of `file` run as child sagas.
std::vector<workflows::WorkflowRef> children_of(const std::string& file,
                                                const std::vector<workflows::WorkflowRef>& workflows) {
  std::vector<workflows::WorkflowRef> children;
  for (const auto& parent : workflows) {
    if (parent->file != file) continue;
    for (const auto& step : parent->steps) {
      for (const auto& child : workflows) {
        const bool is_version = !step.child_version || *step.child_version == child->version;
        if (step.child_workflow == child->name && is_version) children.push_back(child);
      }
    }
  }
  return children;
}

/// `files` in their order, but for those that another one's child sagas are in: these come before it.
class ChildrenFirst {
 public:
  ChildrenFirst(const std::vector<std::string>& files, const std::vector<workflows::WorkflowRef>& workflows)
      : workflows_(workflows) {
    for (const std::string& file : files) visit(file);
  }

  std::vector<std::string> take() { return std::move(ordered_); }

 private:
  void visit(const std::string& file) {
    if (!visited_.insert(file).second) return;
    for (const auto& child : children_of(file, workflows_)) visit(child->file);
    ordered_.push_back(file);
  }

  const std::vector<workflows::WorkflowRef>& workflows_;
  std::set<std::string> visited_;
  std::vector<std::string> ordered_;
};

/// Says where a definition does not fit, as far as the server names places; false when it names none.
bool note_places(Context& context, const std::string& file, const Failure& failure) {
  bool any = false;
  for (const Json& error : list(failure.problem, "errors")) {
    const auto at = integer(error, "line");
    if (!at) continue;
    any = true;
    context.note(fmt::format("{}:{}:{}: error: {}", file, *at, integer(error, "column").value_or(1),
                             printable(text(error, "detail"))));
  }
  return any;
}

/// The workflows of other files that those of `file` run, as NAME/VERSION.
std::set<std::string> children_elsewhere(const std::string& file,
                                         const std::vector<workflows::WorkflowRef>& workflows) {
  std::set<std::string> names;
  for (const auto& child : children_of(file, workflows)) {
    if (child->file != file) names.insert(fmt::format("{}/{}", child->name, child->version));
  }
  return names;
}

/// Registers one file, adding what is registered by it to `items`. `before`: what comes with the other files, for a dry
/// run.
ExitCode apply_file(Context& context, const std::string& file, bool dry_run, const std::set<std::string>& before,
                    Json& items) {
  const auto content = read_file(file);
  if (!content) return context.usage(content.error().message);
  const bool json = std::filesystem::path(file).extension() == ".json";
  Query query{{"file", file}};
  if (dry_run) {
    query.emplace_back("dry_run", "true");
    for (const std::string& workflow : before) query.emplace_back("with", workflow);
  }
  const auto reply =
      context.client.post_text("/v1/workflows", *content, json ? "application/json" : "application/yaml", query);
  if (!reply) {
    const bool explained = note_places(context, file, reply.error());
    context.note(fmt::format("sagactl: {} {} registered", file, dry_run ? "would not be" : "was not"));
    return explained ? exit_code_for(reply.error()) : context.report(reply.error());
  }
  for (const Json& warning : list(reply->body, "warnings")) {
    context.note(fmt::format("{}: warning: {}", file, printable(as_text(warning))));
  }
  for (const Json& workflow : list(reply->body, "workflows")) {
    items.push_back(workflow);
    if (context.format != Format::kTable) continue;
    const char* registered = dry_run ? "would be registered" : "registered";
    context.world.out << printable(fmt::format("{}/{}  {}", text(workflow, "name"), text(workflow, "version"),
                                               flag(workflow, "created") ? registered : "is there already, unchanged"))
                      << std::endl;
  }
  return ExitCode::kDone;
}

ExitCode apply(Context& context, const std::vector<std::string>& paths, bool dry_run) {
  // All files at once first: nothing of a set with a mistake in it is sent.
  const auto loaded = load(context, paths);
  if (!loaded) return ExitCode::kRefused;
  Json items = Json::array();
  ExitCode code = ExitCode::kDone;
  for (const std::string& file : ChildrenFirst(files_in(paths), *loaded).take()) {
    code = apply_file(context, file, dry_run, children_elsewhere(file, *loaded), items);
    if (code != ExitCode::kDone) break;
  }
  if (context.format != Format::kTable) context.print_all({{"workflows", items}}, items, "name", "");
  return code;
}

ExitCode list_workflows(Context& context) {
  const auto reply = context.client.get("/v1/workflows");
  if (!reply) return context.report(reply.error());
  const Json& all = list(reply->body, "workflows");
  context.print_all(reply->body, all, "name", render_workflows(all, context.page));
  return ExitCode::kDone;
}

ExitCode show(Context& context, const std::string& which) {
  const auto slash = which.find('/');
  std::string path = "/v1/workflows/" + path_segment(which.substr(0, slash));
  if (slash != std::string::npos) path += "/" + path_segment(which.substr(slash + 1));
  const auto workflow = context.client.get(path);
  if (!workflow) return context.report(workflow.error());
  std::string source = text(workflow->body, "source");  // As it was written, comments included.
  if (source.empty()) source = to_yaml(definition_in(workflow->body));
  if (source.back() != '\n') source += '\n';
  context.print(workflow->body, source, text(workflow->body, "name"));
  return ExitCode::kDone;
}

ExitCode schema(Context& context) {
  context.world.out << workflows::definition_schema() << std::flush;
  return ExitCode::kDone;
}

}  // namespace

void add_workflow(Registrar& registrar) {
  CLI::App* family = registrar.add(registrar.app, "workflow", "Definitions: apply, list, show, validate, schema");
  family->require_subcommand(1);
  struct Options {
    std::vector<std::string> paths;
    bool dry_run = false;
    std::string name;
  };
  auto options = std::make_shared<Options>();

  CLI::App* applies = registrar.add(*family, "apply", "Register definitions");
  applies->add_option("FILE", options->paths, "files, or folders of *.yaml, *.yml and *.json")->required();
  applies->add_flag("--dry-run", options->dry_run, "only say what would be registered");
  applies->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) { return apply(context, options->paths, options->dry_run); };
  });

  CLI::App* lists = registrar.add(*family, "list", "What is registered");
  lists->callback([&chosen = registrar.chosen] { chosen = list_workflows; });

  CLI::App* shows = registrar.add(*family, "show", "A definition as it was registered");
  shows->add_option("NAME", options->name, "NAME or NAME/VERSION; without a version the newest")->required();
  shows->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) { return show(context, options->name); };
  });

  CLI::App* schemas = registrar.add(*family, "schema", "The JSON Schema of definitions, for editors; needs no server");
  schemas->callback([&chosen = registrar.chosen] { chosen = schema; });

  CLI::App* validates = registrar.add(*family, "validate", "Check definitions, without a server");
  validates->add_option("FILE", options->paths, "files, or folders of *.yaml, *.yml and *.json")->required();
  validates->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) { return validate(context, options->paths); };
  });
}

}  // namespace saga::ctl
