// A SQLite VFS over the system's that fails where a test says, and knows what a power cut would leave of its files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace saga::store::testing {

/// One disk. Registered under `name()` while it lives; thread-safe. Stores that use it are closed before it ends.
///
/// It keeps, for each file, what was synced last and what was written since: `cut_power` writes what a machine could
/// find after losing its power, to other files.
class FaultVfs {
 public:
  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

  /// The next sync of a file whose name ends so fails, once; nothing else does. As on Linux, what it should have made
  /// durable can still be read, but no later sync writes it.
  void fail_next_sync(const std::string& ending);
  /// Until told otherwise, writes find no room.
  void set_full(bool full);
  /// The next write fails as a device does, once.
  void fail_next_write();

  /// Runs before every write, truncation and sync from now on, on the thread that does it; empty: nothing.
  void before_each_step(std::function<void()> step);

  [[nodiscard]] int syncs_of(const std::string& ending) const;

  /// Writes to `to` and `to`-wal what the disk holds of `from` if power is cut now: what was synced, and of the writes
  /// since then an arbitrary selection.
  void cut_power(const std::string& from, const std::string& to, std::mt19937& random) const;

  // ---- for the VFS's C functions --------------------------------------------------------------------------------

  void before_step();
  [[nodiscard]] int before_write(const std::string& path);
  [[nodiscard]] int before_sync(const std::string& path);
  void after_write(const std::string& path, const void* data, std::size_t size, std::int64_t offset);
  void after_truncate(const std::string& path, std::int64_t size);
  void after_sync(const std::string& path);
  void after_delete(const std::string& path);

 private:
  struct Write {
    std::size_t offset = 0;
    std::string bytes;
    bool truncates = false;  ///< Cuts the file at `offset`.
  };
  struct Image {
    std::string synced;
    std::vector<Write> since;
    int syncs = 0;
  };
  static void apply(std::string& content, const Write& write);

  const std::string name_;
  struct Registration;
  std::unique_ptr<Registration> registration_;

  mutable std::mutex mutex_;  ///< Guards what follows.
  std::map<std::string, Image> files_;
  std::string failing_sync_;
  bool full_ = false;
  bool failing_write_ = false;
  std::function<void()> step_;
};

}  // namespace saga::store::testing
