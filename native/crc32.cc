// See crc32.h. On x86-64, folding as in Gopal et al., "Fast CRC Computation for Generic Polynomials
// Using PCLMULQDQ Instruction" (Intel, 2009), in its bit-reflected form; tables as in Kounavis and
// Berry, "A Systematic Approach to Building High Performance Software-based CRC Generators" (2005).
#include "crc32.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#define URING_WAL_CARRYLESS 1
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#define URING_WAL_CRC_INSTRUCTIONS 1
#endif

namespace uring_wal {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint32_t kPolynomial = 0xedb88320;
constexpr size_t kSlices = 8;
using Tables = std::array<std::array<uint32_t, 256>, kSlices>;

// tables[n][b]: what byte b contributes when n zero bytes follow it.
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = value;
  }
  for (size_t slice = 1; slice < kSlices; slice++) {
    for (size_t byte = 0; byte < 256; byte++) {
      const uint32_t previous = tables[slice - 1][byte];
      tables[slice][byte] = (previous >> 8) ^ tables[0][previous & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

// `state` is the complemented checksum, here and below.
uint32_t update_tables(uint32_t state, const uint8_t* data, size_t bytes) {
  for (; bytes >= kSlices; data += kSlices, bytes -= kSlices) {
    uint64_t word;
    memcpy(&word, data, sizeof word);
    word ^= state;
    state = 0;
    for (size_t i = 0; i < kSlices; i++) {
      state ^= kTables[kSlices - 1 - i][(word >> (8 * i)) & 0xff];
    }
  }
  for (; bytes > 0; data++, bytes--) state = (state >> 8) ^ kTables[0][(state ^ *data) & 0xff];
  return state;
}

#ifdef URING_WAL_CARRYLESS

// Below this the set-up of the folding costs more than it saves.
constexpr size_t kFoldBytesMin = 32;

#define URING_WAL_TARGET __attribute__((target("pclmul,sse4.1")))

// Moves `value` forward by the distance of `constants` and adds it onto `next`.
URING_WAL_TARGET inline __m128i fold(__m128i value, __m128i constants, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(value, constants, 0x00);
  const __m128i high = _mm_clmulepi64_si128(value, constants, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

URING_WAL_TARGET inline __m128i load(const uint8_t* data) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(data));
}

// 128 bits to 32: two folds, then Barrett reduction.
URING_WAL_TARGET inline uint32_t reduce(__m128i value) {
  const __m128i mask = _mm_setr_epi32(-1, 0, -1, 0);
  // By x^96 and by x^64; then the quotient's factor and the polynomial.
  const __m128i fold_64 = _mm_set_epi64x(0x0163cd6124, 0x00ccaa009e);
  const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);

  __m128i state =
      _mm_xor_si128(_mm_srli_si128(value, 8), _mm_clmulepi64_si128(value, fold_64, 0x00));
  const __m128i shifted = _mm_srli_si128(state, 4);
  state = _mm_and_si128(state, mask);
  state = _mm_xor_si128(_mm_clmulepi64_si128(state, fold_64, 0x10), shifted);

  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(state, mask), barrett, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, mask), barrett, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(state, quotient), 1));
}

URING_WAL_TARGET uint32_t update_folding(uint32_t state, const uint8_t* data, size_t bytes) {
  // x^(4*128+32), x^(4*128-32): four lanes at once; x^(128+32), x^(128-32): one lane.
  const __m128i fold_512 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i fold_128 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);

  __m128i first = _mm_xor_si128(load(data), _mm_cvtsi32_si128(static_cast<int>(state)));
  data += 16;
  bytes -= 16;
  if (bytes >= 48) {
    __m128i second = load(data);
    __m128i third = load(data + 16);
    __m128i fourth = load(data + 32);
    data += 48;
    bytes -= 48;
    for (; bytes >= 64; data += 64, bytes -= 64) {
      first = fold(first, fold_512, load(data));
      second = fold(second, fold_512, load(data + 16));
      third = fold(third, fold_512, load(data + 32));
      fourth = fold(fourth, fold_512, load(data + 48));
    }
    first = fold(first, fold_128, second);
    first = fold(first, fold_128, third);
    first = fold(first, fold_128, fourth);
  }
  for (; bytes >= 16; data += 16, bytes -= 16) first = fold(first, fold_128, load(data));
  return update_tables(reduce(first), data, bytes);
}

bool has_carryless() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
}

const bool kHasCarryless = has_carryless();

#endif  // URING_WAL_CARRYLESS

#ifdef URING_WAL_CRC_INSTRUCTIONS

__attribute__((target("+crc"))) uint32_t update_instructions(uint32_t state, const uint8_t* data,
                                                             size_t bytes) {
  for (; bytes >= sizeof(uint64_t); data += sizeof(uint64_t), bytes -= sizeof(uint64_t)) {
    uint64_t word;
    memcpy(&word, data, sizeof word);
    state = __crc32d(state, word);
  }
  for (; bytes > 0; data++, bytes--) state = __crc32b(state, *data);
  return state;
}

const bool kHasInstructions = (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;

#endif  // URING_WAL_CRC_INSTRUCTIONS

}  // namespace

uint32_t crc32_portable(uint32_t seed, const uint8_t* data, size_t bytes) {
  return ~update_tables(~seed, data, bytes);
}

uint32_t crc32(uint32_t seed, const uint8_t* data, size_t bytes) {
#ifdef URING_WAL_CARRYLESS
  if (bytes >= kFoldBytesMin && kHasCarryless) return ~update_folding(~seed, data, bytes);
#endif
#ifdef URING_WAL_CRC_INSTRUCTIONS
  if (kHasInstructions) return ~update_instructions(~seed, data, bytes);
#endif
  return crc32_portable(seed, data, bytes);
}

const char* crc32_method() {
#ifdef URING_WAL_CARRYLESS
  if (kHasCarryless) return "pclmulqdq";
#endif
#ifdef URING_WAL_CRC_INSTRUCTIONS
  if (kHasInstructions) return "armv8-crc";
#endif
  return "portable";
}

}  // namespace uring_wal
