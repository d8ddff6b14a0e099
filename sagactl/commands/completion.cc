// completion: the words a shell can offer, made from the command line itself so that they are never out of date.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <set>

#include "sagactl/commands/commands.h"

namespace saga::ctl {
namespace {

/// Subcommands and long options of `command`.
std::string words(const CLI::App& command) {
  std::string out;
  for (const CLI::App* sub : command.get_subcommands(nullptr)) out += sub->get_name() + " ";
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) out += "--" + name + " ";
  }
  if (!out.empty()) out.pop_back();
  return out;
}

/// Cases of the form `path) words`, for `command` and all below it.
void add_cases(const CLI::App& command, const std::string& path, std::string& out) {
  out += fmt::format("    '{}') words='{}' ;;\n", path, words(command));
  for (const CLI::App* sub : command.get_subcommands(nullptr)) {
    add_cases(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), out);
  }
}

void collect_value_options(const CLI::App& command, std::set<std::string>& names) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_items_expected_max() == 0) continue;
    for (const std::string& name : option->get_lnames()) names.insert("--" + name);
    for (const std::string& name : option->get_snames()) names.insert("-" + name);
  }
  for (const CLI::App* sub : command.get_subcommands(nullptr)) collect_value_options(*sub, names);
}

/// `before NAME after`, one for each, with bars between.
template <typename Names>
std::string alternatives(const Names& names, const std::string& before, const std::string& after) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : "|") + before + name + after;
  return out;
}

/// Commands that have commands below them.
std::vector<std::string> families(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands(nullptr)) {
    if (!sub->get_subcommands(nullptr).empty()) names.push_back(sub->get_name());
  }
  return names;
}

std::string bash_script(const CLI::App& app) {
  std::string cases;
  add_cases(app, "", cases);
  std::set<std::string> takes_value;
  collect_value_options(app, takes_value);
  return "# sagactl completion for bash: source <(sagactl completion bash)\n"
         "_sagactl() {\n"
         "  local word path='' words='' value=''\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    if [ -n \"$value\" ]; then value=''; continue; fi\n"
         "    case \"$path $word\" in\n"
         "      " +
         alternatives(takes_value, "*' ", "'") +
         ") value=follows ;;\n"
         "      *' -'*) ;;\n"
         "      " +
         alternatives(families(app), "' ", "'") +
         ") path=$word ;;\n"
         "      " +
         alternatives(families(app), "'", " '*") +
         ") path=\"${path%% *} $word\" ;;\n"
         "      *) [ -n \"$path\" ] || path=$word ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$path\" in\n" +
         cases +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "}\n"
         "complete -o default -F _sagactl sagactl\n";
}

std::string zsh_script(const CLI::App& app) {
  return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(app);
}

/// `text` between fish's single quotes.
std::string fish_quote(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

/// What fish offers after the words of `path`: the commands below `command` and its options.
void add_fish_lines(const CLI::App& command, const std::string& path, std::string& out) {
  const std::string here = "complete -c sagactl -n " + fish_quote("test (__sagactl_path) = " + fish_quote(path));
  for (const CLI::App* sub : command.get_subcommands(nullptr)) {
    out += fmt::format("{} -a {} -d {}\n", here, sub->get_name(), fish_quote(sub->get_description()));
  }
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_lnames().empty() && option->get_snames().empty()) continue;
    out += here;
    for (const std::string& name : option->get_lnames()) out += " -l " + name;
    for (const std::string& name : option->get_snames()) out += " -s " + name;
    if (option->get_items_expected_max() > 0) out += " -r -F";  // Its value may be a file.
    out += " -d " + fish_quote(option->get_description()) + "\n";
  }
  for (const CLI::App* sub : command.get_subcommands(nullptr)) {
    add_fish_lines(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), out);
  }
}

std::string fish_script(const CLI::App& app) {
  std::set<std::string> takes_value;
  collect_value_options(app, takes_value);
  std::string out =
      "# sagactl completion for fish: sagactl completion fish | source\n"
      "function __sagactl_path\n"
      "  set -l path\n"
      "  set -l value\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    if test -n \"$value\"\n"
      "      set value\n"
      "      continue\n"
      "    end\n"
      "    switch $word\n"
      "      case ";
  for (const std::string& name : takes_value) out += name + " ";
  out +=
      "\n        set value follows\n"
      "      case '-*'\n"
      "      case '*'\n"
      "        if test (count $path) -eq 0; or begin; test (count $path) -eq 1; and contains $path[1]";
  for (const std::string& family : families(app)) out += " " + family;
  out +=
      "; end\n"
      "          set -a path $word\n"
      "        end\n"
      "    end\n"
      "  end\n"
      "  echo \"$path\"\n"
      "end\n";
  add_fish_lines(app, "", out);
  return out;
}

}  // namespace

void add_completion(Registrar& registrar) {
  CLI::App* command = registrar.add(registrar.app, "completion", "A script that completes commands in your shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &app = registrar.app, &chosen = registrar.chosen] {
    const std::string script = *shell == "zsh"    ? zsh_script(app)
                               : *shell == "fish" ? fish_script(app)
                                                  : bash_script(app);
    chosen = [script](Context& context) {
      context.world.out << script << std::flush;
      return ExitCode::kDone;
    };
  });
}

}  // namespace saga::ctl
