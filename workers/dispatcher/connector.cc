#include "workers/dispatcher/connector.h"

#include <utility>

namespace saga::workers {

void Connector::looked_up() {
  stage_ = Stage::kTrying;
  user_.go_on();
}

void Connector::expire() {
  expired_ = true;
  user_.go_on();
}

std::optional<Result<std::unique_ptr<Connection>>> Connector::go_on() {
  if (stage_ == Stage::kNew && !instance_.knows_addresses()) {
    stage_ = Stage::kLookingUp;
    limit_.emplace(instance_.network().loop.deadlines(), deadline_, *this);
    instance_.await_addresses(*this);
  }
  if (stage_ == Stage::kLookingUp && !expired_) return std::nullopt;
  stage_ = Stage::kTrying;
  if (addresses_.empty()) {
    auto known = instance_.addresses();
    if (!known) return tl::unexpected<Error>(known.error());
    addresses_ = std::move(*known);
    error_ = std::make_error_code(std::errc::timed_out);
  }
  while (connection_ != nullptr || try_next()) {
    const auto opened =
        expired_ ? std::make_error_code(std::errc::timed_out) : connection_->open(addresses_[next_ - 1]);
    if (!opened) return std::nullopt;
    limit_.reset();
    if (!*opened) return std::move(connection_);
    error_ = *opened;
    connection_.reset();
  }
  return tl::unexpected<Error>(why_not());
}

bool Connector::try_next() {
  const net::TimePoint now = net::SteadyClock::now();
  if (next_ == addresses_.size()) return false;
  if (now >= deadline_) {
    error_ = std::make_error_code(std::errc::timed_out);
    return false;
  }
  connection_ = instance_.make_connection();
  connection_->serve(&user_);
  // An address that swallows everything leaves the others their share.
  const auto share = (deadline_ - now) / static_cast<std::int64_t>(addresses_.size() - next_);
  ++next_;
  expired_ = false;
  limit_.emplace(instance_.network().loop.deadlines(), now + share, *this);
  return true;
}

Error Connector::why_not() const {
  if (error_ == std::errc::timed_out) return {ErrorCode::kUnavailable, "it took longer than the call's timeout"};
  if (error_ == std::errc::too_many_files_open || error_ == std::errc::too_many_files_open_in_system)
    return {ErrorCode::kOverloaded, error_.message()};
  return {ErrorCode::kUnavailable, error_.message()};
}

}  // namespace saga::workers
