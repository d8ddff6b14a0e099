#include "net/stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace saga::net {

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

Stream::~Stream() {
  loop_.forget(*this);
  ::close(socket_);
}

void Stream::ready(std::uint32_t events) {
  constexpr std::uint32_t kEnds = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & (EPOLLOUT | kEnds)) != 0) connected_ = true;
  if ((events & (EPOLLIN | kEnds)) != 0) readable_ = true;
  if ((events & kEnds) != 0) ended_ = true;
  if (user_ != nullptr) user_->go_on();
}

std::ptrdiff_t Stream::peek() const {
  char byte = 0;
  return ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

bool Stream::quiet_now() {
  // A byte that nobody waits for; an end or an error is one.
  if (ended_ || holds_unread_bytes() || peek() >= 0 || !would_block()) return false;
  drained();
  return true;
}

bool Stream::is_closed() const {
  const std::ptrdiff_t got = peek();
  return got == 0 || (got < 0 && !would_block());
}

void Stream::end_sending() { ::shutdown(socket_, SHUT_WR); }

}  // namespace saga::net
