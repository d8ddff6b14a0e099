#include "engine/api/edge/response_head.h"

#include <array>

namespace saga::api {

const std::string& DateText::now() {
  const std::time_t second = std::time(nullptr);
  if (second != second_) {
    second_ = second;
    std::tm parts{};
    ::gmtime_r(&second, &parts);
    std::array<char, 64> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    text_.assign(text.data(), size);
  }
  return text_;
}

std::string head_of(const Response& response, std::optional<std::size_t> length, bool keep_alive,
                    const std::string& date) {
  std::string head =
      "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(reason_phrase(response.status)) + "\r\n";
  head += "Date: " + date + "\r\n";
  if (!length) {
    head += "Content-Type: " + response.content_type + "\r\nTransfer-Encoding: chunked\r\n";
  } else if (response.status != 204) {
    if (*length > 0) head += "Content-Type: " + response.content_type + "\r\n";
    head += "Content-Length: " + std::to_string(*length) + "\r\n";
  }
  for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
  head += "X-Content-Type-Options: nosniff\r\n";
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

}  // namespace saga::api
