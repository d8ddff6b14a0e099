#include "engine/api/refusal.h"

namespace saga::api {
namespace {

ProblemKind kind_of(core::Refusal::Kind kind) {
  switch (kind) {
    case core::Refusal::Kind::kConflict:
      return ProblemKind::kConflict;
    case core::Refusal::Kind::kGone:
      return ProblemKind::kGone;
    case core::Refusal::Kind::kMisfit:
      break;
  }
  return ProblemKind::kDoesNotFit;
}

}  // namespace

Problem refusal_problem(const core::Refusal& refusal, const runtime::Snapshot& saga) {
  Problem problem{kind_of(refusal.kind), refusal.message, {}, std::nullopt, std::nullopt, {}};
  if (problem.kind == ProblemKind::kConflict && saga.state) {
    problem.allowed = core::allowed_verbs(*saga.workflow, *saga.state);
  }
  return problem;
}

}  // namespace saga::api
