#include "workflows/schema.h"

#include <utility>

#include "base/check.h"
#include "workflows/schemas/check.h"
#include "workflows/schemas/compile.h"

namespace saga::workflows {

struct Schema::Node {
  schemas::Tree tree;
};

Result<Schema> Schema::compile(const Json& schema) {
  auto tree = schemas::compile_schema(schema);
  if (!tree) return tl::unexpected<Error>(std::move(tree.error()));
  Schema result;
  result.root_ = std::make_shared<const Node>(Node{std::move(*tree)});
  return result;
}

std::vector<SchemaViolation> Schema::validate(const Json& value, std::size_t most) const {
  SAGA_CHECK(root_ != nullptr, "a schema to be compiled before a value is held against it");
  return schemas::check_value(*root_->tree.root, value, most);
}

}  // namespace saga::workflows
