// Reads text/event-stream as it arrives, in pieces of any size.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "sagactl/client/client.h"

namespace saga::ctl {

class EventStreamReader {
 public:
  /// Gives every event that `bytes` completes to `on_event`; false once `on_event` has returned false. Comments and
  /// events without data are passed over.
  bool feed(std::string_view bytes, const std::function<bool(const StreamEvent&)>& on_event);

 private:
  bool take_line(std::string_view line, const std::function<bool(const StreamEvent&)>& on_event);

  std::string line_;   ///< The beginning of a line that has not ended.
  StreamEvent event_;  ///< What has come of the next event.
  bool has_data_ = false;
  bool after_cr_ = false;  ///< A line feed that follows belongs to the carriage return before it.
};

}  // namespace saga::ctl
