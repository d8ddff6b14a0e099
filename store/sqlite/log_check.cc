#include "store/sqlite/log_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "store/sqlite/file_guard.h"

namespace saga::store::sqlite {
namespace {

using Bytes = std::span<const unsigned char>;

// The log's format, see https://www.sqlite.org/fileformat2.html#walformat.
constexpr std::size_t kHeaderSize = 32;
constexpr std::size_t kFrameHeaderSize = 24;
constexpr std::uint32_t kMagic = 0x377f0682;  ///< Its last bit: words are summed up with the high byte first.
constexpr std::size_t kUsualPageSize = 4096;

std::uint32_t word(Bytes bytes, std::size_t at, bool high_first = true) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return high_first == (std::endian::native == std::endian::big) ? value : __builtin_bswap32(value);
}

struct Sum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  void add(Bytes bytes, bool high_first) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      first += word(bytes, at, high_first) + second;
      second += word(bytes, at + 4, high_first) + first;
    }
  }
  bool operator==(const Sum&) const = default;
};

struct Header {
  bool fits = false;  ///< Its own sum does.
  bool high_first = false;
  std::size_t page_size = kUsualPageSize;
  std::array<std::uint32_t, 2> salt{};
  Sum sum;
};

Header read_header(Bytes bytes) {
  Header header;
  header.high_first = (word(bytes, 0) & 1) != 0;
  header.salt = {word(bytes, 16), word(bytes, 20)};
  header.sum.add(bytes.first(24), header.high_first);
  const std::size_t page_size = word(bytes, 8);
  const bool possible = page_size >= 512 && page_size <= 65536 && (page_size & (page_size - 1)) == 0;
  header.fits = possible && (word(bytes, 0) & ~1U) == kMagic && header.sum == Sum{word(bytes, 24), word(bytes, 28)};
  if (header.fits) header.page_size = page_size;
  return header;
}

struct Frame {
  std::uint32_t page = 0;
  std::uint32_t commit = 0;  ///< Not 0: it ends a transaction; the size of the database after it.
  std::array<std::uint32_t, 2> salt{};
  Sum sum;  ///< As it stands in the frame.
  bool is_copy = false;
};

/// Follows the frames of a log one by one.
class Walk {
 public:
  Walk(const Header& header, bool high_first) : header_(header), high_first_(high_first), valid_up_to_(header.sum) {}

  /// True once a commit is found at or behind the break that others were written behind.
  bool take(Bytes bytes) {
    Frame frame{
        word(bytes, 0), word(bytes, 4), {word(bytes, 8), word(bytes, 12)}, {word(bytes, 16), word(bytes, 20)}, false};
    const std::optional<Frame> before = std::exchange(before_, std::nullopt);
    const bool right_log = !header_.fits || frame.salt == header_.salt;
    if (!right_log) {
      broken_ = true;
      return false;
    }
    // Where a disk's sectors have to be filled up, copies of a commit's last frame follow it, the last one half synced.
    frame.is_copy = before && before->commit != 0 && before->page == frame.page && before->commit == frame.commit;
    before_ = frame;
    if (!broken_ && header_.fits && frame.page != 0 && follows(bytes, valid_up_to_, frame)) {
      valid_up_to_ = frame.sum;
      ++whole_;
      return false;
    }
    broken_ = true;
    // What follows a commit was written after that commit's sync.
    return before && before->commit != 0 && !before->is_copy && !frame.is_copy && before->salt == frame.salt &&
           follows(bytes, before->sum, frame);
  }

  /// Frames before the break.
  [[nodiscard]] std::size_t whole() const { return whole_; }

 private:
  [[nodiscard]] bool follows(Bytes bytes, Sum sum, const Frame& frame) const {
    sum.add(bytes.first(8), high_first_);
    sum.add(bytes.subspan(kFrameHeaderSize), high_first_);
    return sum == frame.sum;
  }

  const Header header_;
  const bool high_first_;
  Sum valid_up_to_;
  std::size_t whole_ = 0;
  bool broken_ = false;
  std::optional<Frame> before_;  ///< The last frame, where it is of this log.
};

class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  /// False at the end, and where nothing can be read.
  bool read(std::vector<unsigned char>& into) {
    std::size_t have = 0;
    while (have < into.size()) {
      const ssize_t got = ::read(fd_, into.data() + have, into.size() - have);
      if (got <= 0) return false;
      have += static_cast<std::size_t>(got);
    }
    return true;
  }

 private:
  const int fd_;
};

}  // namespace

Result<void> check_log(const std::string& path) {
  const std::string log = path + "-wal";
  if (file_size(log).value_or(0) == 0) return {};
  if (const auto size = file_size(path); size.value_or(0) <= 1) {  // To SQLite one byte is none.
    return fail(
        ErrorCode::kCorruption,
        fmt::format("{} {}, but its log {} is there: what that holds would be lost; restore a backup and remove "
                    "the log, or only remove the log to begin anew",
                    path, size ? "is empty" : "is missing", log));
  }
  File file(log);
  std::vector<unsigned char> bytes(kHeaderSize);
  if (!file.is_open() || !file.read(bytes)) return {};  // What cannot be read, SQLite will say.
  const Header header = read_header(bytes);
  Walk walk(header, header.high_first);
  Walk other(header, !header.high_first);  // Where the header does not fit, nothing it says can be relied on.
  bytes.resize(kFrameHeaderSize + header.page_size);
  while (file.read(bytes)) {
    if (!walk.take(bytes) && (header.fits || !other.take(bytes))) continue;
    return fail(ErrorCode::kCorruption,
                fmt::format("{} is damaged after {} of its frames, and acknowledged commits behind them would be lost; "
                            "keep a copy of it and of {}, and restore a backup, or go on without those commits after "
                            "sqlite3 {} 'PRAGMA wal_checkpoint(TRUNCATE)'",
                            log, walk.whole(), path, path));
  }
  return {};
}

}  // namespace saga::store::sqlite
