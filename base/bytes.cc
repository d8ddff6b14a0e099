#include "base/bytes.h"

#include <sys/random.h>

#include "base/check.h"

namespace saga {

void fill_random(std::span<unsigned char> bytes) {
  const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
  SAGA_CHECK(got == static_cast<ssize_t>(bytes.size()), "random bytes from the kernel");
}

void append_hex(std::string& out, std::span<const unsigned char> bytes) {
  std::size_t at = out.size();
  out.resize(at + 2 * bytes.size());
  for (const unsigned char byte : bytes) {
    out[at++] = kHexDigits[byte >> 4];
    out[at++] = kHexDigits[byte & 15];
  }
}

}  // namespace saga
