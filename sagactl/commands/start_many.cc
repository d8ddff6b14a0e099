#include "sagactl/commands/start_many.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "sagactl/bulk/start_run.h"

namespace saga::ctl {
namespace {

/// How many starts there are; says what is wrong with a line, and which.
std::optional<std::int64_t> count_starts(Context& context, std::istream& in, const std::string& file,
                                         const StartTerms& terms) {
  StartLines lines(in, file, terms);
  std::int64_t starts = 0;
  while (true) {
    const auto line = lines.next();
    if (!line) {
      context.note(line.error().message);
      return std::nullopt;
    }
    if (!*line) return starts;
    ++starts;
  }
}

/// A name that is mistyped would have every line refused.
std::optional<ExitCode> refuse_unknown_workflow(Context& context, const std::string& workflow) {
  const auto slash = workflow.find('/');
  std::string path = "/v1/workflows/" + path_segment(workflow.substr(0, slash));
  if (slash != std::string::npos) path += "/" + path_segment(workflow.substr(slash + 1));
  const auto found = context.client.get(path);
  if (found) return std::nullopt;
  return context.report(found.error());
}

ExitCode run_lines(Context& context, std::istream& in, const std::string& name, const StartTerms& terms,
                   std::optional<std::int64_t> total) {
  if (const auto refused = refuse_unknown_workflow(context, terms.workflow)) return *refused;
  std::function<bool()> interrupted = [] { return false; };
  if (context.world.catch_interrupt) interrupted = context.world.catch_interrupt();
  StartLines lines(in, name, terms);
  StartRun run(context, lines, total);
  const ExitCode code = run.run(interrupted);
  if (context.format == Format::kIds || context.format == Format::kJsonl) {
    context.world.out.flush();
    context.note(run.summary());
  } else {
    context.print(run.counts(), run.summary() + "\n");
  }
  if (code == ExitCode::kInterrupted || code == ExitCode::kUnreachable) {
    context.note("the same command again goes on where this one stopped: what is started is not started again");
  }
  return code;
}

}  // namespace

ExitCode start_many(Context& context, const std::string& file, const StartTerms& terms) {
  if (file == "-") return run_lines(context, context.world.in, "stdin", terms, std::nullopt);
  std::error_code problem;
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file, problem)) {
    return context.usage(fmt::format("--inputs: cannot read {}: {}", file, std::strerror(errno != 0 ? errno : EISDIR)));
  }
  if (!std::filesystem::is_regular_file(file, problem)) return run_lines(context, in, file, terms, std::nullopt);
  const auto total = count_starts(context, in, file, terms);
  if (!total) return ExitCode::kUsage;
  in.clear();
  in.seekg(0);
  return run_lines(context, in, file, terms, total);
}

}  // namespace saga::ctl
