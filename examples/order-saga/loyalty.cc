// Gives a point for every ten that were spent. `cust-noloyalty` is no member.
#include "examples/order-saga/worker.h"

namespace order_saga {
namespace {

using namespace saga::workers;

constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS awards (saga TEXT PRIMARY KEY, customer TEXT NOT NULL, points INTEGER NOT NULL);
)";

StepAnswer award(const StepCall& call, Transaction& tx) {
  if (auto refusal = unfit(call, {{"customer_id", Is::kText}, {"amount", Is::kNumber}})) return *refusal;
  const std::string customer = text_of(call, "customer_id");
  if (customer == "cust-noloyalty") return Refused{"no_member", "'" + customer + "' does not collect points"};
  const auto points = static_cast<std::int64_t>(call.input.at("amount").get<double>() / 10);
  tx.execute("INSERT INTO awards VALUES (?, ?, ?)", call.saga_id, customer, points);
  return Done{{{"points", points}}};
}

saga::Json state(const PlainCall&, Transaction& tx) {
  return {{"points",
           tx.query_json("SELECT customer, SUM(points) AS points FROM awards GROUP BY customer ORDER BY customer")},
          {"awards", tx.query_json("SELECT * FROM awards ORDER BY rowid DESC LIMIT 100")}};
}

}  // namespace
}  // namespace order_saga

int main(int argc, char** argv) {
  using namespace order_saga;
  return run(argc, argv, {"loyalty", kSchema, [](saga::workers::StepServer& server, const std::string&) {
                            server.action("POST", "/points", award);
                            server.endpoint("GET", "/state", state);
                          }});
}
