#include "sagactl/bulk/start_lines.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <cstring>

#include "sagactl/commands/many.h"
#include "sagactl/render/text.h"
#include "workflows/definition/suggest.h"

namespace saga::ctl {
namespace {

constexpr std::array<std::string_view, 3> kKeys{"id", "input", "tags"};
constexpr std::size_t kMaxBytes = std::size_t{1} << 20;  // The server's limit of one start.

std::string unknown_key(const std::string& key) {
  const std::string_view meant = workflows::nearest(key, {kKeys.begin(), kKeys.end()});
  return fmt::format("unknown key '{}': {}", key,
                     meant.empty() ? "expected id, input or tags" : fmt::format("did you mean '{}'?", meant));
}

/// What is wrong with a line that is JSON; empty when it is a start.
std::string complaint_about(const Json& line) {
  if (!line.is_object()) return "expected an object such as {\"id\": …, \"input\": …, \"tags\": {…}}";
  for (const auto& item : line.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), item.key()) == kKeys.end()) return unknown_key(item.key());
  }
  const auto id = line.find("id");
  if (id != line.end() && !id->is_null()) {
    if (!id->is_string()) return fmt::format("id: expected a string, but it is {}", dump_json(*id));
    if (const std::string wrong = complaint_about_id(id->get<std::string>()); !wrong.empty()) return wrong;
  }
  const auto tags = line.find("tags");
  if (tags == line.end() || tags->is_null()) return "";
  if (!tags->is_object()) return "tags: expected an object of strings";
  for (const auto& tag : tags->items()) {
    if (!tag.value().is_string()) return fmt::format("tags: expected a string for '{}'", tag.key());
  }
  return "";
}

}  // namespace

StartLines::StartLines(std::istream& in, std::string file, StartTerms terms)
    : in_(in), file_(std::move(file)), terms_(std::move(terms)) {}

std::string StartLines::place(std::int64_t number) const { return fmt::format("{}:{}: ", file_, number); }

Result<std::optional<StartLine>> StartLines::next() {
  std::string text;
  do {
    if (!std::getline(in_, text)) return std::optional<StartLine>();
    ++number_;
  } while (text.find_first_not_of(" \t\r") == std::string::npos);
  const auto wrong = [this](const std::string& what) {
    return fail(ErrorCode::kInvalid, place(number_) + printable(what));
  };
  auto line = parse_json(text);
  if (!line) return wrong(fmt::format("column {}: {}", line.error().position.column, line.error().message));
  if (const std::string complaint = complaint_about(*line); !complaint.empty()) return wrong(complaint);

  StartLine start;
  start.number = number_;
  const auto id = line->find("id");
  start.id = id == line->end() || id->is_null() ? make_id(*line) : id->get<std::string>();
  Json body{{"workflow", terms_.workflow}, {"id", start.id}};
  if (const auto input = line->find("input"); input != line->end()) body["input"] = std::move(*input);
  Json tags = terms_.tags;
  if (const auto own = line->find("tags"); own != line->end() && own->is_object()) tags.update(*own);
  if (!tags.empty()) body["tags"] = std::move(tags);
  if (terms_.at) body["start_at"] = *terms_.at;
  start.body = dump_json(body);
  if (start.body.size() > kMaxBytes) return wrong("expected a start of at most 1 MiB");
  return std::optional(std::move(start));
}

std::string StartLines::make_id(const Json& line) {
  std::string said = terms_.run + '\n' + terms_.workflow + '\n' + dump_json(line);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(said.data()), said.size(), digest.data());
  std::uint64_t key = 0;
  std::memcpy(&key, digest.data(), sizeof(key));
  const std::uint32_t times = ++seen_[key];
  std::string id = terms_.workflow.substr(0, terms_.workflow.find('/')) + "-";
  for (std::size_t i = 0; i < 10; ++i) id += fmt::format("{:02x}", digest.at(i));
  return times == 1 ? id : fmt::format("{}-{}", id, times);
}

}  // namespace saga::ctl
