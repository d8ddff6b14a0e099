// Loaded before the C library (LD_PRELOAD): a disk that fails as a test says, under a running process. DISK_FAULTS
// names a folder. While `full` is in it, no file grows; while `CALL ENDING` is in it (CALL: write, sync), every such
// call of a file whose name ends so fails as a broken device does.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace {

/// Fixed buffers: this runs inside whatever the process does.
constexpr std::size_t kLongest = 4096;

bool is_there(const char* name) {
  const char* const folder = std::getenv("DISK_FAULTS");
  if (folder == nullptr) return false;
  char path[kLongest];
  std::snprintf(path, sizeof path, "%s/%s", folder, name);
  return ::access(path, F_OK) == 0;
}

/// The name of a regular file or a folder; empty for anything else, and for what is no part of a store.
void name_of(int fd, char* name) {
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = ::readlink(link, name, kLongest - 1);
  name[length > 0 ? length : 0] = '\0';
  if (std::strstr(name, "/store") == nullptr) name[0] = '\0';
}

bool fails(const char* call, const char* name) {
  for (const char* const ending : {".db-wal", ".db-journal", ".db-shm", ".db", "/store"}) {
    const std::size_t length = std::strlen(name);
    const std::size_t end = std::strlen(ending);
    if (length < end || std::strcmp(name + length - end, ending) != 0) continue;
    char fault[64];
    std::snprintf(fault, sizeof fault, "%s %s", call, ending[0] == '/' ? ending + 1 : ending);
    return is_there(fault);
  }
  return false;
}

/// A call that succeeds leaves `errno` as it was, and so has what is asked beside it.
class KeptErrno {
 public:
  ~KeptErrno() { errno = kept_; }

 private:
  const int kept_ = errno;
};

/// 0, or the errno of a write that reaches up to `end`.
int write_problem(int fd, off_t end) {
  const KeptErrno kept;
  char name[kLongest];
  name_of(fd, name);
  if (name[0] == '\0') return 0;
  if (fails("write", name)) return EIO;
  struct stat file {};
  const bool grows = ::fstat(fd, &file) == 0 && end > file.st_size;
  return grows && is_there("full") ? ENOSPC : 0;
}

bool sync_fails(int fd) {
  const KeptErrno kept;
  char name[kLongest];
  name_of(fd, name);
  return name[0] != '\0' && fails("sync", name);
}

int sync_by(long call, int fd) {
  if (sync_fails(fd)) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(call, fd));
}

}  // namespace

extern "C" {

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  if (const int problem = write_problem(fd, offset + static_cast<off_t>(size)); problem != 0) {
    errno = problem;
    return -1;
  }
  return ::syscall(SYS_pwrite64, fd, data, size, offset);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }

int ftruncate64(int fd, off64_t size) {
  if (const int problem = write_problem(fd, size); problem != 0) {
    errno = problem;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  if (const int problem = write_problem(fd, offset + size); problem != 0) return problem;
  return ::syscall(SYS_fallocate, fd, 0, offset, size) == 0 ? 0 : errno;
}
int posix_fallocate(int fd, off_t offset, off_t size) { return posix_fallocate64(fd, offset, size); }

int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }
int fsync(int fd) { return sync_by(SYS_fsync, fd); }
}
