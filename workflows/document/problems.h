// Collects everything that is wrong with one file, so that it is mended in one go.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "workflows/load.h"

namespace saga::workflows {

class Problems {
 public:
  /// More than a person reads at once is cut off.
  static constexpr std::size_t kMost = 50;

  explicit Problems(std::string file) : file_(std::move(file)) {}

  void add(TextPosition position, std::string message);

  [[nodiscard]] bool empty() const { return found_.empty(); }
  [[nodiscard]] std::size_t count() const { return found_.size(); }
  [[nodiscard]] const std::string& file() const { return file_; }

  /// At most `kMost`, in the order of the file.
  [[nodiscard]] std::vector<Problem> take();

 private:
  std::string file_;
  std::vector<Problem> found_;
};

}  // namespace saga::workflows
