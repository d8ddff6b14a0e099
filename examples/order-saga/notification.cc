// Tells the customer. A message to bounce@… comes back.
#include "examples/order-saga/worker.h"

namespace order_saga {
namespace {

using namespace saga::workers;

constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS messages (saga TEXT PRIMARY KEY, recipient TEXT NOT NULL, text TEXT NOT NULL);
)";

StepAnswer send(const StepCall& call, Transaction& tx) {
  if (auto refusal = unfit(call, {{"customer_id", Is::kText}})) return *refusal;
  std::string recipient = text_of(call, "email");
  if (recipient.starts_with("bounce@")) return Refused{"mailbox_unknown", "the message to " + recipient + " came back"};
  if (recipient.empty()) recipient = text_of(call, "customer_id");
  tx.execute("INSERT INTO messages VALUES (?, ?, ?)", call.saga_id, recipient,
             "Your order " + call.saga_id + " is on its way.");
  return Done{{{"sent_to", recipient}}};
}

saga::Json state(const PlainCall&, Transaction& tx) {
  return {{"messages", tx.query_json("SELECT * FROM messages ORDER BY rowid DESC LIMIT 100")}};
}

}  // namespace
}  // namespace order_saga

int main(int argc, char** argv) {
  using namespace order_saga;
  return run(argc, argv, {"notification", kSchema, [](saga::workers::StepServer& server, const std::string&) {
                            server.action("POST", "/messages", send);
                            server.endpoint("GET", "/state", state);
                          }});
}
