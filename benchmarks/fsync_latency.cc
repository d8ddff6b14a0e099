// What the disk takes for one durable write: 4 KiB over a preallocated file, then fdatasync, a thousand times
// or for a second.
//
//   fsync_latency FILE
//
// Prints one JSON object. The file is removed.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fsync_latency FILE\n");
    return 2;
  }
  constexpr std::size_t kBlock = 4096;
  constexpr int kWrites = 1000;
  const int fd = open(argv[1], O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
  const std::vector<char> block(kBlock, 'x');
  for (int i = 0; fd >= 0 && i < 256; ++i) {
    if (write(fd, block.data(), kBlock) != static_cast<ssize_t>(kBlock)) break;
  }
  if (fd < 0 || fsync(fd) != 0) {
    std::perror("fsync_latency");
    return 1;
  }
  std::vector<std::int64_t> us;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (int i = 0; i < kWrites; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (begin > until) break;
    if (pwrite(fd, block.data(), kBlock, static_cast<off_t>(i % 256) * static_cast<off_t>(kBlock)) !=
            static_cast<ssize_t>(kBlock) ||
        fdatasync(fd) != 0) {
      std::perror("fsync_latency");
      return 1;
    }
    us.push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin).count());
  }
  unlink(argv[1]);
  close(fd);
  std::sort(us.begin(), us.end());
  fmt::print(R"({{"fsync_p50_us":{},"fsync_p90_us":{},"fsync_p99_us":{},"fsync_max_us":{}}})"
             "\n",
             us[us.size() / 2], us[us.size() * 9 / 10], us[us.size() * 99 / 100], us.back());
  return 0;
}
