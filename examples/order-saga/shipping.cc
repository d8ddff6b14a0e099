// Arranges shipments. There is none to Atlantis, and on the stormy sea the first two attempts fail.
#include "examples/order-saga/worker.h"

namespace order_saga {
namespace {

using namespace saga::workers;

constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS shipments (
    id TEXT PRIMARY KEY, ship_to TEXT NOT NULL, status TEXT NOT NULL);                             -- arranged, cancelled
)";

std::string shipment_id(const StepCall& call) { return "s-" + call.saga_id; }

StepAnswer arrange(const StepCall& call, Transaction& tx) {
  const std::string ship_to = text_of(call, "ship_to");
  if (ship_to == "atlantis") return Refused{"shipping_unavailable", "nobody ships to Atlantis"};
  if (ship_to == "stormy-sea" && call.attempt < 3) return Retry{"storm", "no ship leaves port at the moment"};
  tx.execute("INSERT INTO shipments VALUES (?, ?, 'arranged')", shipment_id(call), ship_to);
  return Done{{{"shipment_id", shipment_id(call)}, {"ship_to", ship_to}}};
}

StepAnswer cancel(const StepCall& call, Transaction& tx) {
  tx.execute("UPDATE shipments SET status = 'cancelled' WHERE id = ?", shipment_id(call));
  return Done{};
}

saga::Json state(const PlainCall&, Transaction& tx) {
  return {{"shipments", tx.query_json("SELECT * FROM shipments ORDER BY rowid DESC LIMIT 100")}};
}

}  // namespace
}  // namespace order_saga

int main(int argc, char** argv) {
  using namespace order_saga;
  return run(argc, argv, {"shipping", kSchema, [](saga::workers::StepServer& server, const std::string&) {
                            server.action("POST", "/shipments", arrange);
                            server.compensation("POST", "/shipments/cancel", cancel);
                            server.endpoint("GET", "/state", state);
                          }});
}
