#include "sagactl/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "sagactl/commands/commands.h"
#include "sagactl/commands/many.h"
#include "sagactl/profile.h"
#include "sagactl/suggest.h"
#include "workflows/definition/suggest.h"

namespace saga::ctl {
namespace {

constexpr const char* kDefaultServer = "http://127.0.0.1:7070";
constexpr const char* kVersion = "0.1.0";

/// What every command takes.
struct Common {
  std::string server;
  std::string token_file;
  std::string ca_file;
  std::string profile;
  std::string format;
};

void add_common(CLI::App& app, Common& common) {
  app.add_option("--server", common.server,
                 fmt::format("where sagad is; else SAGACTL_SERVER, else {}", kDefaultServer));
  app.add_option("--token-file", common.token_file, "a file with the token; else SAGACTL_TOKEN");
  app.add_option("--ca-file", common.ca_file,
                 "PEM file of the authorities to trust for https; else SAGACTL_CA_FILE, else the system's");
  app.add_option("--profile", common.profile, "a named set of these options, from ~/.config/sagactl/config.yaml");
  app.add_option("-o", common.format, "table (the default), json, jsonl, yaml or ids")
      ->check(CLI::IsMember({"table", "json", "jsonl", "yaml", "ids"}));
}

Format format_named(const std::string& name) {
  if (name == "json") return Format::kJson;
  if (name == "jsonl") return Format::kJsonl;
  if (name == "yaml") return Format::kYaml;
  return name == "ids" ? Format::kIds : Format::kTable;
}

Result<std::string> token_of(const Common& common, const Surroundings& world) {
  if (common.token_file.empty()) return world.environment("SAGACTL_TOKEN").value_or("");
  auto token = read_file(common.token_file);
  if (!token) return fail(token.error().code, "--token-file: " + token.error().message);
  token->erase(token->find_last_not_of(" \t\r\n") + 1);
  if (token->empty())
    return fail(ErrorCode::kInvalid, fmt::format("--token-file: {} holds no token", common.token_file));
  return token;
}

/// What the command line says, and where it says nothing the profile that it names.
Result<Common> with_profile(Common common, const Surroundings& world) {
  if (common.profile.empty()) return common;
  auto profile = read_profile(common.profile, world.environment);
  if (!profile) return tl::unexpected<Error>(profile.error());
  const auto fill = [](std::string& option, std::string& said) {
    if (option.empty()) option = std::move(said);
  };
  fill(common.server, profile->server);
  fill(common.token_file, profile->token_file);
  fill(common.ca_file, profile->ca_file);
  fill(common.format, profile->output);
  return common;
}

Result<Context> context_of(const Common& given, Surroundings& world) {
  const auto filled = with_profile(given, world);
  if (!filled) return tl::unexpected<Error>(filled.error());
  const Common& common = *filled;
  auto token = token_of(common, world);
  if (!token) return tl::unexpected<Error>(token.error());
  std::string server = common.server;
  if (server.empty()) server = world.environment("SAGACTL_SERVER").value_or("");
  if (server.empty()) server = kDefaultServer;
  std::string actor = world.environment("SAGACTL_ACTOR").value_or("");
  if (actor.empty()) actor = world.user_at_host;
  std::string ca_file = common.ca_file;
  if (ca_file.empty()) ca_file = world.environment("SAGACTL_CA_FILE").value_or("");
  if (!ca_file.empty()) {
    if (const auto readable = read_file(ca_file); !readable)
      return fail(readable.error().code, "--ca-file: " + readable.error().message);
  }
  auto client = Client::open({server, std::move(*token), std::move(actor), std::move(ca_file)});
  if (!client) return tl::unexpected<Error>(client.error());

  const bool no_colour =
      !world.environment("NO_COLOR").value_or("").empty() || world.environment("TERM").value_or("") == "dumb";
  Context context{world,
                  format_named(common.format),
                  {world.out_is_terminal, world.out_is_terminal && !no_colour, world.width},
                  std::move(*client),
                  "sagactl"};
  // What was given by option has to be in a command that is to work when it is pasted.
  if (!given.profile.empty()) context.program += " --profile " + shell_quote(given.profile);
  if (!given.server.empty()) context.program += " --server " + shell_quote(given.server);
  if (!given.token_file.empty()) context.program += " --token-file " + shell_quote(given.token_file);
  if (!given.ca_file.empty()) context.program += " --ca-file " + shell_quote(given.ca_file);
  return context;
}

// Mistakes.

std::vector<std::string> names_of_subcommands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands(nullptr)) names.push_back(sub->get_name());
  return names;
}

std::string_view nearest_of(const std::vector<std::string>& known, std::string_view word) {
  const std::vector<std::string_view> words(known.begin(), known.end());
  return workflows::nearest(word, words);
}

/// The first word that is neither an option nor an option's value; its place, or none.
std::optional<std::size_t> first_word(const CLI::App& app, const std::vector<std::string>& arguments,
                                      std::size_t from) {
  for (std::size_t i = from; i < arguments.size(); ++i) {
    if (arguments[i].empty() || arguments[i].front() != '-') return i;
    const CLI::Option* option = app.get_option_no_throw(arguments[i]);
    if (option != nullptr && option->get_items_expected_max() > 0) ++i;
  }
  return std::nullopt;
}

/// "there is no command 'describe': did you mean 'inspect'?", when that is what is wrong.
std::optional<std::string> unknown_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  std::string path;
  std::size_t from = 0;
  while (!at->get_subcommands(nullptr).empty()) {
    const auto place = first_word(*at, arguments, from);
    const std::vector<std::string> known = names_of_subcommands(*at);
    if (!place) return std::nullopt;
    const std::string& word = arguments[*place];
    const auto match = std::find(known.begin(), known.end(), word);
    if (match == known.end()) {
      std::string_view meant = path.empty() ? habitual(word) : std::string_view();
      if (meant.empty()) meant = nearest_of(known, word);
      std::string message = fmt::format("there is no command '{}{}'", path, printable(word));
      if (!meant.empty()) return message + fmt::format(": did you mean '{}{}'?", path, meant);
      std::string all;
      for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
      return message + ": there are " + all;
    }
    path += word + " ";
    at = at->get_subcommand(word);
    from = *place + 1;
  }
  return std::nullopt;
}

/// "'cancel' has no option --raeson: did you mean --reason?", when that is what is wrong.
std::optional<std::string> unknown_option(const CLI::App& command, const std::vector<std::string>& arguments) {
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (const std::string& argument : arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    if (name.rfind("--", 0) != 0 || name == "--") continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string_view meant = nearest_of(known, name);
    if (!meant.empty())
      return fmt::format("'{}' has no option {}: did you mean {}?", command.get_name(), printable(name), meant);
  }
  return std::nullopt;
}

ExitCode explain(const CLI::App& app, const std::vector<std::string>& arguments, const CLI::ParseError& error,
                 Surroundings& world) {
  if (const auto message = unknown_command(app, arguments)) {
    world.err << "sagactl: " << *message << '\n';
    return ExitCode::kUsage;
  }
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  std::string message = error.what();
  std::replace(message.begin(), message.end(), '\n', ' ');
  if (const auto slip = unknown_option(*at, arguments)) message = *slip;
  std::string command;
  for (const CLI::App* up = at; up != nullptr; up = up->get_parent())
    command = up->get_name() + (command.empty() ? "" : " ") + command;
  world.err << "sagactl: " << printable(message) << '\n' << "  " << command << " --help says more\n";
  return ExitCode::kUsage;
}

}  // namespace

void add_id(CLI::App& command, std::string& id) {
  command.add_option("ID", id, "the saga's id")->required()->check(complaint_about_id);
}

Result<std::optional<Millis>> read_duration(const std::string& option, const std::string& given) {
  if (given.empty()) return std::optional<Millis>();
  const auto duration = parse_duration(given);
  if (!duration) return fail(ErrorCode::kInvalid, option + ": " + duration.error().message);
  return std::optional<Millis>(*duration);
}

Result<std::string> read_moment(const std::string& option, const std::string& given, Timestamp now) {
  if (const auto at = parse_time(given)) return format_time(*at);
  if (const auto back = parse_duration(given)) return format_time(now - *back);
  return fail(
      ErrorCode::kInvalid,
      fmt::format("{} {}: expected a duration such as 2h, or a time such as 2026-12-24T18:00:00Z", option, given));
}

int run(const std::vector<std::string>& arguments, Surroundings& world) {
  CLI::App app("sagactl: start, understand and mend sagas", "sagactl");
  app.set_version_flag("--version", fmt::format("sagactl {}", kVersion));
  app.set_help_flag("-h,--help", "what there is");
  app.require_subcommand(1);
  app.footer(
      "Exit: 0 done, 1 ended otherwise or suspended, 2 usage, 3 not found, 4 refused, 5 not reachable, 6 still going "
      "at --timeout");

  Common common;
  add_common(app, common);
  Action chosen;
  Registrar registrar{app, chosen, [&common](CLI::App& parent, const char* name, const char* description) {
                        CLI::App* command = parent.add_subcommand(name, description);
                        command->set_help_flag("-h,--help", "what there is");
                        add_common(*command, common);
                        return command;
                      }};
  for (const auto& add : {add_start, add_list, add_inspect, add_events, add_wait, add_verbs, add_signal, add_workflow,
                          add_audit, add_purge, add_server, add_completion}) {
    add(registrar);
  }

  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them from the back.
  } catch (const CLI::Success& asked_for_help) {
    app.exit(asked_for_help, world.out, world.err);
    return 0;
  } catch (const CLI::ParseError& error) {
    return static_cast<int>(explain(app, arguments, error, world));
  }

  auto context = context_of(common, world);
  if (!context) {
    world.err << "sagactl: " << context.error().message << '\n';
    return static_cast<int>(ExitCode::kUsage);
  }
  return static_cast<int>(chosen(*context));
}

}  // namespace saga::ctl
