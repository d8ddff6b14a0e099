#include "tests/torture/ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>

#include "base/check.h"

namespace saga::torture {

using workers::Done;
using workers::Phase;
using workers::Refused;
using workers::Retry;
using workers::StepAnswer;
using workers::StepCall;
using workers::Taken;

// Not synced at every commit: what kills here is a signal, which takes nothing that was handed to the kernel.
const char* const kEffectsSchema = R"(
  PRAGMA synchronous=NORMAL;
  CREATE TABLE IF NOT EXISTS effects (saga TEXT, step TEXT, phase TEXT, attempt INTEGER, at INTEGER);
  CREATE TABLE IF NOT EXISTS jobs (key TEXT PRIMARY KEY, saga TEXT, step TEXT, trouble TEXT, due INTEGER) WITHOUT ROWID;
)";
const char* const kGatewaySchema = R"(
  PRAGMA synchronous=NORMAL;
  CREATE TABLE IF NOT EXISTS charges (key TEXT PRIMARY KEY, saga TEXT, amount INTEGER, at INTEGER);
  CREATE TABLE IF NOT EXISTS refunds (key TEXT PRIMARY KEY, at INTEGER);
)";

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<CallFile> CallFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return fail(ErrorCode::kUnavailable, "cannot open '" + path + "'");
  return CallFile(fd);
}

void CallFile::write(const std::string& line) const {
  SAGA_CHECK(::write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size()), "a line that can be written");
}

namespace {

std::string line_of(char kind, const StepCall& call, int last) {
  return fmt::format("{} {} {} {} {} {} {}\n", kind, now_ns(), call.saga_id, call.step,
                     call.phase == Phase::kAction ? "action" : "compensation", call.attempt, last);
}

int status_of(const StepAnswer& answer) {
  if (std::holds_alternative<Done>(answer)) return 200;
  if (std::holds_alternative<Taken>(answer)) return 202;
  if (const auto* refused = std::get_if<Refused>(&answer)) return refused->status;
  return std::get<Retry>(answer).status;
}

Result<void> read_calls(const std::string& path, Ledgers& ledgers) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::kUnavailable, "cannot read '" + path + "'");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    char kind = 0;
    std::int64_t at = 0;
    std::string saga;
    std::string phase;
    SeenCall call;
    int last = 0;
    if (!(words >> kind >> at >> saga >> call.step >> phase >> call.attempt >> last)) {
      return fail(ErrorCode::kCorruption, fmt::format("{}: expected a call, but the line is '{}'", path, line));
    }
    call.undo = phase == "compensation";
    auto& calls = ledgers[saga].calls;
    if (kind == 'A') {
      call.came_ns = at;
      call.outcome_unknown = last != 0;
      calls.push_back(std::move(call));
      continue;
    }
    const auto open = std::find_if(calls.begin(), calls.end(), [&](const SeenCall& c) {
      return c.step == call.step && c.undo == call.undo && c.attempt == call.attempt && c.answered_ns == 0;
    });
    if (open == calls.end())
      return fail(ErrorCode::kCorruption, fmt::format("{}: an answer to no call: '{}'", path, line));
    open->answered_ns = at;
    open->status = last;
  }
  return {};
}

struct CloseDb {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};

Result<void> each_row(const std::string& path, const char* sql, const std::function<void(sqlite3_stmt*)>& row) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
  const std::unique_ptr<sqlite3, CloseDb> db(raw);
  sqlite3_stmt* statement = nullptr;
  if (opened != SQLITE_OK || sqlite3_prepare_v2(raw, sql, -1, &statement, nullptr) != SQLITE_OK)
    return fail(ErrorCode::kUnavailable, fmt::format("cannot read '{}': {}", path, sqlite3_errmsg(raw)));
  int code = SQLITE_OK;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) row(statement);
  sqlite3_finalize(statement);
  if (code != SQLITE_DONE)
    return fail(ErrorCode::kUnavailable, fmt::format("cannot read '{}': {}", path, sqlite3_errmsg(raw)));
  return {};
}

std::string text(sqlite3_stmt* row, int column) {
  return reinterpret_cast<const char*>(sqlite3_column_text(row, column));
}

}  // namespace

void CallFile::came(const StepCall& call) const {
  write(line_of('A', call, call.phase == Phase::kCompensation && call.outcome == workers::ActionOutcome::kUnknown));
}

void CallFile::answered(const StepCall& call, const StepAnswer& answer) const {
  write(line_of('D', call, status_of(answer)));
}

Result<void> read_ledger(const std::string& database, Ledgers& ledgers) {
  if (auto calls = read_calls(database + "-calls", ledgers); !calls) return calls;
  auto effects =
      each_row(database, "SELECT saga, step, phase, attempt, at FROM effects ORDER BY rowid", [&](sqlite3_stmt* row) {
        ledgers[text(row, 0)].effects.push_back(
            {text(row, 1), text(row, 2) == "compensation", sqlite3_column_int(row, 3), sqlite3_column_int64(row, 4)});
      });
  if (!effects || !std::filesystem::exists(database + "-gateway")) return effects;
  return each_row(database + "-gateway",
                  "SELECT saga, charges.key, amount, refunds.key IS NOT NULL FROM charges LEFT JOIN refunds "
                  "ON refunds.key = charges.key",
                  [&](sqlite3_stmt* row) {
                    ledgers[text(row, 0)].charges.push_back(
                        {text(row, 1), sqlite3_column_int64(row, 2), sqlite3_column_int(row, 3) != 0});
                  });
}

void sort_ledgers(Ledgers& ledgers) {
  for (auto& [saga, ledger] : ledgers) {
    std::stable_sort(ledger.calls.begin(), ledger.calls.end(),
                     [](const SeenCall& a, const SeenCall& b) { return a.came_ns < b.came_ns; });
    std::stable_sort(ledger.effects.begin(), ledger.effects.end(),
                     [](const Effect& a, const Effect& b) { return a.at_ns < b.at_ns; });
  }
}

}  // namespace saga::torture
