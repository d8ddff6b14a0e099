// Splits a file into its documents and reads each. What holds for every document whatever its language stands here:
// UTF-8, the size limit, no control characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "workflows/document/node.h"
#include "workflows/document/problems.h"

namespace saga::workflows {

/// What the HTTP API takes as a body, too.
inline constexpr std::size_t kMaxDefinitionBytes = std::size_t{1} << 20;

struct Document {
  Node root;
  std::string source;  ///< The document's own part of the file; all of it when it is the only one.
};

/// The documents of a file that could be read. What is wrong has been added to `problems`; a document that is broken
/// does not hide what is wrong with the others.
[[nodiscard]] std::vector<Document> read_documents(std::string_view text, Problems& problems);

}  // namespace saga::workflows
