#include "net/stream.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/net/socket_pair.h"

namespace saga::net {
namespace {

using testing::SocketPair;

/// A plain stream; one over TLS is tested where there are certificates, with the dispatcher and the API's server.
class StreamTest : public ::testing::Test, public Stream::User {
 protected:
  void SetUp() override {
    ASSERT_TRUE(loop_.open());
    stream_ = make_plain_stream(loop_, pair_.give_own());
    stream_->serve(this);
    ASSERT_FALSE(stream_->watch());
  }

  void go_on() override { ++told_; }

  /// Runs each on the loop, which before each tells what came of those before. Once a test.
  void in_turn(std::vector<std::function<void()>> steps) {
    steps_ = std::move(steps);
    run_next(0);
    loop_.run();
  }

  /// What a read gives; then '.' at the end of all, '-' where nothing is there yet, '!' at an error.
  std::string read_all() {
    std::string read;
    std::array<char, 4> into{};
    for (;;) {
      const Io io = stream_->read(into);
      if (io.count == 0) return read + (io.again ? '-' : io.error ? '!' : '.');
      read.append(into.data(), io.count);
    }
  }

  EventLoop loop_;
  SocketPair pair_;
  std::unique_ptr<Stream> stream_;
  int told_ = 0;

 private:
  void run_next(std::size_t i) {
    loop_.post([this, i] {
      if (i == steps_.size()) return loop_.stop();
      steps_[i]();
      run_next(i + 1);
    });
  }

  std::vector<std::function<void()>> steps_;
};

TEST_F(StreamTest, ReadsWhatCameAndWaitsForMore) {
  in_turn({[&] {
             EXPECT_TRUE(stream_->connected());
             EXPECT_FALSE(stream_->readable());
             EXPECT_EQ(read_all(), "-");
             pair_.peer_sends("eight or");
           },
           [&] {
             EXPECT_TRUE(stream_->readable());
             EXPECT_EQ(read_all(), "eight or-");
             EXPECT_FALSE(stream_->readable());
             pair_.peer_sends(" more");
             told_ = 0;
           },
           [&] {
             EXPECT_EQ(told_, 1);
             EXPECT_EQ(read_all(), " more-");
           }});
}

TEST_F(StreamTest, ReadsAllBeforeTheEnd) {
  in_turn({[&] {
             pair_.peer_sends("last");
             pair_.close_peer();
           },
           [&] {
             EXPECT_FALSE(stream_->is_closed()) << "something is left to read";
             EXPECT_EQ(read_all(), "last.");
             EXPECT_TRUE(stream_->is_closed());
             EXPECT_EQ(read_all(), ".") << "and so it stays";
           }});
}

TEST_F(StreamTest, IsQuietUntilSomethingComes) {
  in_turn({[&] {
             EXPECT_TRUE(stream_->quiet());
             EXPECT_TRUE(stream_->quiet_now());
             pair_.peer_sends("x");
             EXPECT_TRUE(stream_->quiet()) << "the loop has told of nothing";
             EXPECT_FALSE(stream_->quiet_now());
           },
           [&] {
             EXPECT_FALSE(stream_->quiet());
             EXPECT_EQ(read_all(), "x-");
             EXPECT_TRUE(stream_->quiet());
             pair_.close_peer();
           },
           [&] {
             EXPECT_FALSE(stream_->quiet());
             EXPECT_FALSE(stream_->quiet_now());
           }});
}

TEST_F(StreamTest, WritesBothPartsAndSaysWhenThereIsNoRoom) {
  std::string received;
  std::size_t written = 0;
  const std::string part(1 << 20, 'x');
  in_turn({[&] {
             EXPECT_EQ(stream_->write("head ", "body").count, 9U);
             std::array<char, 16> into{};
             const ssize_t got = ::recv(pair_.peer, into.data(), into.size(), 0);
             ASSERT_GT(got, 0);
             received.assign(into.data(), static_cast<std::size_t>(got));
             EXPECT_EQ(received, "head body");
             for (Io io; !io.again;) {
               io = stream_->write(part, part);
               EXPECT_FALSE(io.error);
               written += io.count;
               ASSERT_LT(written, std::size_t{1} << 30);
             }
             EXPECT_GT(written, 0U);
             told_ = 0;
             std::string into_all(written, ' ');
             EXPECT_EQ(::recv(pair_.peer, into_all.data(), written, MSG_WAITALL), static_cast<ssize_t>(written));
           },
           [&] {
             EXPECT_GT(told_, 0) << "there is room again";
             EXPECT_GT(stream_->write("x", {}).count, 0U);
           }});
}

TEST_F(StreamTest, AWriteToWhoHasLeftIsAnError) {
  in_turn({[&] {
    pair_.close_peer();
    EXPECT_EQ(stream_->write("x", {}).error, std::errc::broken_pipe);
  }});
}

}  // namespace
}  // namespace saga::net
