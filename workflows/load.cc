#include "workflows/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "workflows/definition/build.h"
#include "workflows/document/documents.h"
#include "workflows/document/problems.h"

namespace saga::workflows {
namespace {

namespace fs = std::filesystem;

/// What several files come to: each workflow once, and everything that is wrong.
class Loading {
 public:
  void add_text(std::string_view text, const std::string& file) {
    Problems problems(file);
    for (const Document& document : read_documents(text, problems)) {
      if (WorkflowRef workflow = build_workflow(document, problems))
        add_workflow(std::move(workflow), document, problems);
    }
    take_problems(problems);
  }

  void add_problem(const std::string& file, std::string message) { found_.push_back({file, {}, std::move(message)}); }

  Loaded<std::vector<WorkflowRef>> finish() {
    if (found_.empty()) return std::move(workflows_);
    return tl::unexpected<std::vector<Problem>>(std::move(found_));
  }

 private:
  struct Place {
    WorkflowRef workflow;
    std::string file;
    std::size_t line = 1;
  };

  void add_workflow(WorkflowRef workflow, const Document& document, Problems& problems) {
    const TextPosition version_at = document.root.find("version")->position;
    const auto [known, is_new] =
        places_.try_emplace({workflow->name, workflow->version}, Place{workflow, problems.file(), version_at.line});
    if (is_new) {
      workflows_.push_back(std::move(workflow));
      return;
    }
    const Place& first = known->second;
    if (first.workflow->definition == workflow->definition) return;
    problems.add(version_at,
                 fmt::format("{}/{} is there already with other content ({}:{}): a change needs a new version",
                             workflow->name, workflow->version, first.file, first.line));
  }

  void take_problems(Problems& problems) {
    for (Problem& problem : problems.take()) found_.push_back(std::move(problem));
  }

  std::vector<WorkflowRef> workflows_;
  std::map<std::pair<std::string, std::int64_t>, Place> places_;
  std::vector<Problem> found_;
};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// Up to one byte more than a file of definitions may have: what is larger is refused without being read.
Result<std::string> read_file(const std::string& path) {
  const auto failed = [] {
    return fail(ErrorCode::kUnavailable, fmt::format("cannot be read: {}", std::strerror(errno)));
  };
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return failed();
  std::string text(kMaxDefinitionBytes + 1, '\0');
  const std::size_t size = std::fread(text.data(), 1, text.size(), file.get());
  if (std::ferror(file.get()) != 0) return failed();
  text.resize(size);
  return text;
}

bool is_definition_file(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  if (name.starts_with('.')) return false;  // Editors leave such beside the file that is being edited.
  const std::string extension = entry.path().extension().string();
  if (extension != ".yaml" && extension != ".yml" && extension != ".json") return false;
  std::error_code error;
  return !entry.is_directory(error);
}

/// The files `path` stands for: itself, or the definitions in it.
Result<std::vector<std::string>> files_of(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::vector{path};
  std::vector<std::string> files;
  fs::directory_iterator entries(path, error);
  while (!error && entries != fs::directory_iterator()) {
    if (is_definition_file(*entries)) files.push_back(entries->path().string());
    entries.increment(error);
  }
  if (error) return fail(ErrorCode::kUnavailable, fmt::format("cannot be read: {}", error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::string format_problem(const Problem& problem, std::string_view severity) {
  return fmt::format("{}:{}:{}: {}: {}", problem.file, problem.position.line, problem.position.column, severity,
                     problem.message);
}

Loaded<std::vector<WorkflowRef>> load_workflows(std::string_view text, const std::string& file) {
  Loading loading;
  loading.add_text(text, file);
  return loading.finish();
}

Loaded<std::vector<WorkflowRef>> load_workflow_files(const std::vector<std::string>& paths) {
  Loading loading;
  for (const std::string& path : paths) {
    const auto files = files_of(path);
    if (!files) {
      loading.add_problem(path, files.error().message);
      continue;
    }
    for (const std::string& file : *files) {
      const auto text = read_file(file);
      if (text) {
        loading.add_text(*text, file);
      } else {
        loading.add_problem(file, text.error().message);
      }
    }
  }
  return loading.finish();
}

}  // namespace saga::workflows
