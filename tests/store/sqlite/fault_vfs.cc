#include "tests/store/sqlite/fault_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <utility>

namespace saga::store::testing {
namespace {

/// What SQLite allocates for an open file; the system's own file follows it.
struct FaultFile {
  sqlite3_file base;
  FaultVfs* disk;
  sqlite3_file* real;
  std::string* path;
};

FaultFile& self(sqlite3_file* file) { return *reinterpret_cast<FaultFile*>(file); }
sqlite3_file* real(sqlite3_file* file) { return self(file).real; }

int close_file(sqlite3_file* file) {
  const int code = real(file)->pMethods->xClose(real(file));
  delete self(file).path;
  self(file).path = nullptr;
  return code;
}
int read_file(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
  return real(file)->pMethods->xRead(real(file), data, size, offset);
}
int write_file(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  FaultFile& f = self(file);
  f.disk->before_step();
  if (const int code = f.disk->before_write(*f.path); code != SQLITE_OK) return code;
  const int code = f.real->pMethods->xWrite(f.real, data, size, offset);
  if (code == SQLITE_OK) f.disk->after_write(*f.path, data, static_cast<std::size_t>(size), offset);
  return code;
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  FaultFile& f = self(file);
  f.disk->before_step();
  const int code = f.real->pMethods->xTruncate(f.real, size);
  if (code == SQLITE_OK) f.disk->after_truncate(*f.path, size);
  return code;
}
int sync_file(sqlite3_file* file, int flags) {
  FaultFile& f = self(file);
  f.disk->before_step();
  if (const int code = f.disk->before_sync(*f.path); code != SQLITE_OK) return code;
  const int code = f.real->pMethods->xSync(f.real, flags);
  if (code == SQLITE_OK) f.disk->after_sync(*f.path);
  return code;
}
int file_size(sqlite3_file* file, sqlite3_int64* size) { return real(file)->pMethods->xFileSize(real(file), size); }
int lock_file(sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); }
int unlock_file(sqlite3_file* file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
int check_lock(sqlite3_file* file, int* held) { return real(file)->pMethods->xCheckReservedLock(real(file), held); }
int control_file(sqlite3_file* file, int operation, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
int sector_size(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
/// Promises nothing: the system's file promises that it survives a power cut in the middle of a sector.
int characteristics(sqlite3_file*) { return 0; }
int map_memory(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, memory);
}
int lock_memory(sqlite3_file* file, int offset, int n, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}
void memory_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
int unmap_memory(sqlite3_file* file, int remove) { return real(file)->pMethods->xShmUnmap(real(file), remove); }

const sqlite3_io_methods kMethods{
    2,           close_file,     read_file,    write_file,   truncate_file, sync_file,       file_size,
    lock_file,   unlock_file,    check_lock,   control_file, sector_size,   characteristics, map_memory,
    lock_memory, memory_barrier, unmap_memory, nullptr,      nullptr};

FaultVfs& disk_of(sqlite3_vfs* vfs) { return *static_cast<FaultVfs*>(vfs->pAppData); }
sqlite3_vfs* system_vfs() { return sqlite3_vfs_find("unix"); }

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  FaultFile& f = self(file);
  f.base.pMethods = nullptr;
  f.real = reinterpret_cast<sqlite3_file*>(&f + 1);
  const int code = system_vfs()->xOpen(system_vfs(), name, f.real, flags, out_flags);
  if (code != SQLITE_OK) return code;
  f.disk = &disk_of(vfs);
  f.path = new std::string(name == nullptr ? "" : name);
  f.base.pMethods = &kMethods;
  return SQLITE_OK;
}
int delete_file(sqlite3_vfs* vfs, const char* name, int sync) {
  const int code = system_vfs()->xDelete(system_vfs(), name, sync);
  if (code == SQLITE_OK) disk_of(vfs).after_delete(name);
  return code;
}

bool ends_with(const std::string& path, const std::string& ending) { return !ending.empty() && path.ends_with(ending); }

std::string next_name() {
  static std::atomic<int> number{0};
  return "saga-fault-" + std::to_string(++number);
}

}  // namespace

struct FaultVfs::Registration {
  sqlite3_vfs vfs;
};

FaultVfs::FaultVfs() : name_(next_name()), registration_(std::make_unique<Registration>()) {
  sqlite3_vfs& vfs = registration_->vfs;
  vfs = *system_vfs();
  vfs.szOsFile = static_cast<int>(sizeof(FaultFile)) + system_vfs()->szOsFile;
  vfs.zName = name_.c_str();
  vfs.pAppData = this;
  vfs.pNext = nullptr;
  vfs.xOpen = open_file;
  vfs.xDelete = delete_file;
  sqlite3_vfs_register(&vfs, 0);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&registration_->vfs); }

void FaultVfs::fail_next_sync(const std::string& ending) {
  const std::lock_guard lock(mutex_);
  failing_sync_ = ending;
}

void FaultVfs::set_full(bool full) {
  const std::lock_guard lock(mutex_);
  full_ = full;
}

void FaultVfs::fail_next_write() {
  const std::lock_guard lock(mutex_);
  failing_write_ = true;
}

int FaultVfs::syncs_of(const std::string& ending) const {
  const std::lock_guard lock(mutex_);
  int syncs = 0;
  for (const auto& [path, image] : files_) {
    if (ends_with(path, ending)) syncs += image.syncs;
  }
  return syncs;
}

void FaultVfs::cut_power(const std::string& from, const std::string& to, std::mt19937& random) const {
  const std::lock_guard lock(mutex_);
  for (const std::string ending : {"", "-wal"}) {
    const auto file = files_.find(from + ending);
    if (file == files_.end()) continue;
    std::string content = file->second.synced;
    for (const Write& write : file->second.since) {
      if (random() % 2 == 0) apply(content, write);
    }
    std::ofstream(to + ending, std::ios::binary | std::ios::trunc) << content;
  }
}

void FaultVfs::before_each_step(std::function<void()> step) {
  const std::lock_guard lock(mutex_);
  step_ = std::move(step);
}

void FaultVfs::before_step() {
  std::function<void()> step;
  {
    const std::lock_guard lock(mutex_);
    step = step_;
  }
  if (step) step();
}

int FaultVfs::before_write(const std::string&) {
  const std::lock_guard lock(mutex_);
  if (full_) return SQLITE_FULL;
  if (!std::exchange(failing_write_, false)) return SQLITE_OK;
  return SQLITE_IOERR_WRITE;
}

int FaultVfs::before_sync(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (!ends_with(path, failing_sync_)) return SQLITE_OK;
  failing_sync_.clear();
  files_[path].since.clear();
  return SQLITE_IOERR_FSYNC;
}

void FaultVfs::after_write(const std::string& path, const void* data, std::size_t size, std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  files_[path].since.push_back(
      Write{static_cast<std::size_t>(offset), std::string(static_cast<const char*>(data), size), false});
}

void FaultVfs::after_truncate(const std::string& path, std::int64_t size) {
  const std::lock_guard lock(mutex_);
  files_[path].since.push_back(Write{static_cast<std::size_t>(size), "", true});
}

void FaultVfs::after_sync(const std::string& path) {
  const std::lock_guard lock(mutex_);
  Image& image = files_[path];
  for (const Write& write : image.since) apply(image.synced, write);
  image.since.clear();
  ++image.syncs;
}

void FaultVfs::after_delete(const std::string& path) {
  const std::lock_guard lock(mutex_);
  files_.erase(path);
}

void FaultVfs::apply(std::string& content, const Write& write) {
  if (write.truncates) {
    content.resize(write.offset);
    return;
  }
  if (content.size() < write.offset + write.bytes.size()) content.resize(write.offset + write.bytes.size());
  std::memcpy(content.data() + write.offset, write.bytes.data(), write.bytes.size());
}

}  // namespace saga::store::testing
