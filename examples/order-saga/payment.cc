// Charges and refunds through a gateway that is not in our database: the barrier records that a charge has begun before
// the gateway is asked, so that one whose answer was lost is still refunded.
#include <memory>
#include <stdexcept>

#include "examples/order-saga/gateway.h"
#include "examples/order-saga/worker.h"

namespace order_saga {
namespace {

using namespace saga::workers;
using Kind = GatewayAnswer::Kind;

// Our own books: what we know of. The gateway's ledger is the truth about money.
constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS payments (
    order_id TEXT PRIMARY KEY, charge_id TEXT, customer TEXT, amount NUMERIC, currency TEXT, status TEXT NOT NULL);
)";

StepAnswer charge(Gateway& gateway, const StepCall& call, Transaction& tx) {
  if (auto refusal = unfit(call, {{"order", Is::kText}, {"customer", Is::kText}, {"amount", Is::kNumber}}))
    return *refusal;
  const std::string order = text_of(call, "order");
  const std::string customer = text_of(call, "customer");
  const saga::Json& amount = call.input.at("amount");
  const GatewayAnswer answer = gateway.charge(call.idempotency_key, order, customer, amount, call.timeout);
  if (answer.kind == Kind::kDeclined)
    return Refused{"card_declined", "the card of '" + customer + "' was declined", 402};
  if (answer.kind == Kind::kLost) return Retry{"gateway_timeout", "the gateway did not say whether it charged"};
  tx.execute("INSERT OR REPLACE INTO payments VALUES (?, ?, ?, ?, 'EUR', 'charged')", order, answer.id, customer,
             amount);
  return Done{{{"charge_id", answer.id}, {"amount", amount}}};
}

/// The charge's id may be null: then only its order leads to it.
StepAnswer refund(Gateway& gateway, const StepCall& call, Transaction& tx) {
  if (auto refusal = unfit(call, {{"order", Is::kText}})) return *refusal;
  const std::string order = text_of(call, "order");
  const GatewayAnswer answer = gateway.refund(order);
  if (answer.kind == Kind::kDown)
    return Refused{"gateway_down", "the gateway refunds nothing to this customer for now", 503};
  if (answer.id.empty()) return Done{};
  tx.execute("INSERT OR IGNORE INTO payments (order_id, status) VALUES (?, 'unknown')", order);
  tx.execute("UPDATE payments SET status = 'refunded' WHERE order_id = ?", order);
  return Done{{{"refund_id", answer.id}}};
}

void mount(StepServer& server, Gateway& gateway) {
  const auto charging = [&](const StepCall& call, Transaction& tx) { return charge(gateway, call, tx); };
  const auto refunding = [&](const StepCall& call, Transaction& tx) { return refund(gateway, call, tx); };
  server.action("POST", "/charges", charging, {.effects = Effects::kOutside});
  server.compensation("POST", "/refunds", refunding, {.effects = Effects::kOutside});
  server.endpoint("POST", "/admin/gateway", [&](const PlainCall& call, Transaction&) {
    gateway.set_up(call.body.at("up").get<bool>());
    return saga::Json{{"up", call.body.at("up")}};
  });
  server.endpoint("GET", "/state", [&](const PlainCall&, Transaction& tx) {
    const char* payments = "SELECT * FROM payments ORDER BY rowid DESC LIMIT 100";
    return saga::Json{{"payments", tx.query_json(payments)}, {"gateway", gateway.state()}};
  });
}

}  // namespace
}  // namespace order_saga

int main(int argc, char** argv) {
  using namespace order_saga;
  std::unique_ptr<Gateway> gateway;
  return run(argc, argv, {"payment", kSchema, [&](StepServer& server, const std::string& db) {
                            auto opened = Gateway::open(db + "-gateway");
                            if (!opened) throw std::runtime_error(opened.error().message);
                            gateway = std::move(*opened);
                            mount(server, *gateway);
                          }});
}
