// Starts as a file has them, one a line: {"id": …, "input": …, "tags": {…}}, each with an id, so that starting the same
// file again starts nothing twice.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/json.h"
#include "base/result.h"

namespace saga::ctl {

/// One start, ready to be an item of a batch.
struct StartLine {
  std::int64_t number = 0;  ///< Of the line, from 1.
  std::string id;
  std::string body;  ///< A JSON object.
};

/// What all of them have in common.
struct StartTerms {
  std::string workflow;           ///< NAME or NAME/VERSION.
  Json tags = Json::object();     ///< A line's own go before.
  std::optional<std::string> at;  ///< `start_at`.
  std::string run;                ///< Another one makes other ids.
};

class StartLines {
 public:
  /// `file`: its name in messages. `in` outlives it.
  StartLines(std::istream& in, std::string file, StartTerms terms);

  /// The next line that is not blank; none at the end. `kInvalid`: "FILE:LINE: …".
  [[nodiscard]] Result<std::optional<StartLine>> next();

  /// "FILE:LINE: "
  [[nodiscard]] std::string place(std::int64_t number) const;

 private:
  /// The same for the same line whenever it is read: the workflow's name, and a digest of what the line says. Where a
  /// file says the same several times, they are counted.
  [[nodiscard]] std::string make_id(const Json& line);

  std::istream& in_;
  const std::string file_;
  const StartTerms terms_;
  std::int64_t number_ = 0;
  std::unordered_map<std::uint64_t, std::uint32_t> seen_;  ///< How often, by digest.
};

}  // namespace saga::ctl
