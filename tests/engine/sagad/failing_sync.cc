// Loaded before the C library (LD_PRELOAD): from the moment the file named by FAIL_SYNC is there, no sync succeeds, as
// on a disk that breaks under a running process.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

bool broken() {
  const char* const trigger = std::getenv("FAIL_SYNC");
  return trigger != nullptr && ::access(trigger, F_OK) == 0;
}

int sync_by(long call, int fd) {
  if (broken()) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(call, fd));
}

}  // namespace

extern "C" int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }
extern "C" int fsync(int fd) { return sync_by(SYS_fsync, fd); }
