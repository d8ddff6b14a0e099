#include "sagactl/client/event_stream.h"

namespace saga::ctl {

bool EventStreamReader::feed(std::string_view bytes, const std::function<bool(const StreamEvent&)>& on_event) {
  for (const char c : bytes) {
    if (c == '\n' && after_cr_) {
      after_cr_ = false;
      continue;
    }
    after_cr_ = c == '\r';
    if (c != '\n' && c != '\r') {
      line_ += c;
      continue;
    }
    const std::string line = std::move(line_);
    line_.clear();
    if (!take_line(line, on_event)) return false;
  }
  return true;
}

bool EventStreamReader::take_line(std::string_view line, const std::function<bool(const StreamEvent&)>& on_event) {
  if (line.empty()) {
    const bool complete = has_data_;
    const StreamEvent event = event_;
    event_.data.clear();  // The id stays until the stream names another.
    has_data_ = false;
    return !complete || on_event(event);
  }
  const auto colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (field == "id") {
    event_.id = value;
  }
  return true;
}

}  // namespace saga::ctl
