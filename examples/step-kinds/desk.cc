// A travel desk: the worker behind all of these examples. It books whatever step it is called for, and cancels it. A
// printer takes its time: that step is taken at once, and finished by a callback when the last page is out. A step
// whose name is the input's `refuse` is refused.
#include <string>

#include "examples/order-saga/worker.h"
#include "examples/step-kinds/printer.h"

namespace step_kinds {
namespace {

using namespace saga::workers;

constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS bookings (
    saga TEXT, step TEXT, status TEXT NOT NULL,                               -- booked, cancelled
    PRIMARY KEY (saga, step));
  CREATE TABLE IF NOT EXISTS diary (seq INTEGER PRIMARY KEY, saga TEXT, step TEXT, did TEXT);
)";

void note(Transaction& tx, const StepCall& call, const char* did) {
  tx.execute("INSERT INTO diary (saga, step, did) VALUES (?, ?, ?)", call.saga_id, call.step, did);
}

bool is_refused(const StepCall& call) { return order_saga::text_of(call, "refuse") == call.step; }

StepAnswer book(const StepCall& call, Transaction& tx) {
  if (is_refused(call)) return Refused{"refused_on_demand", "the input says that " + call.step + " is to be refused"};
  tx.execute("INSERT INTO bookings VALUES (?, ?, 'booked')", call.saga_id, call.step);
  note(tx, call, "booked");
  return Done{{{"booking", call.saga_id + "-" + call.step}}};
}

StepAnswer cancel(const StepCall& call, Transaction& tx) {
  tx.execute("UPDATE bookings SET status = 'cancelled' WHERE saga = ? AND step = ?", call.saga_id, call.step);
  note(tx, call, "cancelled");
  return Done{};
}

StepAnswer take_print(const StepCall& call, Transaction& tx) {
  const auto pages = call.input.is_object() ? call.input.value("pages", std::int64_t{3}) : 3;
  if (pages < 1) return Refused{"nothing_to_print", "expected 'pages' to be a whole number from 1"};
  queue_print(tx, call, pages, is_refused(call));
  note(tx, call, "taken");
  return Taken{};
}

StepAnswer cancel_print(const StepCall& call, Transaction& tx) {
  drop_print(tx, call);
  note(tx, call, "cancelled");
  return Done{};
}

saga::Json state(const PlainCall&, Transaction& tx) {
  return {{"bookings", tx.query_json("SELECT * FROM bookings ORDER BY rowid DESC LIMIT 100")},
          {"prints", tx.query_json("SELECT key, status, printed, pages FROM prints ORDER BY rowid DESC LIMIT 100")},
          {"diary", tx.query_json("SELECT saga, step, did FROM diary ORDER BY seq DESC LIMIT 1000")}};
}

}  // namespace
}  // namespace step_kinds

int main(int argc, char** argv) {
  using namespace step_kinds;
  return order_saga::run(argc, argv,
                         {"desk", std::string(kSchema) + kPrinterSchema,
                          [](StepServer& server, const std::string&) {
                            server.action("POST", "/bookings", book);
                            server.compensation("POST", "/bookings/cancel", cancel);
                            server.action("POST", "/prints", take_print);
                            server.compensation("POST", "/prints/cancel", cancel_print);
                            server.endpoint("GET", "/state", state);
                          },
                          run_printer});
}
