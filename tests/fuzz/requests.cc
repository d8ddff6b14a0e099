// What clients send to the API, and what workers answer meanwhile: blocks of text, "====" on a line between them. The
// first line of one is
// - METHOD TARGET: a request; headers on a line each, an empty line and the body follow. @callback@ stands for the path
//   of the newest callback.
// - answer STATUS: how the oldest call under way ends; headers and body follow in the same way.
// - pass MS: time goes on.
//
// All of it over the real runtime and a store in memory, on one thread. Every request is answered, once, as the API's
// description says and never with 500; a refused one leaves nothing behind; a callback is taken at no URL but those
// that were given; and every saga that was accepted can be read.
#include <algorithm>
#include <atomic>
#include <cctype>
#include <charconv>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/api/api.h"
#include "engine/telemetry/observer.h"
#include "store/memory/memory_store.h"
#include "tests/engine/api/description.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/support/fake_dispatcher.h"
#include "tests/support/manual_clock.h"
#include "workflows/load.h"

namespace saga::fuzz {
namespace {

constexpr std::size_t kMostBlocks = 12;
constexpr std::size_t kMostSagas = 500;
constexpr Millis kLongestPass = std::chrono::hours(48);
constexpr std::string_view kPublicUrl = "http://orchestrator:7070";
constexpr std::string_view kCallback = "@callback@";

constexpr const char* kWorkflows = R"(
name: order
version: 1
deadline: 1h
input_schema: { type: object, required: [n], properties: { n: { type: integer, minimum: 1 } } }
defaults: { retry: { max_attempts: 2, initial_interval: 1s }, compensation_retry: { max_attempts: 2 } }
steps:
  - { name: a, service: s, action: /a, compensation: "/ua/${ output.id }" }
  - name: both
    parallel:
      - - { name: b, service: s, action: "/b/${ input.n }", compensation: /ub }
        - { name: g, signal: go, timeout: 10m }
      - [{ name: c, saga: inner }, { name: w, wait: 1m }]
  - { name: p, service: s, action: /p, pivot: true, on_failure: suspend }
output: "${ steps.a.output }"
---
name: inner
version: 1
on_compensation_failure: suspend
steps: [{ name: x, service: s, action: /x, compensation: /ux, on_failure: suspend }]
)";

/// Read once: inputs do not change them.
const std::vector<workflows::WorkflowRef>& known_workflows() {
  static const auto read = workflows::load_workflows(kWorkflows, "f").value();
  return read;
}

/// The blocks' common form.
struct Block {
  std::string_view verb;
  std::string_view target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return "";
  }
};

Block read_block(std::string_view text) {
  Input input(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  const std::string_view first = input.line();
  Block block;
  block.verb = first.substr(0, first.find(' '));
  block.target = first.substr(std::min(first.size(), block.verb.size() + 1));
  for (std::string_view line = input.line(); !line.empty(); line = input.line()) {
    std::string name(line.substr(0, line.find(':')));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::string_view value = line.substr(std::min(line.size(), name.size() + 1));
    block.headers.emplace_back(std::move(name), workers::trim(value));
  }
  block.body = input.rest();
  return block;
}

int number_of(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Takes what a stream sends, and at once wants more.
class Sink final : public api::EventSink {
 public:
  void write(std::string text, std::function<void(bool)> written) override {
    expect(workers::is_utf8(text), "an event stream is UTF-8", text);
    written(true);
  }
  void close() override {}
};

/// One orchestrator, from its start to its end.
class Orchestrator {
 public:
  Orchestrator() {
    expect(registry_.load() && registry_.add(known_workflows(), clock_.now()), "the workflows are good");
    runtime::RuntimeOptions options;
    options.own_threads = false;
    options.seed = 7;
    runtime_ = runtime::Runtime::create(registry_, store_, dispatcher_, clock_, &observer_, options).value();
    runtime_->set_public_url(std::string(kPublicUrl));
    api_ = std::make_unique<api::Api>(
        api::Context{*runtime_, reader_, registry_, store_, dispatcher_, clock_, metrics_, log_, draining_, *pool_});
    settle();
  }
  ~Orchestrator() {
    for (const auto& end : streams_) end();
    settle();
    pool_.reset();  // Before what its tasks work on.
  }
  Orchestrator(const Orchestrator&) = delete;
  Orchestrator& operator=(const Orchestrator&) = delete;

  void take(const Block& block) {
    if (block.verb == "answer") {
      answer(block);
    } else if (block.verb == "pass") {
      clock_.advance(std::clamp(Millis{number_of(block.target)}, Millis{0}, kLongestPass));
    } else {
      send(block);
    }
    settle();
  }

  void check_all() {
    const auto rows = store_.list({}, std::nullopt, kMostSagas);
    for (const store::SagaRow& row : *rows) {
      expect(reader_.read(row).has_value(), "a saga that was accepted can be read", row.identity.id);
      api::Request request;
      request.method = "GET";
      request.path = "/v1/sagas/" + row.identity.id;
      expect(ask(request).status == 200, "a saga that was accepted is shown", row.identity.id);
    }
  }

 private:
  /// How an answer came: it may come when the input is over.
  struct Awaited {
    bool came = false;
    int status = 0;
  };

  void answer(const Block& block) {
    const auto sent = dispatcher_.take();
    if (!sent) return;
    remember_callback(*sent);
    workers::Answered answered;
    answered.status = std::clamp(number_of(block.target), 200, 599);
    answered.content_type = block.header("content-type");
    answered.async = block.header("saga-async") == "true";
    if (!block.header("retry-after").empty()) answered.retry_after = block.header("retry-after");
    answered.body = block.body;
    sent->end(std::move(answered));
  }

  void remember_callback(const testing::FakeDispatcher::Sent& sent) {
    const std::string url = sent.header(workers::kSagaCallbackUrl);
    expect(url.starts_with(kPublicUrl), "a call has a callback URL", url);
    callback_ = url.substr(kPublicUrl.size());
    given_.insert(callback_);
  }

  void send(const Block& block) {
    api::Request request;
    request.method = block.verb;
    std::string target(block.target);
    if (const auto at = target.find(kCallback); at != std::string::npos)
      target.replace(at, kCallback.size(), callback_);
    const std::size_t query = target.find('?');
    request.path = target.substr(0, query);
    if (query != std::string::npos) request.query = target.substr(query + 1);
    request.headers = block.headers;
    request.body = block.body;

    const std::string before = fingerprint();
    const Awaited answer = ask(request);
    if (!answer.came) return expect(request.query.find("wait") != std::string::npos, "a request is answered", target);
    if (answer.status >= 400) expect(fingerprint() == before, "a refused request leaves nothing behind", target);
    if (answer.status == 204 && request.method == "POST") check_callback(request.path);
  }

  Awaited ask(const api::Request& request) {
    const auto awaited = std::make_shared<Awaited>();
    api_->handle(request, [this, awaited, request](api::Response response) {
      expect(!awaited->came, "a request is answered once");
      awaited->came = true;
      awaited->status = response.status;
      check_answer(request, response);
    });
    settle();
    return *awaited;
  }

  /// Of a request that asks for nothing with its body, the body is passed over.
  void check_answer(api::Request request, api::Response& response) {
    if (request.method == "GET") request.body.clear();
    const std::string text = api::take_body(response);
    const std::string shown = request.method + " " + request.path + "?" + request.query + "\n" + text;
    expect(response.status != 500, "nothing fails inside", shown);
    if (response.stream) streams_.push_back(response.stream(std::make_shared<Sink>()));
    if (!judged_before(request, response, shown)) judge(request, response, text, shown);
  }

  static bool judged_before(const api::Request& request, const api::Response& response, const std::string& shown) {
    static Seen seen;
    std::string all = std::to_string(response.status) + response.content_type + "\n";
    for (const auto& [name, value] : response.headers) all += name + ":" + value + "\n";
    return !seen.add(all + shown + "\n" + request.body);
  }

  static void judge(const api::Request& request, const api::Response& response, const std::string& text,
                    const std::string& shown) {
    for (const std::string& misfit : api::Description::of_server().misfits(request, response, text))
      expect(false, "an answer is as described", misfit + "\n" + shown);
    if (response.status >= 400)
      expect(response.content_type == "application/problem+json", "a refusal is a problem", shown);
  }

  /// 204 says that a callback was taken, so its URL was given; some character of it may be escaped.
  void check_callback(const std::string& path) {
    const auto taken = api::find_route("POST", path);
    expect(taken.has_value(), "what was answered has a route");
    for (const auto& [saga, step, phase, attempt, token] : given_parts()) {
      if (taken->path.size() == 5 && taken->path[0] == saga && taken->path[1] == step && taken->path[2] == phase &&
          number_of(taken->path[3]) == number_of(attempt) && taken->path[4] == token) {
        return;
      }
    }
    expect(false, "a callback is taken at a URL that was given", path);
  }

  struct Parts {
    std::string saga, step, phase, attempt, token;
  };
  std::vector<Parts> given_parts() {
    while (const auto sent = dispatcher_.take()) remember_callback(*sent);
    std::vector<Parts> all;
    for (const std::string& path : given_) {
      const auto parts = api::find_route("POST", path)->path;
      all.push_back({parts[0], parts[1], parts[2], parts[3], parts[4]});
    }
    return all;
  }

  /// Which sagas and workflows there are, and how far each has come.
  std::string fingerprint() {
    std::string all = std::to_string(registry_.list().size());
    const auto rows = store_.list({}, std::nullopt, kMostSagas);
    for (const store::SagaRow& row : *rows)
      all += " " + row.identity.id + ":" + std::to_string(store_.load(row.key, 0)->size());
    return all;
  }

  /// Until nothing moves without time or an answer.
  void settle() {
    for (int quiet = 0; quiet < 2;) {
      bool answered = false;
      while (pool_->step()) answered = true;
      const bool wrote = store_.step();
      const std::size_t taken = runtime_->turn();
      const runtime::RuntimeStats stats = runtime_->stats();
      const bool still = !answered && !wrote && taken == 0 && stats.mailbox == 0 && stats.commits_in_flight == 0 &&
                         stats.recovering == 0;
      quiet = still ? quiet + 1 : 0;
    }
  }

  static store::MemoryOptions store_options() {
    store::MemoryOptions options;
    options.committer.own_thread = false;
    return options;
  }

  testing::ManualClock clock_;
  testing::FakeDispatcher dispatcher_;
  store::MemoryBackend tables_;
  store::StoreOverMemory store_{tables_, tables_, store_options().committer};
  runtime::Registry registry_{store_};
  runtime::Reader reader_{store_, registry_};
  telemetry::Metrics metrics_{"test"};
  telemetry::Log log_{telemetry::LogFormat::kText, telemetry::LogLevel::kError, [](std::string_view) {}};
  telemetry::EngineObserver observer_{metrics_, log_};
  std::atomic<bool> draining_{false};
  std::unique_ptr<api::Pool> pool_ = std::make_unique<api::Pool>(0);
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<api::Api> api_;
  std::string callback_ = "/v1/callbacks/none/none/action/1/none";
  std::set<std::string> given_;  ///< Callback paths.
  std::vector<std::function<void()>> streams_;
};

void check(Input input) {
  Orchestrator orchestrator;
  for (std::size_t blocks = 0; blocks < kMostBlocks && !input.is_empty(); ++blocks)
    orchestrator.take(read_block(input.up_to("\n====\n")));
  orchestrator.check_all();
}

}  // namespace
}  // namespace saga::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  saga::fuzz::check({data, size});
  return 0;
}
