#include "workflows/definition/definition_schema.h"

namespace saga::workflows {

std::string_view definition_schema() {
  static constexpr std::string_view kSchema = R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "$id": "urn:sagad:schema:workflow",
  "title": "sagad workflow",
  "description": "A workflow: steps over several services, each with an undo.",
  "type": "object",
  "required": ["name", "version", "steps"],
  "additionalProperties": false,
  "properties": {
    "name": { "$ref": "#/definitions/workflow_name", "description": "What sagas of it are started by." },
    "version": { "type": "integer", "minimum": 1, "description": "A registered version never changes: a change is a new one." },
    "description": { "type": "string" },
    "deadline": { "$ref": "#/definitions/duration", "description": "From acceptance, or start_at; past it the saga compensates. Default: none." },
    "input_schema": { "type": ["object", "boolean"], "description": "JSON Schema draft 7 with local $ref; an input that does not fit is refused at the start." },
    "defaults": {
      "type": "object",
      "description": "For every step that does not say its own; merged key by key.",
      "additionalProperties": false,
      "properties": {
        "timeout": { "$ref": "#/definitions/duration", "default": "5s", "description": "Of one attempt, connecting included." },
        "retry": { "$ref": "#/definitions/retry" },
        "compensation_retry": { "$ref": "#/definitions/retry" }
      }
    },
    "on_compensation_failure": { "enum": ["continue", "suspend"], "default": "continue", "description": "A compensation failed for good: undo the others and end as failed, or stop there." },
    "steps": { "$ref": "#/definitions/steps" },
    "output": { "description": "The saga's output: any JSON, with ${ … } in its strings." }
  },
  "definitions": {
    "workflow_name": { "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$", "maxLength": 64 },
    "step_name": { "type": "string", "pattern": "^[a-z][a-z0-9_]*$", "maxLength": 48, "description": "How expressions call it: steps.NAME.output." },
    "duration": { "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)([0-9]+(ms|s|m|h))*$", "examples": ["250ms", "2s", "5m", "24h", "1h30m"] },
    "condition": { "type": ["string", "boolean"], "pattern": "^\\$\\{", "description": "One expression that is true or false; false: the step is skipped.", "examples": ["${ input.amount >= 1000 }"] },
    "path": { "type": "string", "pattern": "^/", "description": "Begins with '/'; each ${ … } in it is percent-encoded." },
    "status": { "type": "integer", "minimum": 100, "maximum": 599 },
    "call": {
      "description": "A path, short for { method: POST, path: … }, or all of it.",
      "anyOf": [
        { "$ref": "#/definitions/path" },
        {
          "type": "object",
          "required": ["path"],
          "additionalProperties": false,
          "properties": {
            "method": { "enum": ["GET", "POST", "PUT", "PATCH", "DELETE"], "default": "POST" },
            "path": { "$ref": "#/definitions/path" },
            "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            "input": { "description": "The body: any JSON, with ${ … } in its strings." },
            "accept": { "type": "array", "items": { "$ref": "#/definitions/status" }, "description": "Further statuses that mean done." }
          }
        }
      ]
    },
    "retry": {
      "type": "object",
      "description": "Before attempt n+1: min(max_interval, initial_interval * multiplier^(n-1)), spread by ± jitter.",
      "additionalProperties": false,
      "properties": {
        "max_attempts": { "type": "integer", "minimum": 1, "maximum": 2147483647 },
        "initial_interval": { "$ref": "#/definitions/duration" },
        "multiplier": { "type": "number", "minimum": 1 },
        "max_interval": { "$ref": "#/definitions/duration" },
        "jitter": { "type": "number", "minimum": 0, "maximum": 1 },
        "non_retryable": {
          "type": "array",
          "description": "Codes and statuses that are never tried again.",
          "items": { "anyOf": [{ "type": "string", "minLength": 1 }, { "$ref": "#/definitions/status" }] }
        }
      }
    },
    "steps": { "type": "array", "minItems": 1, "items": { "$ref": "#/definitions/step" } },
    "step": {
      "type": "object",
      "description": "A call, or one of parallel, wait, signal, saga.",
      "if": { "required": ["parallel"] },
      "then": { "$ref": "#/definitions/parallel_step" },
      "else": {
        "if": { "required": ["wait"] },
        "then": { "$ref": "#/definitions/wait_step" },
        "else": {
          "if": { "required": ["signal"] },
          "then": { "$ref": "#/definitions/signal_step" },
          "else": {
            "if": { "required": ["saga"] },
            "then": { "$ref": "#/definitions/saga_step" },
            "else": { "$ref": "#/definitions/call_step" }
          }
        }
      }
    },
    "on_failure": { "enum": ["compensate", "continue", "suspend"], "default": "compensate", "description": "continue: best effort, its failure is recorded and stops nothing." },
    "pivot": { "type": "boolean", "default": false, "description": "Once it is done, the saga only goes forward. At most one step." },
    "call_step": {
      "required": ["name", "action"],
      "oneOf": [{ "required": ["service"] }, { "required": ["url"] }],
      "additionalProperties": false,
      "properties": {
        "name": { "$ref": "#/definitions/step_name" },
        "service": { "type": "string", "pattern": "^[a-z][a-z0-9_-]*$", "description": "A logical name; sagad is told where it is." },
        "url": { "type": "string", "pattern": "^https?://[^/?#]+(/[^?#]*)?$", "description": "A base URL, in place of a service." },
        "action": { "$ref": "#/definitions/call" },
        "compensation": { "$ref": "#/definitions/call" },
        "input": { "description": "The body of the action: any JSON, with ${ … } in its strings. Default: the saga's input." },
        "when": { "$ref": "#/definitions/condition" },
        "timeout": { "$ref": "#/definitions/duration", "description": "Of one attempt, connecting included." },
        "retry": { "$ref": "#/definitions/retry" },
        "compensation_retry": { "$ref": "#/definitions/retry" },
        "total_timeout": { "$ref": "#/definitions/duration", "description": "Over all attempts of a call." },
        "pivot": { "$ref": "#/definitions/pivot" },
        "on_failure": { "$ref": "#/definitions/on_failure" },
        "error_code": { "type": "string", "description": "An expression over body: a string makes even a 2xx that refusal." }
      }
    },
    "parallel_step": {
      "additionalProperties": false,
      "properties": {
        "name": { "$ref": "#/definitions/step_name" },
        "parallel": {
          "type": "array",
          "minItems": 1,
          "description": "Branches, each a list of steps; all run at once.",
          "maxItems": 32,
          "items": { "$ref": "#/definitions/steps" }
        },
        "when": { "$ref": "#/definitions/condition" }
      }
    },
    "wait_step": {
      "required": ["name"],
      "additionalProperties": false,
      "properties": {
        "name": { "$ref": "#/definitions/step_name" },
        "wait": { "$ref": "#/definitions/duration" },
        "when": { "$ref": "#/definitions/condition" }
      }
    },
    "signal_step": {
      "required": ["name"],
      "additionalProperties": false,
      "properties": {
        "name": { "$ref": "#/definitions/step_name" },
        "signal": { "type": "string", "pattern": "^[a-z][a-z0-9_-]*$", "maxLength": 64, "description": "The signal it waits for; its payload is the output." },
        "timeout": { "$ref": "#/definitions/duration", "description": "How long to wait. Default: for ever." },
        "when": { "$ref": "#/definitions/condition" },
        "on_failure": { "$ref": "#/definitions/on_failure" }
      }
    },
    "saga_step": {
      "required": ["name"],
      "additionalProperties": false,
      "properties": {
        "name": { "$ref": "#/definitions/step_name" },
        "saga": { "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*(/[1-9][0-9]*)?$", "description": "A child saga: NAME or NAME/VERSION of its workflow." },
        "input": { "description": "The child's input: any JSON, with ${ … } in its strings." },
        "when": { "$ref": "#/definitions/condition" },
        "pivot": { "$ref": "#/definitions/pivot" },
        "on_failure": { "$ref": "#/definitions/on_failure" }
      }
    }
  }
}
)json";
  return kSchema;
}

}  // namespace saga::workflows
