#include "sagactl/suggest.h"

#include <algorithm>
#include <array>
#include <utility>

namespace saga::ctl {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 45> kHabits{{
    {"describe", "inspect"},
    {"get", "inspect"},
    {"status", "inspect"},
    {"info", "inspect"},
    {"history", "events"},
    {"log", "events"},
    {"logs", "events"},
    {"tail", "events --follow"},
    {"watch", "events --follow"},
    {"pause", "suspend"},
    {"stop", "cancel"},
    {"hold", "suspend"},
    {"ps", "list"},
    {"ls", "list"},
    {"top", "stats"},
    {"run", "start"},
    {"execute", "start"},
    {"create", "start"},
    {"undo", "cancel"},
    {"abort", "cancel"},
    {"rollback", "cancel"},
    {"compensate", "cancel"},
    {"kill", "terminate"},
    {"delete", "terminate"},
    {"unpause", "resume"},
    {"continue", "resume"},
    {"again", "retry"},
    {"rerun", "retry"},
    {"apply", "workflow apply"},
    {"validate", "workflow validate"},
    {"ping", "health"},
    {"show", "inspect"},
    {"send", "signal"},
    {"notify", "signal"},
    {"approve", "signal"},
    {"submit", "start"},
    {"trigger", "start"},
    {"import", "start"},
    {"register", "workflow apply"},
    {"deploy", "workflow apply"},
    {"lint", "workflow validate"},
    {"workflows", "workflow list"},
    {"services", "service list"},
    {"sagas", "list"},
    {"doctor", "health"},
}};

}  // namespace

std::string_view habitual(std::string_view command) {
  const auto at =
      std::find_if(kHabits.begin(), kHabits.end(), [&](const auto& habit) { return habit.first == command; });
  return at == kHabits.end() ? std::string_view() : at->second;
}

}  // namespace saga::ctl
