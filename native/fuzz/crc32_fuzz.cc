// crc32 and crc32_portable of any bytes, from any seed, at any alignment, whole and in two pieces,
// against the reference. Input: seed (4 bytes), alignment, where to cut; then the data.
#include <cstring>
#include <memory>

#include "../crc32.h"
#include "reference.h"

namespace uring_wal::fuzz {
namespace {

constexpr size_t kHeadBytes = 6;
constexpr size_t kAlignments = 64;

void check(const uint8_t* input, size_t size) {
  uint32_t seed;
  memcpy(&seed, input, sizeof seed);
  const size_t shift = input[4] % kAlignments;
  const size_t bytes = size - kHeadBytes;
  const size_t cut = bytes * input[5] / 255;
  // Exactly as long as may be read, so that AddressSanitizer sees a byte too far.
  const std::unique_ptr<uint8_t[]> held(new uint8_t[shift + bytes]);
  uint8_t* data = held.get() + shift;
  memcpy(data, input + kHeadBytes, bytes);

  const uint32_t expected = reference_crc(seed, data, bytes);
  expect(crc32(seed, data, bytes) == expected, "crc32");
  expect(crc32_portable(seed, data, bytes) == expected, "crc32_portable");
  expect(crc32(crc32(seed, data, cut), data + cut, bytes - cut) == expected, "crc32 in pieces");
}

}  // namespace
}  // namespace uring_wal::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size >= uring_wal::fuzz::kHeadBytes) uring_wal::fuzz::check(input, size);
  return 0;
}
