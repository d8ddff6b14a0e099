// The API's description as a judge: whether what was answered is what is described. Every test that goes through the
// fixture is held against it, so a member or a status that is not described fails the test that brought it about.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/api/http.h"
#include "engine/api/openapi.h"
#include "engine/api/router.h"
#include "workflows/schema.h"

namespace saga::api {

/// Thread-safe.
class Description {
 public:
  explicit Description(Json document) : document_(std::move(document)) {}

  /// What the server serves.
  static Description& of_server() {
    static Description served(Json::parse(openapi_document()));
    return served;
  }

  [[nodiscard]] const Json& document() const { return document_; }

  /// What is not as described: of the answer, and of a request that was accepted. `body` is the answer's.
  std::vector<std::string> misfits(const Request& request, const Response& response, const std::string& body) {
    if (request.method == "OPTIONS") return {};
    const auto match = find_route(request.method, request.path);
    if (!match) return misfits_of_stray(response, body);
    const std::string at = place(match->route->method, match->route->pattern);
    const Json* operation = find(at);
    if (operation == nullptr) return {at + " is not described"};
    const std::string status = std::to_string(response.status);
    if (!(*operation)["responses"].contains(status)) return {fmt::format("{} answered {}, not described", at, status)};
    const std::string answer = resolve(at + "/responses/" + status);
    std::vector<std::string> found = misfits_of_headers(answer, response.headers);
    append(found, misfits_of_body(answer, response, body));
    if (response.status >= 300) return found;
    {
      const std::lock_guard lock(mutex_);
      answered_.insert(operation->at("operationId").get<std::string>());
    }
    append(found, misfits_of_request(at, *operation, request));
    return found;
  }

  /// The operations that were done (2xx) so far.
  [[nodiscard]] std::set<std::string> answered() {
    const std::lock_guard lock(mutex_);
    return answered_;
  }

  /// Why `value` is not what the schema at this JSON Pointer says; empty when it is.
  std::vector<std::string> misfits_of_schema(const std::string& pointer, const Json& value) {
    std::vector<std::string> found;
    for (const auto& violation : schema(pointer).validate(value))
      found.push_back(fmt::format("{}: '{}': {}", pointer, violation.pointer, violation.message));
    return found;
  }

  /// A key as one step of a JSON Pointer.
  static std::string escaped(std::string text) {
    for (std::size_t i = 0; (i = text.find('/', i)) != std::string::npos; i += 2) text.replace(i, 1, "~1");
    return text;
  }

  /// "/paths/~1v1~1sagas/get"
  static std::string place(std::string_view method, std::string_view pattern) {
    std::string at = "/paths/" + escaped(std::string(pattern)) + "/";
    for (const char c : method) at += static_cast<char>(c | 0x20);
    return at;
  }

  /// Null when the pointer leads nowhere.
  [[nodiscard]] const Json* find(const std::string& pointer) const {
    const Json::json_pointer parsed(pointer);
    return document_.contains(parsed) ? &document_[parsed] : nullptr;
  }

  /// Where the pointer leads once the references there are followed.
  [[nodiscard]] std::string resolve(std::string pointer) const {
    for (const Json* at = find(pointer); at != nullptr && at->is_object() && at->contains("$ref"); at = find(pointer))
      pointer = (*at)["$ref"].get<std::string>().substr(1);
    return pointer;
  }

 private:
  static void append(std::vector<std::string>& to, std::vector<std::string> more) {
    for (std::string& one : more) to.push_back(std::move(one));
  }

  /// A request that no route takes is a problem of the few kinds that need none.
  std::vector<std::string> misfits_of_stray(const Response& response, const std::string& body) {
    if (response.status != 400 && response.status != 404 && response.status != 405)
      return {fmt::format("no route, and yet {}", response.status)};
    const auto problem = parse_json(body);
    if (!problem) return {"no route, and the answer is not JSON"};
    return misfits_of_schema("/components/schemas/Problem", *problem);
  }

  std::vector<std::string> misfits_of_headers(const std::string& answer, const Headers& headers) {
    std::vector<std::string> found;
    for (const auto& [name, value] : headers) {
      if (find(answer + "/headers/" + name) == nullptr)
        found.push_back(fmt::format("{}: header {}: {} is not described", answer, name, value));
    }
    return found;
  }

  std::vector<std::string> misfits_of_body(const std::string& answer, const Response& response,
                                           const std::string& body) {
    const Json* contents = find(answer + "/content");
    if (contents == nullptr)
      return body.empty() ? std::vector<std::string>{} : std::vector{answer + ": a body, not described"};
    const std::string type = response.content_type.substr(0, response.content_type.find(';'));
    if (!contents->contains(type)) return {fmt::format("{}: {} is not described", answer, type)};
    if (!type.ends_with("json")) return {};
    const auto parsed = parse_json(body);
    if (!parsed) return {fmt::format("{}: not JSON: {}", answer, parsed.error().message)};
    return misfits_of_schema(answer + "/content/" + escaped(type) + "/schema", *parsed);
  }

  /// What the server took has to be described as well.
  std::vector<std::string> misfits_of_request(const std::string& at, const Json& operation, const Request& request) {
    std::set<std::string> known;
    const std::size_t count = operation.value("parameters", Json::array()).size();
    for (std::size_t i = 0; i < count; ++i) {
      const Json& parameter = *find(resolve(fmt::format("{}/parameters/{}", at, i)));
      if (parameter["in"] == "query") known.insert(parameter["name"].get<std::string>());
    }
    std::vector<std::string> found;
    for (std::string_view rest = request.query; !rest.empty();) {
      const std::string_view one = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(rest.size(), one.size() + 1));
      const std::string name(one.substr(0, one.find('=')));
      if (!known.contains(name)) found.push_back(fmt::format("{}: parameter '{}' is not described", at, name));
    }
    const std::string schema_at = at + "/requestBody/content/application~1json/schema";
    if (request.body.empty()) return found;
    if (!operation.contains("requestBody")) found.push_back(at + ": took a body, not described");
    const auto body = parse_json(request.body);
    if (body && find(schema_at) != nullptr) append(found, misfits_of_schema(schema_at, *body));
    return found;
  }

  const workflows::Schema& schema(const std::string& pointer) {
    const std::lock_guard lock(mutex_);
    const auto known = schemas_.find(pointer);
    if (known != schemas_.end()) return known->second;
    // In draft 7 nothing stands beside a reference, so that the whole document can stand there for others to lead to.
    Json root = document_;
    root["$ref"] = "#" + pointer;
    auto compiled = workflows::Schema::compile(root);
    if (!compiled) throw std::runtime_error("the description, at " + pointer + ": " + compiled.error().message);
    return schemas_.emplace(pointer, std::move(*compiled)).first->second;
  }

  const Json document_;
  std::mutex mutex_;  ///< Guards what follows.
  std::map<std::string, workflows::Schema> schemas_;
  std::set<std::string> answered_;
};

}  // namespace saga::api
