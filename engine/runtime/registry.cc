#include "engine/runtime/registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "workflows/children.h"

namespace saga::runtime {

using workflows::Problem;
using workflows::WorkflowRef;

namespace {

tl::unexpected<Registry::Refusal> refuse(ErrorCode code, std::string message) {
  return tl::unexpected(Registry::Refusal{Error{code, std::move(message)}, {}});
}

}  // namespace

Registry::Registry(store::Store& store) : store_(store) {}

Result<std::vector<std::string>> Registry::load() {
  auto rows = store_.workflows();
  if (!rows) return tl::unexpected(rows.error());
  std::vector<std::string> unreadable;
  const std::lock_guard lock(mutex_);
  for (const store::WorkflowRow& row : *rows) {
    const std::string name = fmt::format("{}/{}", row.name, row.version);
    auto loaded = workflows::load_workflows(row.source, name);
    if (!loaded) {
      unreadable.push_back(fmt::format("{} as registered on {} cannot be read by this version: {}", name,
                                       format_time(row.registered_at), format_problem(loaded.error().front())));
      continue;
    }
    const auto registered = parse_json(row.content);
    bool found = false;
    for (WorkflowRef& workflow : *loaded) {
      if (workflow->name != row.name || workflow->version != row.version) continue;
      if (!registered || *registered != workflow->definition) continue;
      entries_[row.name][row.version] = Entry{std::move(workflow), row.registered_at};
      found = true;
    }
    if (!found) {
      unreadable.push_back(
          fmt::format("{} is not what was registered on {}: its record in the store is damaged, restore "
                      "a backup",
                      name, format_time(row.registered_at)));
    }
  }
  return unreadable;
}

Registry::Outcome Registry::check(const std::vector<WorkflowRef>& workflows,
                                  const std::vector<Announced>& announced) const {
  std::vector<Registered> registered;
  for (const WorkflowRef& workflow : workflows) {
    const WorkflowRef there = find(workflow->name, workflow->version);
    if (there && there->definition != workflow->definition) {
      return refuse(
          ErrorCode::kConflict,
          fmt::format("{}/{} is registered with other content, and a registered version never changes: give the "
                      "changed workflow a new version",
                      workflow->name, workflow->version));
    }
    registered.push_back({there ? there : workflow, there == nullptr});
  }
  std::vector<Problem> problems = problems_with_children(registered, announced);
  if (!problems.empty()) {
    Error first{ErrorCode::kInvalid, format_problem(problems.front())};
    return tl::unexpected(Refusal{std::move(first), std::move(problems)});
  }
  return registered;
}

std::vector<Problem> Registry::problems_with_children(const std::vector<Registered>& registered,
                                                      const std::vector<Announced>& announced) const {
  // A version that is there was checked when it came; what its children are by now is asked at each start.
  std::vector<WorkflowRef> fresh;
  for (const Registered& one : registered) {
    if (one.is_new) fresh.push_back(one.workflow);
  }
  const auto known = [this](std::string_view name, std::optional<std::int64_t> version) {
    return version ? find(name, *version) : newest(name);
  };
  const auto is_announced = [&announced](const workflows::ChildProblem& found) {
    return std::any_of(announced.begin(), announced.end(), [&found](const Announced& one) {
      return one.name == found.child && (!found.version || one.version == *found.version);
    });
  };
  std::vector<Problem> problems;
  for (workflows::ChildProblem& found : workflows::check_children(fresh, known)) {
    if (!is_announced(found)) problems.push_back(std::move(found.problem));
  }
  return problems;
}

Registry::Outcome Registry::add(const std::vector<WorkflowRef>& workflows, Timestamp now,
                                std::optional<store::AuditEntry> audit) {
  auto registered = check(workflows);
  if (!registered) return registered;
  std::vector<store::WorkflowRow> rows;
  std::string names;
  for (const Registered& r : *registered) {
    if (r.is_new) {
      names += fmt::format("{}{}/{}", names.empty() ? "" : ", ", r.workflow->name, r.workflow->version);
      rows.push_back(
          {r.workflow->name, r.workflow->version, dump_json(r.workflow->definition), r.workflow->source, now});
    }
  }
  if (rows.empty()) return registered;
  std::shared_ptr<const store::AuditEntry> audited;
  if (audit) {
    audit->detail = std::move(names);
    audited = std::make_shared<const store::AuditEntry>(std::move(*audit));
  }
  if (auto stored = store_.register_workflows(std::move(rows), std::move(audited)); !stored) {
    return tl::unexpected(Refusal{std::move(stored.error()), {}});
  }
  const std::lock_guard lock(mutex_);
  for (const Registered& r : *registered) {
    if (r.is_new) entries_[r.workflow->name].try_emplace(r.workflow->version, Entry{r.workflow, now});
  }
  return registered;
}

WorkflowRef Registry::find(std::string_view name, std::int64_t version) const {
  const std::lock_guard lock(mutex_);
  const auto versions = entries_.find(name);
  if (versions == entries_.end()) return nullptr;
  const auto entry = versions->second.find(version);
  return entry == versions->second.end() ? nullptr : entry->second.workflow;
}

WorkflowRef Registry::newest(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto versions = entries_.find(name);
  return versions == entries_.end() ? nullptr : versions->second.rbegin()->second.workflow;
}

std::vector<Registry::Entry> Registry::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> all;
  for (const auto& [name, versions] : entries_) {
    for (const auto& [version, entry] : versions) all.push_back(entry);
  }
  return all;
}

std::vector<Registry::Entry> Registry::versions(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> all;
  if (const auto versions = entries_.find(name); versions != entries_.end()) {
    for (const auto& [version, entry] : versions->second) all.push_back(entry);
  }
  return all;
}

}  // namespace saga::runtime
