// The HTTP API: authorises, routes, runs each handler where it may run, counts the answers.
#pragma once

#include "engine/api/context.h"
#include "engine/api/http.h"

namespace saga::api {

/// Thread-safe. What `context` refers to outlives every answer.
class Api final : public Handler {
 public:
  explicit Api(const Context& context) : context_(context) {}

  void handle(Request request, Answer answer) override;

 private:
  const Context context_;
};

}  // namespace saga::api
