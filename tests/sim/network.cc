#include "tests/sim/network.h"

namespace saga::sim {

void Network::carry(const FlightRef& flight) {
  const WireCall& call = *flight->call;
  const auto chance = std::make_shared<Chance>(setting_.plan.seed, "wire", call.number());
  Agenda& agenda = setting_.agenda;
  const Millis timeout = call.call.timeout;
  const auto strikes = [&](Fault fault) {
    const bool hit = chance->percent(setting_.plan.of(fault)) && !setting_.calm;
    if (hit) setting_.happened(fault);
    return hit;
  };
  const int reset = chance->between(1, 200);
  const auto end_without_answer = [&] {
    if (chance->one_in(2)) {
      agenda.in(std::min(timeout, Millis{reset}), [this, flight] { land(flight, connection_lost()); });
    }
  };
  agenda.in(timeout, [this, flight] {
    if (!flight->ended) land(flight, timed_out());
  });
  const Millis there = chance->millis(0, 5);
  if (strikes(Fault::kUnreachable)) {
    agenda.in(chance->one_in(4) ? timeout - Millis{1} : Millis{1}, [this, flight] { land(flight, unreachable()); });
  } else if (strikes(Fault::kLostBefore)) {
    end_without_answer();
  } else if (strikes(Fault::kLostAfter)) {
    agenda.in(there, [this, flight, chance] { deliver(flight, chance, true); });
    end_without_answer();
  } else if (strikes(Fault::kLateCall)) {
    agenda.in(timeout + chance->millis(0, 30'000), [this, flight, chance] { deliver(flight, chance, false); });
  } else if (strikes(Fault::kTwice)) {
    agenda.in(there, [this, flight, chance] { deliver(flight, chance, false); });
    agenda.in(there + chance->millis(0, 10'000), [this, flight, chance] { deliver(flight, chance, true); });
  } else {
    agenda.in(there, [this, flight, chance] { deliver(flight, chance, false); });
  }
}

void Network::deliver(const FlightRef& flight, const std::shared_ptr<Chance>& chance, bool answer_is_lost) {
  workers_.arrive(flight->call, [this, flight, chance, answer_is_lost](End end) {
    if (answer_is_lost) return;
    Millis back = chance->millis(0, 5);
    if (chance->percent(setting_.plan.of(Fault::kLateAnswer)) && !setting_.calm) {
      setting_.happened(Fault::kLateAnswer);
      back = flight->call->call.timeout + chance->millis(0, 5'000);
    }
    setting_.agenda.in(back, [this, flight, end = std::move(end)] {
      if (!flight->ended) {
        land(flight, end);
      } else {
        landed_(flight, end, true);
      }
    });
  });
}

void Network::land(const FlightRef& flight, const End& end) {
  if (flight->ended) return;
  flight->ended = true;
  landed_(flight, end, false);
}

}  // namespace saga::sim
