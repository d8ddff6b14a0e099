// A payment gateway, played: an outside service with a ledger of its own, which the payment worker cannot put into its
// own transaction. It takes an idempotency key as real ones do: the same key charges once. What goes wrong is chosen by
// the customer.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "workers/sdk/barrier.h"

namespace order_saga {

struct GatewayAnswer {
  enum class Kind { kDone, kDeclined, kLost, kDown };
  Kind kind = Kind::kDone;
  std::string id;  ///< Of the charge or refund; of a refund empty where there was nothing to refund.
};

/// Thread-safe.
class Gateway {
 public:
  /// Its ledger is a SQLite file of its own.
  [[nodiscard]] static saga::Result<std::unique_ptr<Gateway>> open(const std::string& path);

  /// `cust-declined`: declined. `cust-timeout`: charges, and its answer gets lost after `patience` has passed.
  [[nodiscard]] GatewayAnswer charge(const std::string& key, const std::string& order, const std::string& customer,
                                     const saga::Json& amount, saga::Millis patience);

  /// Gives back whatever `order` was charged; the same again changes nothing. `cust-norefund`: down until
  /// `set_up(true)`.
  [[nodiscard]] GatewayAnswer refund(const std::string& order);

  void set_up(bool up);
  [[nodiscard]] saga::Json state();

 private:
  explicit Gateway(std::unique_ptr<saga::workers::BarrierStore> ledger) : ledger_(std::move(ledger)) {}
  [[nodiscard]] std::unique_ptr<saga::workers::BarrierTransaction> begin();

  std::unique_ptr<saga::workers::BarrierStore> ledger_;
};

}  // namespace order_saga
