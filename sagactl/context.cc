#include "sagactl/context.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "sagactl/render/view.h"
#include "sagactl/render/yaml.h"

namespace saga::ctl {
namespace {

std::string pretty(const Json& value) { return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

std::string read_all(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

void Context::print(const Json& value, const std::string& table, const std::string& id) {
  switch (format) {
    case Format::kTable:
      world.out << table;
      break;
    case Format::kJson:
      world.out << pretty(value);
      break;
    case Format::kJsonl:
      world.out << dump_json(value) << '\n';
      break;
    case Format::kYaml:
      world.out << to_yaml(value);
      break;
    case Format::kIds:
      world.out << (id.empty() ? text(value, "id") : id) << '\n';
      break;
  }
  world.out.flush();
}

void Context::print_all(const Json& whole, const Json& items, const std::string& id_key, const std::string& table) {
  if (format != Format::kJsonl && format != Format::kIds) return print(whole, table);
  for (const Json& item : items) {
    world.out << (format == Format::kJsonl ? dump_json(item) : text(item, id_key)) << '\n';
  }
  world.out.flush();
}

void Context::note(const std::string& line) { world.err << line << '\n'; }

void Context::hint(const std::string& line) {
  if (world.err_is_terminal) note(line);
}

ExitCode Context::usage(const std::string& message) {
  note("sagactl: " + message);
  return ExitCode::kUsage;
}

ExitCode Context::report(const Failure& failure) {
  note("sagactl: " + printable(failure.message));
  const Json& errors = list(failure.problem, "errors");
  for (const Json& error : errors) {
    if (errors.size() == 1 && failure.message.find(text(error, "detail")) != std::string::npos) break;  // Said above.
    const std::string pointer = text(error, "pointer");
    const std::string detail = text(error, "detail");
    note("  " + printable(pointer.empty() ? detail : pointer + ": " + detail));
  }
  if (const Json& allowed = member(failure.problem, "allowed"); allowed.is_array()) {
    std::string verbs;
    for (const Json& verb : allowed) verbs += (verbs.empty() ? "" : ", ") + as_text(verb);
    note(verbs.empty() ? "  nothing is allowed any more" : "  allowed now: " + printable(verbs));
  }
  if (failure.status == 401) note("  --token-file FILE or SAGACTL_TOKEN says who you are");
  return exit_code_for(failure);
}

ExitCode exit_code_for(const Failure& failure) {
  if (failure.status == 404) return ExitCode::kNotFound;
  if (failure.may_pass()) return ExitCode::kUnreachable;
  if (failure.status == 400) return ExitCode::kUsage;
  return failure.status > 400 ? ExitCode::kRefused : ExitCode::kUnreachable;
}

std::string saga_path(const std::string& id, const std::string& below) {
  return "/v1/sagas/" + path_segment(id) + below;
}

Result<Json> read_json_argument(Surroundings& world, const std::string& option, const std::string& argument) {
  std::string source = argument;
  std::string name = option;
  if (argument == "-") {
    source = read_all(world.in);
    name += " (stdin)";
  } else if (!argument.empty() && argument.front() == '@') {
    auto content = read_file(argument.substr(1));
    if (!content) return fail(content.error().code, option + ": " + content.error().message);
    source = std::move(*content);
    name += " " + argument;
  }
  auto value = read_json(source);
  if (!value) return fail(ErrorCode::kInvalid, fmt::format("{} is not JSON: {}", name, value.error().message));
  return value;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content;
  if (file) content = read_all(file);
  if (!file || file.bad()) {
    return fail(ErrorCode::kNotFound, fmt::format("cannot read {}: {}", path, std::strerror(errno != 0 ? errno : EIO)));
  }
  return content;
}

}  // namespace saga::ctl
