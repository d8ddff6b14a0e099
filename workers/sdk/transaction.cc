#include "workers/sdk/transaction.h"

#include <fmt/format.h>

namespace saga::workers {

SqlValue to_sql(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return nullptr;
    case Json::value_t::boolean:
      return static_cast<std::int64_t>(value.get<bool>());
    case Json::value_t::number_integer:
      return value.get<std::int64_t>();
    case Json::value_t::number_unsigned: {
      const auto number = value.get<std::uint64_t>();
      if (number <= static_cast<std::uint64_t>(INT64_MAX)) return static_cast<std::int64_t>(number);
      return static_cast<double>(number);
    }
    case Json::value_t::number_float:
      return value.get<double>();
    case Json::value_t::string:
      return value.get<std::string>();
    default:
      return dump_json(value);
  }
}

bool Row::is_null(std::size_t column) const { return std::holds_alternative<std::nullptr_t>(values_.at(column)); }

std::int64_t Row::integer(std::size_t column) const {
  const SqlValue& value = values_.at(column);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return static_cast<std::int64_t>(*number);
  if (is_null(column)) return 0;
  throw SqlError(fmt::format("expected a number in column '{}', but it is '{}'", names_->at(column), text(column)),
                 false);
}

double Row::real(std::size_t column) const {
  const SqlValue& value = values_.at(column);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return static_cast<double>(integer(column));
}

std::string Row::text(std::size_t column) const {
  const SqlValue& value = values_.at(column);
  if (const auto* string = std::get_if<std::string>(&value)) return *string;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return {};
}

Json Row::to_json() const {
  Json object = Json::object();
  for (std::size_t i = 0; i < values_.size(); ++i) {
    std::visit([&](const auto& value) { object[names_->at(i)] = value; }, values_[i]);
  }
  return object;
}

}  // namespace saga::workers
