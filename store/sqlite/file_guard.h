// What has to hold of a file before SQLite is let near it: a local file system that keeps SQLite's promises, a folder
// that can be written, and nobody else at work on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace saga::store::sqlite {

/// The name of a file system on which locks or shared memory cannot be trusted; none for a good one. `magic` is
/// `statfs`'s `f_type`, `mount_type` the type in /proc/self/mountinfo ("fuse.sshfs"), or "" where unknown.
[[nodiscard]] std::optional<std::string> network_file_system(std::int64_t magic, std::string_view mount_type);

/// The absolute path, symbolic links resolved, so that a file has one lock whatever it is called by. Refuses, each
/// with its own sentence: a folder, a missing folder, a file of another kind, a network file system.
[[nodiscard]] Result<std::string> check_database_path(const std::string& path);

/// In bytes; none where there is no such file.
[[nodiscard]] std::optional<std::int64_t> file_size(const std::string& path);

/// Makes the entries of the folder that `path` stands in durable.
[[nodiscard]] Result<void> sync_folder_of(const std::string& path);

/// Says that this process owns `PATH`: an open-file-description lock on `PATH.lock`, which ends with the process
/// however it dies. The side file stays, as removing it would race; SQLite's own locks are left alone, so that
/// `sqlite3 PATH '.backup F'` works beside the owner.
class OwnerLock {
 public:
  /// `kUnavailable`: "… is in use by another sagad (pid N)".
  [[nodiscard]] static Result<OwnerLock> acquire(const std::string& path);
  ~OwnerLock();
  OwnerLock(OwnerLock&& other) noexcept;
  OwnerLock& operator=(OwnerLock&& other) noexcept;

 private:
  explicit OwnerLock(int file) : file_(file) {}

  int file_ = -1;
};

}  // namespace saga::store::sqlite
