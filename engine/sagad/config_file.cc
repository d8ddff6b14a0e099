#include "engine/sagad/config_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <set>

#include "engine/api/names.h"

namespace saga::sagad {
namespace {

/// Thrown inside this file only; `parse_config` turns it into a value.
struct Refused {
  std::string message;
};

class ConfigReader {
 public:
  ConfigReader(std::string path, const std::vector<std::string>& known) : path_(std::move(path)), known_(known) {}

  ConfigFile read(const YAML::Node& root) {
    ConfigFile config;
    if (!root.IsDefined() || root.IsNull()) return config;
    std::vector<std::string_view> names(known_.begin(), known_.end());
    names.emplace_back("services");
    each(root, names, [&](const std::string& key, const YAML::Node& value) {
      if (key == "services") {
        read_services(value, config.services);
      } else {
        config.options[key] = texts(key, value);
      }
    });
    return config;
  }

 private:
  [[noreturn]] void refuse(const YAML::Node& node, const std::string& what) const {
    const YAML::Mark mark = node.Mark();  // From 0; -1 where the library has none.
    throw Refused{fmt::format("{}:{}:{}: error: {}", path_, mark.line + 1, mark.column + 1, what)};
  }

  /// Every member of a map once, its key being one of `names`; any key where that is empty.
  template <typename Visit>
  void each(const YAML::Node& map, const std::vector<std::string_view>& names, const Visit& visit) const {
    if (!map.IsMap()) refuse(map, "expected a map of names to values");
    std::set<std::string> seen;
    for (const auto& member : map) {
      if (!member.first.IsScalar()) refuse(member.first, "expected a name");
      const std::string key = member.first.Scalar();
      if (!names.empty() && std::find(names.begin(), names.end(), key) == names.end()) {
        refuse(member.first, fmt::format("unknown key {}{}", api::quote(key), api::suggestion(key, names)));
      }
      if (!seen.insert(key).second) refuse(member.first, fmt::format("key '{}' is there twice", key));
      visit(key, member.second);
    }
  }

  std::string text(const std::string& key, const YAML::Node& value) const {
    if (!value.IsScalar()) refuse(value, fmt::format("expected one value for '{}'", key));
    return value.Scalar();
  }

  std::vector<std::string> texts(const std::string& key, const YAML::Node& value) const {
    if (!value.IsSequence()) return {text(key, value)};
    std::vector<std::string> all;
    for (const YAML::Node& item : value) all.push_back(text(key, item));
    return all;
  }

  void read_services(const YAML::Node& node, workers::Services& services) const {
    each(node, {}, [&](const std::string& name, const YAML::Node& value) {
      workers::Service service;
      if (!value.IsMap()) {
        service.urls = texts(name, value);  // services: { inventory: http://127.0.0.1:8081 }
      } else {
        each(value, {"urls", "headers", "max_in_flight", "breaker"},
             [&](const std::string& key, const YAML::Node& member) {
               if (key == "urls") service.urls = texts(key, member);
               if (key == "headers") service.headers = headers(member);
               if (key == "max_in_flight") service.max_in_flight = whole(key, member);
               if (key == "breaker") service.breaker = breaker(member);
             });
      }
      if (service.urls.empty())
        refuse(value, fmt::format("service '{}' has no url: expected `urls: [http://host:port]`", name));
      for (const std::string& url : service.urls) {
        if (const auto checked = workers::check_service_url(url); !checked) refuse(value, checked.error().message);
      }
      services[name] = std::move(service);
    });
  }

  workers::BreakerOptions breaker(const YAML::Node& node) const {
    workers::BreakerOptions options;
    if (node.IsScalar() && node.Scalar() == "off") {
      options.enabled = false;
      return options;
    }
    if (!node.IsMap()) refuse(node, "'breaker': expected off, or { consecutive_faults, open_for, max_open_for }");
    bool has_longest = false;
    each(node, {"consecutive_faults", "open_for", "max_open_for"},
         [&](const std::string& key, const YAML::Node& member) {
           if (key == "consecutive_faults") options.consecutive_faults = whole(key, member);
           if (key == "open_for") options.open_for = duration(key, member);
           if (key == "max_open_for") {
             options.max_open_for = duration(key, member);
             has_longest = true;
           }
         });
    if (!has_longest) options.max_open_for = std::max(options.max_open_for, options.open_for);
    if (options.max_open_for < options.open_for) {
      refuse(node, fmt::format("'max_open_for': expected at least open_for, {}, but it is {}",
                               format_duration(options.open_for), format_duration(options.max_open_for)));
    }
    return options;
  }

  Millis duration(const std::string& key, const YAML::Node& value) const {
    const auto parsed = parse_duration(text(key, value));
    if (!parsed) refuse(value, fmt::format("'{}': {}", key, parsed.error().message));
    return *parsed;
  }

  std::vector<std::pair<std::string, std::string>> headers(const YAML::Node& node) const {
    std::vector<std::pair<std::string, std::string>> found;
    each(node, {}, [&](const std::string& name, const YAML::Node& value) {
      std::string content = text(name, value);
      if (content.starts_with("@")) content = secret(value, content.substr(1));
      if (content.find_first_of("\r\n") != std::string::npos)
        refuse(value, fmt::format("header '{}' has a line break", name));
      found.emplace_back(name, std::move(content));
    });
    return found;
  }

  std::string secret(const YAML::Node& node, const std::string& path) const {
    std::ifstream file(path, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(file), {}};
    if (!file.good() && !file.eof()) refuse(node, fmt::format("cannot read '{}'", path));
    while (content.ends_with('\n') || content.ends_with('\r')) content.pop_back();
    return content;
  }

  std::size_t whole(const std::string& key, const YAML::Node& value) const {
    const std::string digits = text(key, value);
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size() || number == 0) {
      refuse(value, fmt::format("'{}': expected a whole number from 1, but it is {}", key, api::quote(digits)));
    }
    return number;
  }

  const std::string path_;
  const std::vector<std::string>& known_;
};

}  // namespace

Result<ConfigFile> parse_config(const std::string& text, const std::string& path,
                                const std::vector<std::string>& known) {
  try {
    return ConfigReader(path, known).read(YAML::Load(text));
  } catch (const Refused& refused) {
    return fail(ErrorCode::kInvalid, refused.message);
  } catch (const YAML::Exception& error) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{}:{}:{}: error: {}", path, error.mark.line + 1, error.mark.column + 1, error.msg));
  }
}

Result<ConfigFile> read_config_file(const std::string& path, const std::vector<std::string>& known) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) return fail(ErrorCode::kInvalid, fmt::format("{}: cannot be read", path));
  return parse_config(text, path, known);
}

}  // namespace saga::sagad
