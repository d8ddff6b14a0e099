#include "store/sqlite/file_guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace saga::store::sqlite {
namespace {

struct FileSystem {
  std::int64_t magic;
  std::string_view name;
};

constexpr std::array<FileSystem, 11> kNetworkFileSystems{{{0x6969, "NFS"},
                                                          {0x517B, "SMB"},
                                                          {0xFE534D42, "SMB"},
                                                          {0xFF534D42, "CIFS"},
                                                          {0x01021997, "9p"},
                                                          {0x5346414F, "AFS"},
                                                          {0x6B414653, "AFS"},
                                                          {0x73757245, "Coda"},
                                                          {0x00C36400, "Ceph"},
                                                          {0x0BD00BD0, "Lustre"},
                                                          {0x786F4256, "VirtualBox shared folder"}}};

constexpr std::int64_t kFuse = 0x65735546;

/// FUSE carries local file systems as well (fuse-overlayfs, NTFS), so that only known remote ones are refused.
constexpr std::array<std::string_view, 14> kRemoteFuse{"sshfs",     "s3fs",    "rclone",    "glusterfs", "ceph",
                                                       "ceph-fuse", "gcsfuse", "goofys",    "davfs",     "curlftpfs",
                                                       "smbnetfs",  "juicefs", "blobfuse2", "mfs"};

std::string system_problem(int number) { return std::strerror(number); }  // NOLINT(concurrency-mt-unsafe): glibc's is.

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// "fuse.sshfs" for the file system that `device` is mounted from; "" if it is not listed.
std::string mount_type_of(dev_t device) {
  const std::string wanted = fmt::format("{}:{}", major(device), minor(device));
  std::ifstream mounts("/proc/self/mountinfo");
  std::string line;
  while (std::getline(mounts, line)) {
    std::istringstream words(line);
    std::string id, parent, numbers, word, type;
    words >> id >> parent >> numbers;
    if (numbers != wanted) continue;
    while (words >> word && word != "-") continue;  // Optional fields end with a dash; the type follows.
    words >> type;
    return type;
  }
  return {};
}

Result<std::string> resolve(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  if (::realpath(path.c_str(), resolved.data()) != nullptr) return std::string(resolved.data());
  if (errno != ENOENT)
    return fail(ErrorCode::kInvalid, fmt::format("{} cannot be opened: {}", path, system_problem(errno)));
  const std::string folder = folder_of(path);
  if (::realpath(folder.c_str(), resolved.data()) == nullptr) {
    if (errno == ENOENT)
      return fail(ErrorCode::kInvalid, fmt::format("{} cannot be created: there is no folder {}", path, folder));
    return fail(ErrorCode::kInvalid, fmt::format("{} cannot be opened: {}", path, system_problem(errno)));
  }
  const std::size_t slash = path.rfind('/');
  std::string whole = resolved.data();
  if (whole.back() != '/') whole += '/';
  return whole + (slash == std::string::npos ? path : path.substr(slash + 1));
}

}  // namespace

std::optional<std::string> network_file_system(std::int64_t magic, std::string_view mount_type) {
  const std::int64_t low = magic & 0xFFFFFFFF;  // `f_type` is signed on some machines.
  const auto* const known = std::find_if(kNetworkFileSystems.begin(), kNetworkFileSystems.end(),
                                         [low](const FileSystem& fs) { return fs.magic == low; });
  if (known != kNetworkFileSystems.end()) return std::string(known->name);
  constexpr std::string_view kPrefix = "fuse.";
  if (low != kFuse || !mount_type.starts_with(kPrefix)) return std::nullopt;
  const std::string_view name = mount_type.substr(kPrefix.size());
  if (std::find(kRemoteFuse.begin(), kRemoteFuse.end(), name) == kRemoteFuse.end()) return std::nullopt;
  return std::string(name);
}

Result<std::string> check_database_path(const std::string& path) {
  if (path.empty() || path.back() == '/') {
    return fail(ErrorCode::kInvalid, fmt::format("'{}' names no file: expected one, such as saga.db", path));
  }
  const Result<std::string> resolved = resolve(path);
  if (!resolved) return resolved;

  struct stat file {};
  const bool exists = ::stat(resolved->c_str(), &file) == 0;
  if (exists && S_ISDIR(file.st_mode))
    return fail(ErrorCode::kInvalid, fmt::format("{} is a folder, expected a file", path));
  if (exists && !S_ISREG(file.st_mode)) {
    return fail(ErrorCode::kInvalid, fmt::format("{} is not a regular file: a store needs one", path));
  }
  const std::string folder = folder_of(*resolved);
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} cannot be used: its folder {} cannot be written ({}), and a store keeps "
                            "further files beside its own",
                            path, folder, system_problem(errno)));
  }
  if (exists && ::access(resolved->c_str(), R_OK | W_OK) != 0) {
    return fail(ErrorCode::kInvalid, fmt::format("{} cannot be read and written: {}", path, system_problem(errno)));
  }

  struct statfs system {};
  struct stat place {};
  const std::string probed = exists ? *resolved : folder;
  if (::statfs(probed.c_str(), &system) != 0 || ::stat(probed.c_str(), &place) != 0) {
    return fail(ErrorCode::kInvalid, fmt::format("{} cannot be opened: {}", path, system_problem(errno)));
  }
  const std::int64_t magic = static_cast<std::int64_t>(system.f_type);
  if (const auto network = network_file_system(magic, mount_type_of(place.st_dev))) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} is on a network file system ({}), whose locks cannot be trusted: expected a "
                            "local disk",
                            path, *network));
  }
  return resolved;
}

std::optional<std::int64_t> file_size(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return std::nullopt;
  return file.st_size;
}

Result<void> sync_folder_of(const std::string& path) {
  const std::string folder = folder_of(path);
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  const int problem = errno;
  if (file >= 0) ::close(file);
  // Some file systems know no sync of a folder, and say so.
  if (synced || problem == EINVAL || problem == ENOTSUP) return {};
  return fail(ErrorCode::kPoisoned, fmt::format("the folder {} cannot be synced: {}", folder, system_problem(problem)));
}

Result<OwnerLock> OwnerLock::acquire(const std::string& path) {
  const std::string side_file = path + ".lock";
  const int file = ::open(side_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0)
    return fail(ErrorCode::kInvalid, fmt::format("{} cannot be created: {}", side_file, system_problem(errno)));
  OwnerLock lock(file);

  struct flock whole_file {};
  whole_file.l_type = F_WRLCK;
  whole_file.l_whence = SEEK_SET;
  if (::fcntl(file, F_OFD_SETLK, &whole_file) != 0) {
    if (errno != EAGAIN && errno != EACCES) {
      return fail(ErrorCode::kInvalid, fmt::format("{} cannot be locked: {}", side_file, system_problem(errno)));
    }
    std::array<char, 32> owner{};
    const ssize_t length = ::pread(file, owner.data(), owner.size() - 1, 0);
    const long pid = length > 0 ? std::strtol(owner.data(), nullptr, 10) : 0;
    const std::string who = pid > 0 ? fmt::format(" (pid {})", pid) : "";
    return fail(ErrorCode::kUnavailable, fmt::format("{} is in use by another sagad{}", path, who));
  }
  // For people and for the message above; the lock itself does not depend on it.
  const std::string pid = fmt::format("{}\n", ::getpid());
  const bool written =
      ::ftruncate(file, 0) == 0 && ::pwrite(file, pid.data(), pid.size(), 0) == static_cast<ssize_t>(pid.size());
  if (!written && errno != ENOSPC) {
    return fail(ErrorCode::kInvalid, fmt::format("{} cannot be written: {}", side_file, system_problem(errno)));
  }
  return lock;
}

OwnerLock::~OwnerLock() {
  if (file_ >= 0) ::close(file_);
}

OwnerLock::OwnerLock(OwnerLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

OwnerLock& OwnerLock::operator=(OwnerLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

}  // namespace saga::store::sqlite
