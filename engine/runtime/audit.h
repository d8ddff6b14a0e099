// What the audit says of an operator's command.
#pragma once

#include <string>

#include "engine/core/decide.h"
#include "store/audit.h"

namespace saga::runtime {

/// How a call ended, as the audit names it.
inline constexpr const char* kAuditDone = "done";
inline constexpr const char* kAuditNothing = "nothing";  ///< Its effect held already.
inline constexpr const char* kAuditRefused = "refused";

[[nodiscard]] inline store::AuditEntry audit_entry(const std::string& saga_id, const core::OperatorCommand& command,
                                                   Timestamp at, std::string result, std::string detail = "") {
  store::AuditEntry entry;
  entry.at = at;
  entry.actor = command.actor.name;
  entry.verified = command.actor.verified;
  entry.verb = core::to_string(command.verb);
  entry.saga = saga_id;
  entry.step = command.step;
  entry.reason = command.actor.reason;
  entry.result = std::move(result);
  entry.detail = std::move(detail);
  return entry;
}

}  // namespace saga::runtime
