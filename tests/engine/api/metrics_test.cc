// The contract with Prometheus: which metrics there are, with which labels, and that the alerts name no other.
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/engine/api/api_fixture.h"

namespace saga::api {
namespace {

using ::testing::ContainerEq;
using ::testing::Contains;
using ::testing::Key;

/// Labels by metric; a histogram goes by its own name, without `le`.
using Shape = std::map<std::string, std::set<std::string>>;

const Shape kPromised{
    {"sagad_build_info", {"version"}},
    {"sagad_sagas", {"workflow", "status"}},
    {"sagad_sagas_needing_attention", {"workflow", "status"}},
    {"sagad_oldest_attention_timestamp_seconds", {"workflow"}},
    {"sagad_sagas_overdue", {}},
    {"sagad_sagas_started_total", {"workflow"}},
    {"sagad_sagas_ended_total", {"workflow", "status"}},
    {"sagad_saga_duration_seconds", {"workflow", "status"}},
    {"sagad_attempts_total", {"workflow", "step", "phase", "result"}},
    {"sagad_attempt_duration_seconds", {"service", "phase"}},
    {"sagad_calls_in_flight", {"service"}},
    {"sagad_operator_calls_total", {"verb", "result"}},
    {"sagad_http_requests_total", {"route", "method", "code"}},
    {"sagad_http_request_duration_seconds", {"route", "method"}},
    {"sagad_store_commit_duration_seconds", {}},
    {"sagad_store_commit_batch_size", {}},
    {"sagad_store_queue_length", {}},
    {"sagad_store_size_bytes", {}},
    {"sagad_store_errors_total", {"kind"}},
};

/// What a scrape shows of our own metrics, read as Prometheus reads it.
Shape read_shape(const std::string& text) {
  std::set<std::string> histograms;
  Shape shape;
  std::istringstream lines(text);
  const std::regex sample(R"(^([a-z_]+)(\{(.*)\})? \S+$)");
  const std::regex label(R"re(([a-z_]+)="([^"\\]|\\.)*")re");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (line.starts_with("# TYPE ") && line.ends_with(" histogram"))
      histograms.insert(line.substr(7, line.size() - 17));
    if (line.starts_with("#") || !line.starts_with("sagad_")) continue;
    if (!std::regex_match(line, match, sample)) {
      ADD_FAILURE() << "no sample: " << line;
      continue;
    }
    std::string name = match[1];
    for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
      if (name.ends_with(suffix) && histograms.contains(name.substr(0, name.size() - suffix.size())))
        name.resize(name.size() - suffix.size());
    }
    std::set<std::string>& labels = shape[name];
    const std::string written = match[3];
    for (std::sregex_iterator at(written.begin(), written.end(), label), end; at != end; ++at) {
      if ((*at)[1] != "le") labels.insert((*at)[1]);
    }
  }
  return shape;
}

class MetricsPage : public ApiFixture {
 protected:
  void SetUp() override {
    ApiFixture::SetUp();
    store_->observe_commits([this](const store::CommitFacts& commit) { metrics_.store_committed(commit); });
    dispatcher_.show({{"payment", {}, 200, 0, 0}}, {});
  }
};

TEST_F(MetricsPage, ShowsWhatIsPromisedAndNothingElse) {
  start("s");
  next_call();
  ASSERT_EQ(call("POST", "/v1/sagas/s/suspend", "{}").status, 200);
  EXPECT_THAT(read_shape(call("GET", "/metrics").text), ContainerEq(kPromised));
}

TEST_F(MetricsPage, TheAlertsNameWhatIsThere) {
  std::ifstream file(ALERTS_FILE);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(text.empty()) << ALERTS_FILE;
  const std::regex metric("sagad_[a-z_]+");
  std::set<std::string> named;
  for (std::sregex_iterator at(text.begin(), text.end(), metric), end; at != end; ++at) named.insert(at->str());
  EXPECT_GE(named.size(), 6U);
  for (std::string name : named) {
    if (name.ends_with("_bucket")) name.resize(name.size() - 7);
    EXPECT_THAT(kPromised, Contains(Key(name)));
  }
}

}  // namespace
}  // namespace saga::api
