// The tables of the rulebook as the enumeration meets them: what every type of event leads from and to, and what comes
// of every verb in every situation, over all steps, outputs and times. A line that comes or goes here is a change of
// the rules: read it against the contract.
#pragma once

#include <string_view>

namespace saga::core {

/// "EVENT: before -> after"; of a suspension in brackets the cause and what it goes on as.
inline constexpr std::string_view kMoves = R"(
attempt_begun: compensating -> compensating
attempt_begun: running -> running
attempt_failed: compensating -> compensating
attempt_failed: running -> running
attempt_failed: running stopping -> running stopping
attempt_failed: suspended(compensation_failed, compensating) -> suspended(compensation_failed, compensating)
attempt_failed: suspended(operator, compensating) -> suspended(operator, compensating)
attempt_failed: suspended(operator, running stopping) -> suspended(operator, running stopping)
attempt_failed: suspended(operator, running) -> suspended(operator, running)
attempt_failed: suspended(step_failed, running) -> suspended(step_failed, running)
call_deferred: compensating -> compensating
call_deferred: running -> running
call_deferred: running stopping -> running stopping
call_deferred: suspended(operator, compensating) -> suspended(operator, compensating)
call_deferred: suspended(operator, running stopping) -> suspended(operator, running stopping)
call_deferred: suspended(operator, running) -> suspended(operator, running)
call_taken: compensating -> compensating
call_taken: running -> running
call_taken: running stopping -> running stopping
call_taken: suspended(operator, compensating) -> suspended(operator, compensating)
call_taken: suspended(operator, running stopping) -> suspended(operator, running stopping)
call_taken: suspended(operator, running) -> suspended(operator, running)
child_begun: running -> running
child_resumed: compensating -> compensating
child_resumed: running -> running
child_resumed: running stopping -> running stopping
child_resumed: suspended(operator, compensating) -> suspended(operator, compensating)
child_resumed: suspended(operator, running stopping) -> suspended(operator, running stopping)
child_resumed: suspended(operator, running) -> suspended(operator, running)
child_suspended: compensating -> compensating
child_suspended: running -> running
child_suspended: running stopping -> running stopping
child_suspended: suspended(operator, compensating) -> suspended(operator, compensating)
child_suspended: suspended(operator, running stopping) -> suspended(operator, running stopping)
child_suspended: suspended(operator, running) -> suspended(operator, running)
child_undo_begun: compensating -> compensating
compensation_begun: completed -> compensating
compensation_begun: running -> compensating
compensation_begun: running stopping -> compensating
compensation_failed: compensating -> compensating
compensation_failed: suspended(compensation_failed, compensating) -> suspended(compensation_failed, compensating)
compensation_failed: suspended(operator, compensating) -> suspended(operator, compensating)
heartbeat_received: compensating -> compensating
heartbeat_received: running -> running
heartbeat_received: suspended(operator, compensating) -> suspended(operator, compensating)
heartbeat_received: suspended(operator, running stopping) -> suspended(operator, running stopping)
heartbeat_received: suspended(operator, running) -> suspended(operator, running)
operator_cancelled: pending -> pending stopping
operator_cancelled: running -> running stopping
operator_cancelled: suspended(operator, pending) -> pending stopping
operator_cancelled: suspended(operator, running) -> running stopping
operator_cancelled: suspended(pivot_unknown, compensating) -> compensating
operator_cancelled: suspended(pivot_unknown, running) -> running stopping
operator_cancelled: suspended(step_failed, running) -> running stopping
operator_retried: compensating -> compensating
operator_retried: failed -> compensating
operator_retried: running -> running
operator_retried: suspended(compensation_failed, compensating) -> compensating
operator_retried: suspended(operator, compensating) -> compensating
operator_retried: suspended(operator, running) -> running
operator_retried: suspended(pivot_unknown, compensating) -> running
operator_retried: suspended(pivot_unknown, running) -> running
operator_retried: suspended(step_failed, running) -> running
operator_skipped: failed -> compensating
operator_skipped: failed -> failed
operator_skipped: suspended(compensation_failed, compensating) -> compensating
operator_skipped: suspended(operator, compensating) -> compensating
operator_skipped: suspended(operator, running) -> running
operator_skipped: suspended(pivot_unknown, compensating) -> running
operator_skipped: suspended(pivot_unknown, running) -> running
operator_skipped: suspended(step_failed, running) -> running
saga_accepted: none -> pending
saga_compensated: compensating -> compensated
saga_compensated: pending stopping -> compensated
saga_completed: running -> completed
saga_failed: compensating -> failed
saga_resumed: suspended(compensation_failed, compensating) -> compensating
saga_resumed: suspended(operator, compensating) -> compensating
saga_resumed: suspended(operator, pending) -> pending
saga_resumed: suspended(operator, running stopping) -> running stopping
saga_resumed: suspended(operator, running) -> running
saga_resumed: suspended(pivot_unknown, compensating) -> running
saga_resumed: suspended(pivot_unknown, running) -> running
saga_resumed: suspended(step_failed, compensating) -> compensating
saga_resumed: suspended(step_failed, running) -> running
saga_started: pending -> running
saga_suspended: compensating -> suspended(compensation_failed, compensating)
saga_suspended: compensating -> suspended(operator, compensating)
saga_suspended: compensating -> suspended(pivot_unknown, compensating)
saga_suspended: compensating -> suspended(step_failed, compensating)
saga_suspended: pending -> suspended(operator, pending)
saga_suspended: running -> suspended(operator, running)
saga_suspended: running -> suspended(pivot_unknown, running)
saga_suspended: running -> suspended(step_failed, running)
saga_suspended: running stopping -> suspended(operator, running stopping)
saga_suspended: running stopping -> suspended(pivot_unknown, running)
saga_terminated: compensating -> terminated
saga_terminated: failed -> terminated
saga_terminated: pending -> terminated
saga_terminated: running -> terminated
saga_terminated: running stopping -> terminated
saga_terminated: suspended(compensation_failed, compensating) -> terminated
saga_terminated: suspended(operator, compensating) -> terminated
saga_terminated: suspended(operator, pending) -> terminated
saga_terminated: suspended(operator, running stopping) -> terminated
saga_terminated: suspended(operator, running) -> terminated
saga_terminated: suspended(pivot_unknown, compensating) -> terminated
saga_terminated: suspended(pivot_unknown, running) -> terminated
saga_terminated: suspended(step_failed, compensating) -> terminated
saga_terminated: suspended(step_failed, running) -> terminated
signal_awaited: running -> running
signal_received: pending -> pending
signal_received: running -> running
signal_received: suspended(operator, pending) -> suspended(operator, pending)
signal_received: suspended(operator, running) -> suspended(operator, running)
step_compensated: compensating -> compensating
step_compensated: suspended(compensation_failed, compensating) -> suspended(compensation_failed, compensating)
step_compensated: suspended(operator, compensating) -> suspended(operator, compensating)
step_completed: running -> running
step_completed: running stopping -> running stopping
step_completed: suspended(operator, running stopping) -> suspended(operator, running stopping)
step_completed: suspended(operator, running) -> suspended(operator, running)
step_completed: suspended(step_failed, running) -> suspended(step_failed, running)
step_failed: running -> running
step_failed: running stopping -> running stopping
step_failed: suspended(operator, running stopping) -> suspended(operator, running stopping)
step_failed: suspended(operator, running) -> suspended(operator, running)
step_failed: suspended(step_failed, running) -> suspended(step_failed, running)
step_skipped: running -> running
stop_requested: running -> running stopping
wait_begun: running -> running
)";

/// "VERB situation: …": done (recorded), holds (already, nothing is recorded), refused.
inline constexpr std::string_view kVerbs = R"(
cancel compensated: holds
cancel compensating: holds
cancel completed: refused
cancel failed: refused
cancel pending: done
cancel running: done refused
cancel running stopping: holds
cancel suspended(compensation_failed, compensating): refused
cancel suspended(operator, compensating): refused
cancel suspended(operator, pending): done
cancel suspended(operator, running stopping): refused
cancel suspended(operator, running): done refused
cancel suspended(pivot_unknown, compensating): done
cancel suspended(pivot_unknown, running): done
cancel suspended(step_failed, compensating): refused
cancel suspended(step_failed, running): done refused
cancel terminated: refused
resume compensated: refused
resume compensating: holds
resume completed: refused
resume failed: refused
resume pending: holds
resume running: holds
resume running stopping: holds
resume suspended(compensation_failed, compensating): done
resume suspended(operator, compensating): done
resume suspended(operator, pending): done
resume suspended(operator, running stopping): done
resume suspended(operator, running): done
resume suspended(pivot_unknown, compensating): done
resume suspended(pivot_unknown, running): done
resume suspended(step_failed, compensating): done
resume suspended(step_failed, running): done
resume terminated: refused
retry compensated: refused
retry compensating: done refused
retry completed: refused
retry failed: done refused
retry pending: refused
retry running: done refused
retry running stopping: refused
retry suspended(compensation_failed, compensating): done refused
retry suspended(operator, compensating): done refused
retry suspended(operator, pending): refused
retry suspended(operator, running stopping): refused
retry suspended(operator, running): done refused
retry suspended(pivot_unknown, compensating): done refused
retry suspended(pivot_unknown, running): done refused
retry suspended(step_failed, compensating): refused
retry suspended(step_failed, running): done refused
retry terminated: refused
skip compensated: holds refused
skip compensating: holds refused
skip completed: holds refused
skip failed: done holds refused
skip pending: refused
skip running: holds refused
skip running stopping: holds refused
skip suspended(compensation_failed, compensating): done holds refused
skip suspended(operator, compensating): done holds refused
skip suspended(operator, pending): refused
skip suspended(operator, running stopping): holds refused
skip suspended(operator, running): done holds refused
skip suspended(pivot_unknown, compensating): done holds refused
skip suspended(pivot_unknown, running): done holds refused
skip suspended(step_failed, compensating): refused
skip suspended(step_failed, running): done holds refused
skip terminated: holds refused
suspend compensated: refused
suspend compensating: done
suspend completed: refused
suspend failed: refused
suspend pending: done
suspend running: done
suspend running stopping: done
suspend suspended(compensation_failed, compensating): holds
suspend suspended(operator, compensating): holds
suspend suspended(operator, pending): holds
suspend suspended(operator, running stopping): holds
suspend suspended(operator, running): holds
suspend suspended(pivot_unknown, compensating): holds
suspend suspended(pivot_unknown, running): holds
suspend suspended(step_failed, compensating): holds
suspend suspended(step_failed, running): holds
suspend terminated: refused
terminate compensated: refused
terminate compensating: done
terminate completed: refused
terminate failed: done
terminate pending: done
terminate running: done
terminate running stopping: done
terminate suspended(compensation_failed, compensating): done
terminate suspended(operator, compensating): done
terminate suspended(operator, pending): done
terminate suspended(operator, running stopping): done
terminate suspended(operator, running): done
terminate suspended(pivot_unknown, compensating): done
terminate suspended(pivot_unknown, running): done
terminate suspended(step_failed, compensating): done
terminate suspended(step_failed, running): done
terminate terminated: holds
)";

}  // namespace saga::core
