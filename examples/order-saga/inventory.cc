// Keeps the stock. Reserving takes goods out of it, releasing puts them back.
#include "examples/order-saga/worker.h"

namespace order_saga {
namespace {

using namespace saga::workers;

// Of whatever is asked for, the warehouse has a million, but for these two.
constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, on_hand INTEGER NOT NULL CHECK (on_hand >= 0));
  CREATE TABLE IF NOT EXISTS reservations (
    saga TEXT PRIMARY KEY, sku TEXT NOT NULL, quantity INTEGER NOT NULL, status TEXT NOT NULL);   -- held, released
  INSERT OR IGNORE INTO stock VALUES ('sold-out', 0), ('last-one', 1);
)";

StepAnswer reserve(const StepCall& call, Transaction& tx) {
  if (auto refusal = unfit(call, {{"sku", Is::kText}, {"quantity", Is::kPositiveInteger}})) return *refusal;
  const std::string sku = text_of(call, "sku");
  const auto quantity = call.input.at("quantity").get<std::int64_t>();
  tx.execute("INSERT OR IGNORE INTO stock VALUES (?, 1000000)", sku);
  if (tx.execute("UPDATE stock SET on_hand = on_hand - ? WHERE sku = ? AND on_hand >= ?", quantity, sku, quantity) ==
      0) {
    const auto left = tx.query("SELECT on_hand FROM stock WHERE sku = ?", sku).at(0).text(0);
    return Refused{"out_of_stock", "there are only " + left + " of '" + sku + "', not " + std::to_string(quantity)};
  }
  tx.execute("INSERT INTO reservations VALUES (?, ?, ?, 'held')", call.saga_id, sku, quantity);
  return Done{{{"reservation_id", "r-" + call.saga_id}, {"sku", sku}, {"quantity", quantity}}};
}

/// Reached only for a reservation that was made, so that there is something to release.
StepAnswer release(const StepCall& call, Transaction& tx) {
  const std::string& saga = call.path_parameters.at("saga");
  const auto held = tx.query("SELECT sku, quantity FROM reservations WHERE saga = ? AND status = 'held'", saga);
  for (const Row& row : held) {
    tx.execute("UPDATE stock SET on_hand = on_hand + ? WHERE sku = ?", row.integer(1), row.text(0));
    tx.execute("UPDATE reservations SET status = 'released' WHERE saga = ?", saga);
  }
  return Done{};
}

saga::Json state(const PlainCall&, Transaction& tx) {
  return {{"stock", tx.query_json("SELECT * FROM stock ORDER BY sku")},
          {"reservations", tx.query_json("SELECT * FROM reservations ORDER BY rowid DESC LIMIT 100")}};
}

}  // namespace
}  // namespace order_saga

int main(int argc, char** argv) {
  using namespace order_saga;
  return run(argc, argv, {"inventory", kSchema, [](saga::workers::StepServer& server, const std::string&) {
                            server.action("POST", "/reservations", reserve);
                            server.compensation("DELETE", "/reservations/:saga", release);
                            server.endpoint("GET", "/state", state);
                          }});
}
