// The headers of a request, written as they are sent.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace saga::workers {

/// A line each, "Name: value\r\n", in the order they were added. Each stays one line whatever it is made of: a control
/// character in a value becomes a blank, what cannot stand in a name is taken out, and nothing is added if nothing of
/// the name remains.
class HeaderLines {
 public:
  HeaderLines() = default;
  HeaderLines(std::initializer_list<std::pair<std::string_view, std::string_view>> headers);

  void reserve(std::size_t bytes) { text_.reserve(bytes); }

  /// One of the protocol's own (`kSagaId`, …), its value in `pieces`: on the path of every step.
  void add_protocol(std::string_view name, std::initializer_list<std::string_view> pieces);
  /// Any other; not one that frames the message (`Connection`, `Content-Length`, …), which only its sender can know.
  void add(std::string_view name, std::string_view value);

  /// The value of the first of that name, in whatever case. It points into the lines.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  /// False: nothing but the protocol's own.
  [[nodiscard]] bool has_others() const { return has_others_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void append(std::string_view name, std::initializer_list<std::string_view> pieces);

  std::string text_;
  bool has_others_ = false;
};

}  // namespace saga::workers
