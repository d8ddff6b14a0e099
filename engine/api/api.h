// The HTTP API: authorises, routes, runs each handler where it may run, counts the answers.
#pragma once

#include "engine/api/audit.h"
#include "engine/api/context.h"
#include "engine/api/http.h"
#include "engine/api/router.h"

namespace saga::api {

/// Thread-safe. What `context` refers to outlives every answer.
class Api final : public Handler {
 public:
  /// Without `tokens` everybody may do everything.
  explicit Api(const Context& context, std::shared_ptr<const Tokens> tokens = nullptr)
      : context_(context), gate_(std::move(tokens)) {}

  /// Asks for these from the next request on.
  void use_tokens(std::shared_ptr<const Tokens> tokens) { gate_.use(std::move(tokens)); }

  void handle(Request request, Answer answer) override;
  [[nodiscard]] std::size_t max_body(std::string_view method, std::string_view path) const override;

 private:
  void turn_away(const Match& match, const Admission& admission, Answer answer);

  const Context context_;
  Gate gate_;
  StrangerAllowance strangers_;
};

}  // namespace saga::api
