// What the workers' ledger has to show of each saga once everything has ended.
#pragma once

#include <string>
#include <unordered_map>

#include "tests/sim/book.h"
#include "tests/sim/workers.h"

namespace saga::sim {

void check_ledger(Setting& setting, Book& book, const std::unordered_map<std::string, Deed>& ledger);

}  // namespace saga::sim
