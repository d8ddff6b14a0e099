// The real sagad on a disk that is full, fails, or has damaged its files.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/faults/client.h"
#include "tests/faults/gated_worker.h"

namespace saga::faults {
namespace {

using testing::ChildProcess;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using testing::SagadProcess;
using testing::TempFolder;

constexpr const char* kWorkflow = R"(
name: trip
version: 1
defaults: { timeout: 60s }
steps:
  - { name: hotel, service: trips, action: /hotel, compensation: /hotel/cancel }
  - { name: car, service: trips, action: /car, compensation: /car/cancel }
)";

std::size_t lines_with(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++found;
  return found;
}

/// 0 where there is none.
double metric(Client& client, const std::string& name) {
  const std::string text = client.get("/metrics").body;
  const std::size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size() + 2));
}

class Disk : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(folder_.path("store"));
    std::filesystem::create_directory(folder_.path("faults"));
    folder_.write("trip.yaml", kWorkflow);
  }

  [[nodiscard]] std::string database() const { return folder_.path("store/saga.db"); }
  [[nodiscard]] std::vector<std::string> arguments() const {
    return {"--store",     "sqlite:" + database(),
            "--workflows", folder_.path("trip.yaml"),
            "--service",   "trips=" + worker_.url(),
            "--log-level", "warn",
            "--drain",     "1s"};
  }
  [[nodiscard]] std::vector<std::string> environment() const {
    return {"LD_PRELOAD=" FAILING_DISK, "DISK_FAULTS=" + folder_.path("faults"),
            "ASAN_OPTIONS=verify_asan_link_order=0"};
  }
  std::unique_ptr<SagadProcess> start_sagad() {
    auto sagad = std::make_unique<SagadProcess>(arguments(), environment());
    EXPECT_TRUE(sagad->ready()) << sagad->child().stderr_text();
    return sagad;
  }
  /// A store as a sagad leaves it that is killed with so many sagas under way: early-0, early-1, …
  void leave_under_way(int sagas) {
    worker_.set_open(false);
    const auto sagad = start_sagad();
    Client client(*sagad);
    for (int i = 0; i < sagas; ++i) ASSERT_EQ(client.start("trip", fmt::format("early-{}", i)), 201);
    sagad->child().kill(SIGKILL);
    sagad->child().wait();
  }
  void break_disk(const std::string& fault) const { folder_.write("faults/" + fault, ""); }
  void mend_disk(const std::string& fault) const { std::filesystem::remove(folder_.path("faults/" + fault)); }

  /// Fills the disk by `fill` with five sagas under way, and looks at everything until `clear` has made room again.
  template <typename Fill, typename Clear>
  void live_through_a_full_disk(Client& client, ChildProcess& sagad, Fill fill, Clear clear) {
    worker_.set_open(false);
    for (int i = 0; i < 5; ++i) ASSERT_EQ(client.start("trip", fmt::format("early-{}", i)), 201);
    ASSERT_TRUE(worker_.wait_for_keys(5));
    fill();
    worker_.set_open(true);  // Their answers have nowhere to go.
    ASSERT_TRUE(Client::await([&] { return client.ready() == 503; }));
    const auto ready = client.get("/health/ready").json();
    EXPECT_EQ(ready["components"]["store"]["ok"], false);
    const std::string problem = ready["components"]["store"]["problem"];
    EXPECT_THAT(problem, HasSubstr("saga.db"));
    EXPECT_THAT(problem, HasSubstr("free some space, it goes on by itself"));
    const auto refused = client.post("/v1/sagas", {{"workflow", "trip"}, {"id", "late"}});
    EXPECT_EQ(refused.status, 503) << refused.body;
    EXPECT_NE(refused.retry_after, "");
    EXPECT_THAT(refused.body, HasSubstr("free some space"));
    EXPECT_EQ(client.get("/v1/sagas/late").status, 404) << "a refused start leaves nothing behind";
    EXPECT_EQ(client.get("/health/live").status, 200);
    // Long enough for its log to say so: it looks twenty times a second, and the store tries ever more slowly.
    ASSERT_TRUE(Client::await([&] { return metric(client, "sagad_store_errors_total{kind=\"unavailable\"}") > 8; }));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(client.status(fmt::format("early-{}", i)), "running");

    clear();
    ASSERT_TRUE(Client::await([&] { return client.ready() == 200; }));
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(client.status_at_rest(fmt::format("early-{}", i)), "completed");
      const auto steps = client.get(fmt::format("/v1/sagas/early-{}", i)).json()["steps"];
      for (const auto& step : steps) EXPECT_EQ(step["attempts"], 1) << "the answers were not lost: " << step.dump();
    }
    EXPECT_EQ(client.start("trip", "late"), 201);
    EXPECT_EQ(client.status_at_rest("late"), "completed");
    ASSERT_TRUE(Client::await([&] { return client.get("/health/ready").json()["status"] == "ready"; }));
    sagad.kill(SIGTERM);
    EXPECT_EQ(sagad.wait(), 0);
    const std::string log = sagad.stderr_text();
    EXPECT_EQ(lines_with(log, "store_problem"), 1U) << log;
  }

  GatedWorker worker_;
  TempFolder folder_;
};

TEST_F(Disk, AFullOneIsWaitedForAndNothingIsLost) {
  const auto sagad = start_sagad();
  Client client(*sagad);
  live_through_a_full_disk(
      client, sagad->child(), [this] { break_disk("full"); }, [this] { mend_disk("full"); });
}

/// The same on a file system of four megabytes, in a mount namespace of the process's own.
TEST_F(Disk, ARealFileSystemThatIsFullIsWaitedFor) {
  const std::string mount = "mount -t tmpfs -o size=4m none '" + folder_.path("store") + "'";
  {
    ChildProcess may({"/usr/bin/unshare", "-rm", "/bin/sh", "-c", mount});
    if (may.wait() != 0) GTEST_SKIP() << "no mount namespaces here";
  }
  std::string command = mount + " && exec '" SAGAD_BINARY "' --listen 127.0.0.1:0";
  for (const std::string& argument : arguments()) command += " '" + argument + "'";
  ChildProcess sagad({"/usr/bin/unshare", "-rm", "/bin/sh", "-c", command});  // All of them become sagad: one process.
  const auto line = sagad.read_line();
  ASSERT_TRUE(line) << sagad.stderr_text();
  Client client(std::stoi(line->substr(line->rfind(':') + 1)));
  const std::string filler = fmt::format("/proc/{}/root{}", sagad.pid(), folder_.path("store/filler"));
  const auto fill = [&filler] {
    std::ofstream file(filler, std::ios::binary);
    while (file << std::string(1024, 'x') && file.flush()) continue;
    EXPECT_GT(std::filesystem::file_size(filler), 1'000'000U);
  };
  live_through_a_full_disk(client, sagad, fill, [&filler] { std::filesystem::remove(filler); });
}

TEST_F(Disk, AFullOneAtTheStartIsAReasonToTryAgain) {
  leave_under_way(1);
  break_disk("full");
  SagadProcess full(arguments(), environment());
  EXPECT_EQ(full.child().wait(), 75);
  const std::string said = full.child().stderr_text();
  EXPECT_THAT(said, MatchesRegex("sagad: [^\n]+\n")) << "one line";
  EXPECT_THAT(said, HasSubstr("free some space"));
  mend_disk("full");
  worker_.set_open(true);
  const auto again = start_sagad();
  EXPECT_EQ(Client(*again).status_at_rest("early-0"), "completed");
}

struct Breakage {
  std::string fault;
  bool at_checkpoint = false;  ///< Only then is the file touched.
};

class BrokenDisk : public Disk, public ::testing::WithParamInterface<Breakage> {};

TEST_P(BrokenDisk, EndsARunningSagadAndNothingAcknowledgedIsLost) {
  std::vector<std::string> acknowledged;
  worker_.set_open(false);
  {
    const auto sagad = start_sagad();
    Client client(*sagad);
    for (int i = 0; i < 10; ++i) {
      ASSERT_EQ(client.start("trip", fmt::format("early-{}", i)), 201);
      acknowledged.push_back(fmt::format("early-{}", i));
    }
    break_disk(GetParam().fault);
    // Sixteen megabytes of log bring the next checkpoint about.
    const Json input{{"text", std::string(4'000, 'x')}};
    for (int i = 0; i < 5'000; ++i) {
      const std::string id = fmt::format("late-{}", i);
      const int status = client.start("trip", id, input);
      if (status != 201) break;
      acknowledged.push_back(id);
    }
    EXPECT_EQ(acknowledged.size() > 10, GetParam().at_checkpoint);
    EXPECT_EQ(sagad->child().wait(), 75);
    const std::string said = sagad->child().stderr_text();
    EXPECT_THAT(said, MatchesRegex("sagad: the store failed and takes nothing more: [^\n]+\n")) << "one line";
    EXPECT_THAT(said, HasSubstr("look at the disk and start sagad again"));
  }
  mend_disk(GetParam().fault);
  worker_.set_open(true);
  const auto again = start_sagad();
  Client client(*again);
  for (const std::string& id : acknowledged) EXPECT_EQ(client.get("/v1/sagas/" + id).status, 200) << id;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.status_at_rest(fmt::format("early-{}", i)), "completed");
}

std::string letters_of(std::string text) {
  std::erase_if(text, [](unsigned char c) { return std::isalnum(c) == 0; });
  return text;
}

INSTANTIATE_TEST_SUITE_P(Everywhere, BrokenDisk,
                         ::testing::Values(Breakage{"write .db-wal"}, Breakage{"sync .db-wal"},
                                           Breakage{"write .db", true}, Breakage{"sync .db", true}),
                         [](const auto& broken) { return letters_of(broken.param.fault); });

/// At the start the log that a crash has left is copied into the database: every step of that may fail.
class BrokenDiskAtTheStart : public Disk, public ::testing::WithParamInterface<std::string> {};

TEST_P(BrokenDiskAtTheStart, SaysSoAndNothingAcknowledgedIsLost) {
  leave_under_way(10);
  break_disk(GetParam());
  SagadProcess failing(arguments(), environment());
  EXPECT_EQ(failing.child().wait(), 75);
  EXPECT_THAT(failing.child().stderr_text(), MatchesRegex("sagad: [^\n]+\n")) << "one line";
  mend_disk(GetParam());
  worker_.set_open(true);
  const auto again = start_sagad();
  Client client(*again);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.status_at_rest(fmt::format("early-{}", i)), "completed");
}

INSTANTIATE_TEST_SUITE_P(Everywhere, BrokenDiskAtTheStart,
                         ::testing::Values("write .db", "sync .db", "write .db-wal", "sync .db-wal", "sync store"),
                         [](const auto& broken) { return letters_of(broken.param); });

/// Every way a person meets a damaged file: one line, and what to do.
TEST_F(Disk, DamagedFilesAreRefusedInOneLine) {
  leave_under_way(20);
  std::map<std::string, std::string> files;
  for (const std::string ending : {"", "-wal"}) {
    std::ifstream file(database() + ending, std::ios::binary);
    files[ending] = {std::istreambuf_iterator<char>(file), {}};
  }
  const auto expect_refused = [&](const std::string& main, const std::string& log) {
    for (const std::string ending : {"", "-wal", "-shm"}) std::filesystem::remove(database() + ending);
    std::ofstream(database(), std::ios::binary) << main;
    if (!log.empty()) std::ofstream(database() + "-wal", std::ios::binary) << log;
    SagadProcess sagad(arguments());
    EXPECT_EQ(sagad.child().wait(), 2);
    const std::string said = sagad.child().stderr_text();
    EXPECT_THAT(said, MatchesRegex("sagad: [^\n]+\n"));
    EXPECT_THAT(said, HasSubstr("restore a backup"));
  };
  std::string log = files["-wal"];
  log[log.size() / 2] = static_cast<char>(log[log.size() / 2] ^ 1);
  expect_refused(files[""], log);     // A bit of the log.
  expect_refused("", files["-wal"]);  // The database is gone.
  expect_refused(std::string(8'192, 'x'), "");
  expect_refused(files[""].substr(0, 3'000), "");
}

TEST_F(Disk, ASagaWithADamagedEventIsShownAndTheOthersGoOn) {
  worker_.set_open(false);
  {
    const auto sagad = start_sagad();
    Client client(*sagad);
    for (const char* id : {"whole", "hit"})
      ASSERT_EQ(client.start("trip", id, {{"note", std::string("of ") + id}}), 201);
    sagad->child().kill(SIGTERM);
    sagad->child().wait();
  }
  {
    std::fstream file(database(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string whole{std::istreambuf_iterator<char>(file), {}};
    const std::size_t at = whole.rfind("of hit");
    ASSERT_NE(at, std::string::npos);
    file.clear();
    file.seekp(static_cast<std::streamoff>(at));
    file << "of hot";
  }
  worker_.set_open(true);
  const auto sagad = start_sagad();
  Client client(*sagad);
  EXPECT_EQ(client.status_at_rest("whole"), "completed");
  ASSERT_TRUE(Client::await([&] { return client.get("/v1/sagas?needs_attention=true").json()["sagas"].size() == 1; }));
  ChildProcess inspect({SAGACTL_BINARY, "--server", sagad->url(), "inspect", "hit"});
  const std::string page = inspect.read_rest();
  EXPECT_THAT(page, HasSubstr("corrupt"));
  EXPECT_THAT(page, HasSubstr("event 1 is damaged on the disk"));
  EXPECT_THAT(page, HasSubstr("terminate hit --reason"));
  EXPECT_EQ(client.get("/v1/sagas/hit/events").status, 200) << "what can be read is shown";
  EXPECT_EQ(client.post("/v1/sagas/hit/terminate", {{"reason", "settled by hand"}}).status, 200);
  EXPECT_EQ(client.status("hit"), "terminated");
}

}  // namespace
}  // namespace saga::faults
