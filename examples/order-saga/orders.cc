// Keeps the orders: placed, or cancelled.
#include "examples/order-saga/worker.h"

namespace order_saga {
namespace {

using namespace saga::workers;

constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL, amount NUMERIC NOT NULL,
    status TEXT NOT NULL);                                                                         -- placed, cancelled
)";

std::string order_id(const StepCall& call) { return "o-" + call.saga_id; }

StepAnswer create(const StepCall& call, Transaction& tx) {
  if (auto refusal = unfit(call, {{"customer_id", Is::kText},
                                  {"sku", Is::kText},
                                  {"quantity", Is::kPositiveInteger},
                                  {"amount", Is::kNumber}})) {
    return *refusal;
  }
  tx.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, 'placed')", order_id(call), text_of(call, "customer_id"),
             text_of(call, "sku"), call.input.at("quantity"), call.input.at("amount"));
  return Done{{{"order_id", order_id(call)}}};
}

/// Goes by the saga, not by `output.order_id`: after a timeout there is no output.
StepAnswer cancel(const StepCall& call, Transaction& tx) {
  tx.execute("UPDATE orders SET status = 'cancelled' WHERE id = ?", order_id(call));
  return Done{{{"order_id", order_id(call)}, {"status", "cancelled"}}};
}

saga::Json state(const PlainCall&, Transaction& tx) {
  return {{"orders", tx.query_json("SELECT * FROM orders ORDER BY rowid DESC LIMIT 100")}};
}

}  // namespace
}  // namespace order_saga

int main(int argc, char** argv) {
  using namespace order_saga;
  return run(argc, argv, {"orders", kSchema, [](saga::workers::StepServer& server, const std::string&) {
                            server.action("POST", "/orders", create);
                            server.compensation("POST", "/orders/cancel", cancel);
                            server.endpoint("GET", "/state", state);
                          }});
}
