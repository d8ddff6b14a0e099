#include "workers/sdk/key_locks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <thread>

namespace saga::workers {
namespace {

/// Which byte stands for a key (FNV-1a, 62 bits). It is the same in every process and every build. Two keys on one byte
/// would wait for each other for nothing; that is all, and one in 10^18.
off_t byte_of(const std::string& key) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return static_cast<off_t>(hash >> 2);
}

constexpr std::chrono::milliseconds kLookAgain{10};

}  // namespace

KeyLocks::~KeyLocks() {
  if (file_ >= 0) ::close(file_);
}

Result<void> KeyLocks::open(const std::string& path) {
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) return fail(ErrorCode::kUnavailable, fmt::format("cannot open '{}': {}", path, std::strerror(errno)));
  return {};
}

bool KeyLocks::lock_byte(const std::string& key, short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = byte_of(key);
  range.l_len = 1;
  // An "open file description" lock: it belongs to this object, not to the process as a whole, and ends with it.
  return ::fcntl(file_, F_OFD_SETLK, &range) == 0;
}

Result<void> KeyLocks::lock(const std::string& key, TimePoint until) {
  {
    std::unique_lock lock(mutex_);
    if (!freed_.wait_until(lock, until, [&] { return !held_.contains(key); })) {
      return fail(ErrorCode::kOverloaded, "another call has the key");
    }
    held_.insert(key);
  }
  if (file_ < 0) return {};
  for (;;) {
    if (lock_byte(key, F_WRLCK)) return {};
    const int why = errno;
    const bool taken = why == EAGAIN || why == EACCES;
    if (!taken || std::chrono::steady_clock::now() >= until) {
      unlock(key);
      if (taken) return fail(ErrorCode::kOverloaded, "a call in another process has the key");
      return fail(ErrorCode::kUnavailable,
                  fmt::format("the file of key locks cannot be locked: {}", std::strerror(why)));
    }
    std::this_thread::sleep_for(kLookAgain);  // The system offers no wait with a time limit.
  }
}

void KeyLocks::unlock(const std::string& key) {
  if (file_ >= 0) static_cast<void>(lock_byte(key, F_UNLCK));
  {
    const std::lock_guard lock(mutex_);
    held_.erase(key);
  }
  freed_.notify_all();
}

}  // namespace saga::workers
