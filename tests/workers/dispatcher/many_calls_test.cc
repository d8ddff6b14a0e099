// Thousands of calls in flight at once, on one thread.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <list>

#include "tests/workers/dispatcher/caller.h"
#include "tests/workers/dispatcher/scripted_worker.h"

namespace saga::workers::testing {
namespace {

constexpr int kCalls = 2'000;

TEST(ManyCalls, AreAllInFlightAtOnce) {
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  ASSERT_GT(files.rlim_cur, 2U * kCalls + 100) << "both ends of every connection are in this process";

  // Answers nobody before it has the requests of all.
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, kCalls), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  int requests = 0;
  std::thread worker([&] {
    std::list<Peer> peers;
    for (int i = 0; i < kCalls; ++i) {
      Peer& peer = peers.emplace_back(::accept(listener, nullptr, nullptr), i);
      if (peer.read_request()) ++requests;
    }
    for (Peer& peer : peers) peer.send(http_answer(200, std::to_string(peer.number())));
    for (Peer& peer : peers) peer.wait_closed();
  });

  DispatcherOptions options;
  options.idle_connection = std::chrono::seconds(1);  // The worker ends when the pool has let go of all.
  Caller caller({"http://127.0.0.1:" + std::to_string(ntohs(address.sin_port))}, options, kCalls);
  std::vector<std::future<CallReport>> calls;
  for (int i = 0; i < kCalls; ++i) calls.push_back(caller.begin(Caller::post()));
  std::set<std::string> bodies;
  for (auto& call : calls) bodies.insert(body_of(Caller::wait(std::move(call)).outcome));
  EXPECT_EQ(bodies.size(), static_cast<std::size_t>(kCalls)) << "each call has an answer of its own";
  worker.join();
  EXPECT_EQ(requests, kCalls);
  EXPECT_EQ(caller->in_flight(), 0U);
  ::close(listener);
}

}  // namespace
}  // namespace saga::workers::testing
