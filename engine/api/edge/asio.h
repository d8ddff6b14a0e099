// The parts of Asio the server is made of, with the executor's type spelt out: the type-erased default costs an
// allocation and a virtual call at every suspension.
#pragma once

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without it.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>

namespace saga::api {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
template <typename T>
using Task = asio::awaitable<T, Executor>;

/// Suspends, and puts the operation's error into `error` instead of throwing it.
[[nodiscard]] inline auto await(error_code& error) {
  return asio::redirect_error(asio::use_awaitable_t<Executor>{}, error);
}

}  // namespace saga::api
