#include "sagactl/commands/many.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "sagactl/bulk/verb_run.h"
#include "sagactl/render/lists.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

struct VerbWords {
  std::string_view verb;
  std::string_view done;
  std::string_view statuses;  ///< Of the sagas that it is for.
};

constexpr std::array<VerbWords, 6> kWords{{
    {"cancel", "cancelled", "pending,running,suspended"},
    {"suspend", "suspended", "pending,running,compensating"},
    {"resume", "resumed", "suspended"},
    {"retry", "retried", "running,compensating,suspended,failed"},
    {"skip", "skipped", "suspended,failed"},
    {"terminate", "terminated", "pending,running,compensating,suspended,failed"},
}};

const VerbWords& words_of(const std::string& verb) {
  const auto at = std::find_if(kWords.begin(), kWords.end(), [&](const VerbWords& w) { return w.verb == verb; });
  return at == kWords.end() ? kWords.front() : *at;
}

template <typename T>
using Gathered = tl::expected<T, ExitCode>;

/// One id a line; blank lines and repetitions are passed over. Says what is wrong and where.
Gathered<std::vector<std::string>> read_ids(Context& context) {
  std::vector<std::string> ids;
  std::unordered_set<std::string> seen;
  std::string line;
  for (std::int64_t number = 1; std::getline(context.world.in, line); ++number) {
    const auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos) continue;
    std::string id = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
    if (const std::string complaint = complaint_about_id(id); !complaint.empty()) {
      return tl::unexpected(context.usage(fmt::format("stdin:{}: {}", number, printable(complaint))));
    }
    if (seen.insert(id).second) ids.push_back(std::move(id));
  }
  return ids;
}

/// What the filter lists now, oldest first; only the ids are kept.
Gathered<std::vector<std::string>> list_ids(Context& context, const std::string& verb, const Query& filter) {
  std::vector<std::string> ids;
  std::string cursor;
  Progress progress(context.world, std::nullopt);
  do {
    Query query = filter;
    query.emplace_back("limit", "500");
    if (!cursor.empty()) query.emplace_back("cursor", cursor);
    const auto reply = context.client.get("/v1/sagas", query);
    if (!reply) {
      progress.clear();
      return tl::unexpected(context.report(reply.error()));
    }
    for (const Json& saga : list(reply->body, "sagas")) {
      const Json& allowed = member(saga, "allowed");
      // A running saga that waits for nothing has nothing to be retried.
      const bool is_stuck = !allowed.is_array() || std::find(allowed.begin(), allowed.end(), verb) != allowed.end();
      if (verb != "retry" || is_stuck) ids.push_back(text(saga, "id"));
    }
    cursor = text(reply->body, "next_cursor");
    progress.show(static_cast<std::int64_t>(ids.size()), "sagas found");
  } while (!cursor.empty());
  std::reverse(ids.begin(), ids.end());
  return ids;
}

/// What they are stuck at; "" where nothing is, or the server does not say.
std::string stuck_at(Context& context, const Query& filter) {
  const auto stats = context.client.get("/v1/stats", filter);
  if (!stats) return "";
  std::string groups = render_attention(member(stats->body, "attention"));
  if (!groups.empty()) groups.pop_back();
  return groups;
}

std::string sagas(std::size_t count) { return counted(static_cast<std::int64_t>(count), "saga"); }

/// Asks the person at the terminal.
bool agree(Context& context, const std::string& verb, std::size_t count, bool everything) {
  std::string answer;
  if (everything) {
    context.world.err << fmt::format(
                             "There is no filter: this is to {} every saga there is, {}.\n"
                             "Type their number to go on: ",
                             verb, sagas(count))
                      << std::flush;
    std::getline(context.world.in, answer);
    return answer == std::to_string(count);
  }
  context.world.err << fmt::format("{} {}? [y/N] ", verb, sagas(count)) << std::flush;
  std::getline(context.world.in, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

/// Why nobody could be asked, and so nothing may be done; empty when it may.
std::string objection(const Context& context, const ManyOptions& options) {
  const bool everything = options.all && options.filter.is_empty();
  const bool can_ask = context.world.in_is_terminal && context.world.err_is_terminal && !options.from_stdin();
  if (options.dry_run || can_ask) return "";
  if (everything) {
    return "--all without a filter is every saga there is, which only a person at a terminal can want: say which "
           "(--status, --workflow, --needs-attention, …)";
  }
  if (options.yes || !(options.all || options.from_stdin())) return "";
  return options.from_stdin() ? "the ids come from stdin, so that nobody can be asked: --yes goes on without"
                              : "there is no terminal to ask at: --yes goes on without, --dry-run shows what would be";
}

ExitCode show_only(Context& context, const std::string& verb, const std::vector<std::string>& ids) {
  Json items = Json::array();
  std::string lines;
  for (const std::string& id : ids) {
    items.push_back({{"id", id}});
    lines += id + "\n";
  }
  context.print_all({{"verb", verb}, {"sagas", items}}, items, "id", lines);
  context.note(fmt::format("{} would be {}", sagas(ids.size()), words_of(verb).done));
  return ExitCode::kDone;
}

ExitCode run_all(Context& context, const std::string& verb, const Json& body, const ManyOptions& options,
                 const std::vector<std::string>& ids) {
  std::function<bool()> interrupted = [] { return false; };
  if (context.world.catch_interrupt) interrupted = context.world.catch_interrupt();
  VerbRun run(context, VerbRunOptions{verb, std::string(words_of(verb).done), body, options.rate}, ids);
  run.run(interrupted);
  for (const std::string& reason : run.reasons()) context.note("  " + reason);
  const bool streamed = context.format == Format::kIds || context.format == Format::kJsonl;
  if (streamed) {
    context.world.out.flush();
    context.note(run.summary());
  } else {
    context.print(run.counts(), run.summary() + "\n");
  }
  if (!interrupted()) return run.exit_code();
  if (options.all) context.note("the same command again goes on with those that are left");
  return ExitCode::kInterrupted;
}

}  // namespace

std::string complaint_about_id(const std::string& given) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  const bool good = !given.empty() && letter(given.front()) && std::all_of(given.begin(), given.end(), [&](char c) {
    return letter(c) || std::string_view("._:-~").find(c) != std::string_view::npos;
  });
  return good ? std::string() : fmt::format("'{}' is no saga's id: letters, digits and ._:- are", given);
}

ExitCode call_on_many(Context& context, const std::string& verb, const Json& body, const ManyOptions& options) {
  if (const std::string why_not = objection(context, options); !why_not.empty()) return context.usage(why_not);
  Gathered<std::vector<std::string>> ids = options.ids;
  std::string stuck;
  if (options.all) {
    auto filter = query_of(options.filter, context.world.clock.now());
    if (!filter) return context.usage(filter.error().message);
    Query query = *filter;
    if (options.filter.status.empty()) query.emplace_back("status", words_of(verb).statuses);
    ids = list_ids(context, verb, query);
    if (ids && !ids->empty() && !options.yes) stuck = stuck_at(context, query);
  } else if (options.from_stdin()) {
    ids = read_ids(context);
  }
  if (!ids) return ids.error();
  if (ids->empty()) {
    context.note(fmt::format("sagactl: there is no saga to {}", verb));
    return ExitCode::kDone;
  }
  if (!stuck.empty()) context.note(stuck);
  if (options.dry_run) return show_only(context, verb, *ids);
  const bool everything = options.all && options.filter.is_empty();
  const bool explicitly_named = !options.all && !options.from_stdin();
  if ((everything || !options.yes) && !explicitly_named && !agree(context, verb, ids->size(), everything)) {
    context.note("sagactl: nothing was done");
    return ExitCode::kEndedOtherwise;
  }
  return run_all(context, verb, body, options, *ids);
}

}  // namespace saga::ctl
