// Tells the service manager how far we are, by the datagram protocol of `NOTIFY_SOCKET`.
#pragma once

#include <string_view>

namespace saga::sagad {

/// Sends "READY=1" or "STOPPING=1"; does nothing where nobody asked to be told, or cannot be.
void notify_service_manager(std::string_view state);

}  // namespace saga::sagad
