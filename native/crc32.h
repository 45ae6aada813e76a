// CRC-32 (IEEE 802.3, reflected, as zlib's): carry-less multiply (x86-64) or the CRC instructions
// (ARMv8) where the processor has them, tables elsewhere.
#ifndef URING_WAL_CRC32_H_
#define URING_WAL_CRC32_H_

#include <cstddef>
#include <cstdint>

namespace uring_wal {

// Checksum of `bytes` after data whose checksum is `seed` (0: none).
uint32_t crc32(uint32_t seed, const uint8_t* data, size_t bytes);

// The portable way, for comparison in tests and where there is nothing better.
uint32_t crc32_portable(uint32_t seed, const uint8_t* data, size_t bytes);

// "pclmulqdq", "armv8-crc" or "portable".
const char* crc32_method();

}  // namespace uring_wal

#endif  // URING_WAL_CRC32_H_
