// From a client's bytes to a request: HTTP/1.1 and its limits. Pure: no socket, no clock.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <cstddef>
#include <memory>
#include <optional>

#include "engine/api/http.h"

namespace saga::api {

/// Of one request.
class RequestReader {
 public:
  /// `handler` says how large a request's body may be.
  RequestReader(const Handler& handler, std::size_t max_header);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  enum class State {
    kInHeader,
    kInBody,
    kComplete,
    kRefused,  ///< It cannot be read.
  };

  /// Takes what it can of the bytes. To be called again when more have come.
  [[nodiscard]] State take(boost::beast::flat_buffer& bytes);

  /// In the body: true when the client waits to be told to go on.
  [[nodiscard]] bool expects_continue() const;

  // Once complete.
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] Request take_request();

  /// Once refused: what to tell the client.
  [[nodiscard]] Response refusal() const;

 private:
  struct Parsing;
  std::unique_ptr<Parsing> parsing_;
};

}  // namespace saga::api
