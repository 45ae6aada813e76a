// scan_records and seal_records on any bytes, against the reference. Input: room for records in the
// table, where the range starts; then the bytes. A mutator of its own mends lengths and checksums
// now and then: chance alone would hardly ever get past them.
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "../records.h"
#include "reference.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

namespace uring_wal::fuzz {
namespace {

constexpr size_t kHeadBytes = 2;
constexpr size_t kRowsMax = 16;

// On the heap, exactly as long as may be touched.
std::unique_ptr<uint8_t[]> exact(const Bytes& bytes) {
  std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size()]);
  if (!bytes.empty()) memcpy(copy.get(), bytes.data(), bytes.size());
  return copy;
}

// Compares the table of a scan with the reference, row by row.
void check_scan(const Bytes& bytes, size_t start, size_t rows) {
  const auto data = exact(bytes);
  const size_t length = kTableHeader + rows * kTableStride;
  const std::unique_ptr<uint32_t[]> table(new uint32_t[length]);
  const uint32_t count = scan_records(data.get(), start, bytes.size(), table.get(), length);
  expect(count <= rows && table[0] == count, "count of records");

  uint64_t at = start;
  uint32_t batches = 0;
  uint32_t verdict = kWhole;
  for (size_t found = 0; at < bytes.size(); found++) {
    verdict =
        found == rows ? uint32_t{kTableFull} : reference_frame(bytes, at, bytes.size()).verdict;
    if (verdict != kWhole) {
      expect(found == count, "records before the stop");
      break;
    }
    const Frame frame = reference_frame(bytes, at, bytes.size());
    expect(found < count, "a record more");
    const uint32_t* row = &table[kTableHeader + found * kTableStride];
    expect(row[0] == at && row[1] == frame.length, "where a record stands");
    expect(row[2] == frame.key_bytes && row[3] == frame.value_bytes, "sizes of key and value");
    if (frame.type == 3) batches++;
    at += frame.length;
  }
  expect(table[1] == at && table[2] == verdict && table[3] == batches, "where and why it stopped");
  expect(std::equal(bytes.begin(), bytes.end(), data.get()), "the bytes were not to change");
}

// What sealing must give, or nothing when the range is no run of whole records.
std::optional<Bytes> reference_seal(Bytes bytes, size_t start) {
  for (uint64_t at = start; at < bytes.size();) {
    const Frame frame = reference_frame(bytes, at, bytes.size());
    if (frame.verdict != kWhole && frame.verdict != kChecksumWrong) return std::nullopt;
    put_u32(bytes, at + frame.length - 4, frame.crc);
    at += frame.length;
  }
  return bytes;
}

void check_seal(const Bytes& bytes, size_t start) {
  const std::optional<Bytes> expected = reference_seal(bytes, start);
  const auto data = exact(bytes);
  const bool sealed = seal_records(data.get(), start, bytes.size());
  expect(sealed == expected.has_value(), "whether it is a run of records");
  if (!expected) return;
  expect(std::equal(expected->begin(), expected->end(), data.get()), "sealed bytes");
  check_scan(*expected, start, kRowsMax);
}

void check(const uint8_t* input, size_t size) {
  const size_t rows = input[0] % (kRowsMax + 1);
  const Bytes bytes(input + kHeadBytes, input + size);
  const size_t start = bytes.empty() ? 0 : input[1] % (bytes.size() + 1);
  check_scan(bytes, start, rows);
  check_seal(bytes, start);
}

// Makes records of what stands there: each gets a magic number, a type and lengths that fit, as far
// as `choices` says so, and a right checksum.
void mend(Bytes& bytes, size_t start, unsigned choices) {
  for (size_t at = start; at + 29 <= bytes.size(); choices = choices / 2 + (choices % 2) * 0x8000) {
    const size_t rest = bytes.size() - at - 29;
    const size_t body = rest == 0 ? 0 : (bytes[at + 8] + 3 * bytes[at + 9]) % (rest + 1);
    uint8_t& type = bytes[at + 16];
    type = static_cast<uint8_t>(1 + type % 3);
    const size_t key_bytes = type == 3 ? 0 : type == 2 ? body : bytes[at + 10] % (body + 1);
    put_u32(bytes, at, 25 + body);
    put_u32(bytes, at + 4, 0x0057414c);
    put_u32(bytes, at + 17, key_bytes);
    put_u32(bytes, at + 21 + key_bytes, body - key_bytes);
    if (choices % 8 != 0)
      put_u32(bytes, at + 25 + body, reference_frame(bytes, at, bytes.size()).crc);
    at += 29 + body;
  }
}

}  // namespace
}  // namespace uring_wal::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size >= uring_wal::fuzz::kHeadBytes) uring_wal::fuzz::check(input, size);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max,
                                          unsigned seed) {
  using uring_wal::fuzz::Bytes;
  using uring_wal::fuzz::kHeadBytes;
  size = LLVMFuzzerMutate(data, size, size_max);
  if (seed % 2 == 0 || size < kHeadBytes) return size;
  Bytes bytes(data + kHeadBytes, data + size);
  const size_t start = bytes.empty() ? 0 : data[1] % (bytes.size() + 1);
  uring_wal::fuzz::mend(bytes, start, seed / 2);
  std::copy(bytes.begin(), bytes.end(), data + kHeadBytes);
  // What is whole may be damaged again, a little.
  return seed % 4 == 1 ? size : LLVMFuzzerMutate(data, size, size_max);
}
