// JSON Schema draft 7 with local `$ref`: what a saga's input must look like. Patterns are RE2, so that no input takes
// more than linear time, and reference loops end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace saga::workflows {

/// One place where a value does not fit.
struct SchemaViolation {
  std::string pointer;  ///< JSON Pointer into the value; "" is the value itself.
  std::string message;  ///< "expected integer, but it is string", "required property 'sku' is missing".

  bool operator==(const SchemaViolation&) const = default;
};

/// A compiled schema. Immutable, cheap to copy, usable from any thread.
class Schema {
 public:
  /// `kInvalid` names the place in the schema by JSON Pointer and what would be right: an unknown `type`, a pattern
  /// that RE2 cannot compile, a `$ref` that is not local or leads nowhere.
  [[nodiscard]] static Result<Schema> compile(const Json& schema);

  /// Empty when `value` fits; at most `most` violations.
  [[nodiscard]] std::vector<SchemaViolation> validate(const Json& value, std::size_t most = 20) const;

 private:
  struct Node;
  std::shared_ptr<const Node> root_;
};

}  // namespace saga::workflows
