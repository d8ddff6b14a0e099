// completion: the words a shell can offer, made from the command line itself so that they are never out of date.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

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

std::string bash_script(const CLI::App& app) {
  std::string cases;
  add_cases(app, "", cases);
  return "# sagactl completion for bash: source <(sagactl completion bash)\n"
         "_sagactl() {\n"
         "  local word path='' words='' value=''\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    if [ -n \"$value\" ]; then value=''; continue; fi\n"
         "    case \"$path $word\" in\n"
         "      *' -o'|*' --server'|*' --token-file'|*' --ca-file') value=follows ;;\n"
         "      *' -'*) ;;\n"
         "      ' workflow'|' service') path=$word ;;\n"
         "      'workflow '*|'service '*) path=\"${path%% *} $word\" ;;\n"
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

}  // namespace

void add_completion(Registrar& registrar) {
  CLI::App* command = registrar.add(registrar.app, "completion", "A script that completes commands in your shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  command->callback([shell, &app = registrar.app, &chosen = registrar.chosen] {
    const std::string script = *shell == "zsh" ? zsh_script(app) : bash_script(app);
    chosen = [script](Context& context) {
      context.world.out << script << std::flush;
      return ExitCode::kDone;
    };
  });
}

}  // namespace saga::ctl
