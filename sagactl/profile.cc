#include "sagactl/profile.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "sagactl/context.h"
#include "workflows/definition/fields.h"
#include "workflows/document/documents.h"

namespace saga::ctl {
namespace {

using workflows::Node;

constexpr std::array<std::string_view, 1> kFileKeys{"profiles"};
constexpr std::array<std::string_view, 4> kProfileKeys{"server", "token_file", "ca_file", "output"};
constexpr std::array<std::string_view, 5> kOutputs{"table", "json", "jsonl", "yaml", "ids"};

Profile read_one(const Node& node, const std::string& name, workflows::Problems& problems) {
  Profile profile;
  if (!workflows::require_map(node, name, "a mapping such as { server: http://127.0.0.1:7070 }", problems)) {
    return profile;
  }
  workflows::check_keys(node, "a profile", kProfileKeys, problems);
  const auto text = [&](std::string_view key) {
    const Node* value = node.find(key);
    return value == nullptr ? std::string() : workflows::read_text(*value, key, problems).value_or("");
  };
  profile.server = text("server");
  profile.token_file = text("token_file");
  profile.ca_file = text("ca_file");
  if (const Node* output = node.find("output")) {
    if (const auto choice = workflows::read_choice(*output, "output", kOutputs, problems)) {
      profile.output = kOutputs.at(*choice);
    }
  }
  return profile;
}

std::string place_of(const std::string& path, const std::filesystem::path& folder, const Environment& environment) {
  if (path.empty()) return path;
  if (path.rfind("~/", 0) == 0) return environment("HOME").value_or("") + path.substr(1);
  return (folder / path).string();  // An absolute one stays as it is.
}

Error no_such_profile(const std::string& name, const std::string& file, const Node* profiles) {
  std::string known;
  if (profiles != nullptr) {
    for (const Node::Entry& entry : profiles->entries) known += (known.empty() ? "" : ", ") + entry.key;
  }
  return {ErrorCode::kNotFound,
          fmt::format("--profile {}: {} has no such profile; it has {}", name, file, known.empty() ? "none" : known)};
}

}  // namespace

std::string config_path(const Environment& environment) {
  std::string base = environment("XDG_CONFIG_HOME").value_or("");
  if (base.empty()) base = environment("HOME").value_or("") + "/.config";
  return base + "/sagactl/config.yaml";
}

Result<Profile> read_profile(const std::string& name, const Environment& environment) {
  const std::string file = config_path(environment);
  const auto content = read_file(file);
  if (!content) return fail(content.error().code, fmt::format("--profile {}: {}", name, content.error().message));
  workflows::Problems problems(file);
  const auto documents = workflows::read_documents(*content, problems);
  Profile found;
  bool is_there = false;
  const Node* profiles = nullptr;
  if (problems.empty() && !documents.empty()) {
    const Node& root = documents.front().root;
    if (workflows::require_map(root, "the file", "a mapping with 'profiles'", problems)) {
      workflows::check_keys(root, "the file", kFileKeys, problems);
      profiles = root.find("profiles");
    }
    if (profiles != nullptr && workflows::require_map(*profiles, "profiles", "a mapping of names", problems)) {
      for (const Node::Entry& entry : profiles->entries) {
        Profile profile = read_one(entry.value, entry.key, problems);
        if (entry.key != name) continue;
        found = std::move(profile);
        is_there = true;
      }
    }
  }
  if (!problems.empty()) return fail(ErrorCode::kInvalid, workflows::format_problem(problems.take().front()));
  if (!is_there) return tl::unexpected(no_such_profile(name, file, profiles));
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  found.token_file = place_of(found.token_file, folder, environment);
  found.ca_file = place_of(found.ca_file, folder, environment);
  return found;
}

}  // namespace saga::ctl
