// The description of the API, as it is served at /v1/openapi.json: openapi.json beside this file, built in.
#pragma once

#include <string_view>

namespace saga::api {

/// OpenAPI 3.1 as JSON. Its schemas say the same by JSON Schema draft 7, which is what the tests hold answers against.
[[nodiscard]] std::string_view openapi_document();

}  // namespace saga::api
