// What the fuzzers compare the native code with: the format as its description says it, a byte at a
// time, in 64-bit arithmetic, without any of the native code's short cuts. Shares no code with it.
#ifndef URING_WAL_FUZZ_REFERENCE_H_
#define URING_WAL_FUZZ_REFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace uring_wal::fuzz {

using Bytes = std::vector<uint8_t>;

// Ends the run: libFuzzer then keeps the input.
inline void expect(bool condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "DIFFERS: %s\n", what);
  abort();
}

inline uint32_t reference_crc_byte(uint32_t state, uint8_t byte) {
  static constexpr uint32_t kNibbles[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                            0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                            0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                            0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  state ^= byte;
  state = (state >> 4) ^ kNibbles[state & 15];
  return (state >> 4) ^ kNibbles[state & 15];
}

inline uint32_t reference_crc(uint32_t seed, const uint8_t* data, size_t bytes) {
  uint32_t state = ~seed;
  for (size_t i = 0; i < bytes; i++) state = reference_crc_byte(state, data[i]);
  return ~state;
}

// Reasons to stop, as in records.h and lib/record.ts.
enum : uint32_t {
  kWhole = 0,
  kTableFull = 1,
  kCutShort = 2,
  kLengthTooSmall = 3,
  kMagicWrong = 4,
  kTypeUnknown = 5,
  kLengthsDisagree = 6,
  kDeleteHasValue = 7,
  kChecksumWrong = 8,
  kBatchHasKey = 9,
};

struct Frame {
  uint32_t verdict = kWhole;
  // Of the whole record; the rest is set only when the verdict is kWhole or kChecksumWrong.
  uint64_t length = 0;
  uint64_t key_bytes = 0;
  uint64_t value_bytes = 0;
  uint32_t crc = 0;
  uint8_t type = 0;
};

// Little-endian u32 at `at`; `bytes` must hold it.
inline uint64_t u32_at(const Bytes& bytes, uint64_t at) {
  uint64_t value = 0;
  for (int i = 3; i >= 0; i--) value = value * 256 + bytes.at(at + static_cast<uint64_t>(i));
  return value;
}

inline void put_u32(Bytes& bytes, uint64_t at, uint64_t value) {
  for (uint64_t i = 0; i < 4; i++) bytes.at(at + i) = static_cast<uint8_t>(value >> (8 * i));
}

// Judges the fields in the order in which they stand, each as soon as it is there.
inline Frame reference_frame(const Bytes& bytes, uint64_t at, uint64_t end) {
  Frame frame;
  const auto verdict = [&frame](uint32_t why) {
    frame.verdict = why;
    return frame;
  };
  if (at + 4 > end) return verdict(kCutShort);
  const uint64_t len = u32_at(bytes, at);
  if (len < 25) return verdict(kLengthTooSmall);
  if (at + 8 > end) return verdict(kCutShort);
  if (u32_at(bytes, at + 4) != 0x0057414c) return verdict(kMagicWrong);
  if (at + 17 > end) return verdict(kCutShort);
  frame.type = bytes.at(at + 16);
  if (frame.type < 1 || frame.type > 3) return verdict(kTypeUnknown);
  if (at + 21 > end) return verdict(kCutShort);
  frame.key_bytes = u32_at(bytes, at + 17);
  if (25 + frame.key_bytes > len) return verdict(kLengthsDisagree);
  if (at + 4 + len > end) return verdict(kCutShort);
  frame.value_bytes = u32_at(bytes, at + 21 + frame.key_bytes);
  if (25 + frame.key_bytes + frame.value_bytes != len) return verdict(kLengthsDisagree);
  if (frame.type == 2 && frame.value_bytes != 0) return verdict(kDeleteHasValue);
  if (frame.type == 3 && frame.key_bytes != 0) return verdict(kBatchHasKey);
  frame.length = 4 + len;
  uint32_t state = ~uint32_t{0};
  for (uint64_t i = 8; i < frame.length - 4; i++) {
    const bool is_length =
        (i >= 17 && i < 21) || (i >= 21 + frame.key_bytes && i < 25 + frame.key_bytes);
    if (!is_length) state = reference_crc_byte(state, bytes.at(at + i));
  }
  frame.crc = ~state;
  return verdict(u32_at(bytes, at + frame.length - 4) == frame.crc ? kWhole : kChecksumWrong);
}

}  // namespace uring_wal::fuzz

#endif  // URING_WAL_FUZZ_REFERENCE_H_
