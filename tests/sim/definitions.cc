#include "tests/sim/definitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "tests/sim/chance.h"
#include "workflows/load.h"

namespace saga::sim {
namespace {

constexpr int kMaxSteps = 7;

/// Every fourth may run children, every sixteenth of them grandchildren.
int generation(int number) { return number % 16 == 0 ? 2 : number % 4 == 0 ? 1 : 0; }

/// Writes one definition.
class Author {
 public:
  Author(int number, std::function<bool(int)> has_pivot)
      : number_(number), has_pivot_(std::move(has_pivot)), chance_(7, "workflow", static_cast<std::uint64_t>(number)) {}

  Json write() {
    const int count = chance_.one_in(5) ? 1 : chance_.between(2, kMaxSteps);
    pivot_ = chance_.one_in(3) ? chance_.below(count) : -1;
    Json document{{"name", fmt::format("w{}", number_)}, {"version", 1}};
    if (chance_.one_in(3)) document["deadline"] = chance_.one_of<const char*>({"2s", "10s", "40s", "10m"});
    if (chance_.one_in(3)) document["on_compensation_failure"] = "suspend";
    document["defaults"] = {{"timeout", chance_.one_of<const char*>({"400ms", "1s", "3s"})},
                            {"retry", retry(chance_.between(1, 5), true)},
                            {"compensation_retry", retry(chance_.one_of({2, 5, 30, 100}), false)}};
    document["steps"] = sequence(0, count);
    if (!plain_.empty() && chance_.one_in(4)) {
      document["output"] = {{"n", fmt::format("${{ steps.{}.output.n }}", plain_.front())}};
    }
    return document;
  }
  [[nodiscard]] const std::vector<int>& children() const { return children_; }

 private:
  Json retry(int attempts, bool codes) {
    Json policy{{"max_attempts", attempts},
                {"initial_interval", chance_.one_of<const char*>({"20ms", "100ms", "500ms"})},
                {"max_interval", chance_.one_of<const char*>({"1s", "10s"})},
                {"jitter", chance_.one_of({0.0, 0.2, 1.0})}};
    if (codes && chance_.one_in(3)) policy["non_retryable"] = {"E", "503"};
    return policy;
  }

  /// Steps and groups of them, one after the other.
  Json sequence(int depth, int count) {
    Json nodes = Json::array();
    while (count > 0) {
      const bool with_pivot = pivot_ >= next_ && pivot_ < next_ + count;
      if (depth < 2 && count > 1 && !with_pivot && chance_.one_in(4)) {
        const int inside = chance_.between(2, count);
        nodes.push_back(group(depth, inside));
        count -= inside;
      } else {
        nodes.push_back(step());
        --count;
      }
    }
    return nodes;
  }

  Json group(int depth, int inside) {
    Json branches = Json::array();
    const std::vector<std::string> before = plain_;
    std::vector<std::string> in_branches;
    while (inside > 0) {
      const int here = branches.empty() ? chance_.between(1, std::max(1, inside - 1)) : chance_.between(1, inside);
      inside -= here;
      plain_ = before;  // Nothing of a sibling is read.
      branches.push_back(sequence(depth + 1, here));
      in_branches.insert(in_branches.end(), plain_.begin() + static_cast<std::ptrdiff_t>(before.size()), plain_.end());
    }
    plain_ = before;
    plain_.insert(plain_.end(), in_branches.begin(), in_branches.end());
    Json node{{"parallel", std::move(branches)}};
    maybe_when(node);
    return node;
  }

  Json step() {
    const bool pivot = next_ == pivot_;
    Json node{{"name", fmt::format("s{}", next_)}};
    const int kind = chance_.below(20);
    if (!pivot && kind == 0) {
      node["wait"] = chance_.one_of<const char*>({"300ms", "5s", "30s", "2m"});
    } else if (!pivot && kind <= 2) {
      node["signal"] = fmt::format("sig{}", next_);
      if (chance_.one_in(2)) node["timeout"] = chance_.one_of<const char*>({"2s", "20s", "3m"});
      maybe_on_failure(node, pivot);
    } else if (kind <= 6 && generation(number_) > 0) {
      child(node, pivot);
      maybe_on_failure(node, pivot);
    } else {
      call(node, pivot);
    }
    if (pivot) node["pivot"] = true;
    maybe_when(node);
    ++next_;
    return node;
  }

  void call(Json& node, bool pivot) {
    const std::string name = node["name"];
    if (chance_.one_in(8)) {
      node["url"] = fmt::format("http://own{}", chance_.below(2));
    } else {
      node["service"] = fmt::format("svc{}", chance_.below(3));
    }
    const char* how = chance_.one_in(7) ? "/async" : "";
    node["action"] = fmt::format("/{}{}", name, how);
    if (chance_.one_in(10)) node["action"] = fmt::format("/{}{}/${{ saga.id }}", name, how);
    if (!chance_.one_in(4)) {
      const char* undo_how = chance_.one_in(10) ? "/async" : "";
      Json undo{{"path", fmt::format("/{}/undo{}", name, undo_how)}};
      if (chance_.one_in(4)) undo["accept"] = {404};
      if (chance_.one_in(4)) undo["input"] = {{"saga", "${ saga.id }"}, {"n", "${ output.n }"}};
      node["compensation"] = std::move(undo);
    }
    if (chance_.one_in(5)) node["timeout"] = chance_.one_of<const char*>({"200ms", "2s", "5s"});
    if (chance_.one_in(5)) node["retry"] = retry(chance_.between(1, 6), true);
    if (chance_.one_in(4)) node["total_timeout"] = chance_.one_of<const char*>({"1s", "10s", "2m"});
    if (chance_.one_in(8)) node["error_code"] = "${ body.code }";
    if (chance_.one_in(12)) node["input"] = {{"n", "${ input.n }"}};
    if (!plain_.empty() && chance_.one_in(6)) {
      node["input"] = {{"before", fmt::format("${{ steps.{}.output.n + 1 }}", chance_.pick(plain_))}};
    }
    maybe_on_failure(node, pivot);
    plain_.push_back(name);
  }

  void child(Json& node, bool pivot) {
    const bool may_have_pivot = pivot_ >= 0 && next_ >= pivot_;
    int number = chance_.below(Definitions::kCount);
    while (generation(number) >= generation(number_) || (has_pivot_(number) && !may_have_pivot) || number == number_) {
      number = (number + 1) % Definitions::kCount;
    }
    children_.push_back(number);
    node["saga"] = fmt::format("w{}{}", number, chance_.one_in(2) ? "/1" : "");
    if (pivot) return;
    if (chance_.one_in(3)) node["input"] = {{"go", "${ input.go }"}, {"n", 5}};
  }

  void maybe_on_failure(Json& node, bool pivot) {
    const int draw = chance_.below(8);
    if (draw == 0) node["on_failure"] = "suspend";
    if (draw == 1 && !pivot) node["on_failure"] = "continue";
  }
  void maybe_when(Json& node) {
    const int draw = chance_.below(24);
    if (draw < 2) node["when"] = "${ input.go }";
    if (draw == 2) node["when"] = "${ not input.go }";
    if (draw == 3 && chance_.one_in(3)) node["when"] = "${ input.missing }";
  }

  int number_;
  std::function<bool(int)> has_pivot_;
  Chance chance_;
  int next_ = 0;
  int pivot_ = -1;
  std::vector<std::string> plain_;  ///< Calls that have ended by now.
  std::vector<int> children_;
};

}  // namespace

const Definitions::Made& Definitions::make(int number) {
  if (const auto there = made_.find(number); there != made_.end()) return there->second;
  Author author(number, [this](int child) { return make(child).workflow->pivot.has_value(); });
  const std::string text = dump_json(author.write());
  auto loaded = workflows::load_workflows(text, fmt::format("w{}", number));
  if (!loaded) {
    std::fprintf(stderr, "%s\n%s\n", text.c_str(), format_problem(loaded.error().front()).c_str());
    SAGA_CHECK(false, "a random workflow that is well formed");
  }
  return made_[number] = Made{loaded->front(), author.children()};
}

std::vector<workflows::WorkflowRef> Definitions::with_children(int number) {
  const Made& made = make(number);
  std::vector<workflows::WorkflowRef> all;
  for (const int child : made.children) {
    for (const auto& workflow : with_children(child)) {
      if (std::find(all.begin(), all.end(), workflow) == all.end()) all.push_back(workflow);
    }
  }
  all.push_back(made.workflow);
  return all;
}

}  // namespace saga::sim
