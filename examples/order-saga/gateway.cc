#include "examples/order-saga/gateway.h"

#include <chrono>
#include <thread>
#include <utility>

namespace order_saga {

using saga::Json;
using saga::workers::BarrierTransaction;
using saga::workers::SqlError;

namespace {

constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS charges (
    key TEXT PRIMARY KEY, order_id TEXT NOT NULL, customer TEXT NOT NULL, amount NUMERIC NOT NULL);
  CREATE INDEX IF NOT EXISTS charges_by_order ON charges (order_id);
  CREATE TABLE IF NOT EXISTS refunds (charge_key TEXT PRIMARY KEY REFERENCES charges, amount NUMERIC NOT NULL);
  CREATE TABLE IF NOT EXISTS refunds_up (up INTEGER NOT NULL);    -- empty: not for cust-norefund
)";

}  // namespace

saga::Result<std::unique_ptr<Gateway>> Gateway::open(const std::string& path) {
  auto ledger = saga::workers::open_sqlite_store(path, kSchema);
  if (!ledger) return tl::unexpected(ledger.error());
  return std::unique_ptr<Gateway>(new Gateway(std::move(*ledger)));
}

std::unique_ptr<BarrierTransaction> Gateway::begin() {
  auto transaction = ledger_->begin(std::chrono::steady_clock::now() + std::chrono::seconds(10));
  if (!transaction) throw SqlError("the gateway's ledger: " + transaction.error().message, true);
  return std::move(*transaction);
}

GatewayAnswer Gateway::charge(const std::string& key, const std::string& order, const std::string& customer,
                              const Json& amount, saga::Millis patience) {
  if (customer == "cust-declined") return {GatewayAnswer::Kind::kDeclined, {}};
  {
    const auto tx = begin();
    tx->execute("INSERT OR IGNORE INTO charges VALUES (?, ?, ?, ?)", key, order, customer, amount);
    tx->commit();
  }
  if (customer == "cust-timeout") {
    std::this_thread::sleep_for(patience + saga::Millis{300});
    return {GatewayAnswer::Kind::kLost, {}};
  }
  return {GatewayAnswer::Kind::kDone, "ch-" + order};
}

GatewayAnswer Gateway::refund(const std::string& order) {
  const auto tx = begin();
  const auto charges = tx->query("SELECT key, customer, amount FROM charges WHERE order_id = ?", order);
  if (charges.empty()) return {GatewayAnswer::Kind::kDone, {}};
  const bool up = !tx->query("SELECT up FROM refunds_up").empty();
  if (charges.front().text(1) == "cust-norefund" && !up) return {GatewayAnswer::Kind::kDown, {}};
  for (const auto& charge : charges) {
    tx->execute("INSERT OR IGNORE INTO refunds SELECT key, amount FROM charges WHERE key = ?", charge.text(0));
  }
  tx->commit();
  return {GatewayAnswer::Kind::kDone, "re-" + order};
}

void Gateway::set_up(bool up) {
  const auto tx = begin();
  tx->execute("DELETE FROM refunds_up");
  if (up) tx->execute("INSERT INTO refunds_up VALUES (1)");
  tx->commit();
}

Json Gateway::state() {
  const auto tx = begin();
  return {{"charges", tx->query_json("SELECT order_id, customer, amount FROM charges ORDER BY rowid DESC LIMIT 100")},
          {"refunds",
           tx->query_json("SELECT order_id, refunds.amount FROM refunds JOIN charges ON charges.key = charge_key "
                          "ORDER BY refunds.rowid DESC LIMIT 100")}};
}

}  // namespace order_saga
