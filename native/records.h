// The log's records in raw bytes: filling in checksums, and walking whole valid records. Reads
// nothing outside the range it is given, whatever the bytes say.
//
//   0 len u32 = 25 + keyLen + valueLen   4 magic u32   8 sequence u64   16 type u8
//   17 keyLen u32   21 key   21+k valueLen u32   25+k value   25+k+v crc u32      (little-endian)
//
// crc: CRC-32 over sequence ‖ type ‖ key ‖ value. lib/record.ts is the portable twin.
#ifndef URING_WAL_RECORDS_H_
#define URING_WAL_RECORDS_H_

#include <cstddef>
#include <cstdint>

namespace uring_wal {

// Why a walk over records stopped. The numbers are shared with lib/record.ts.
enum class Stop : uint32_t {
  kEnd = 0,
  kTableFull = 1,
  // What is there is fine so far, and ends too early to tell.
  kNeedMore = 2,
  kBadLength = 3,
  kBadMagic = 4,
  kBadType = 5,
  kLengthMismatch = 6,
  kDeleteWithValue = 7,
  kBadChecksum = 8,
  // Of the frame alone: an atomic batch has no key. What is inside is for JavaScript to judge.
  kBadBatch = 9,
};

struct Record {
  size_t offset;
  // 4 + len.
  size_t length;
  uint32_t key_bytes;
  uint32_t value_bytes;
};

// Fills in the checksum of each record of [start, end), a run of whole records. False when it is
// none: then some checksums may have been written, all of them inside the range.
bool seal_records(uint8_t* bytes, size_t start, size_t end);

// Table for scan_records: count, offset where it stopped, reason, how many of the records are
// atomic batches; then for each record its offset,
// length, key length and value length, from index kTableHeader on.
constexpr size_t kTableHeader = 4;
constexpr size_t kTableStride = 4;

// Walks valid records of [start, end) until the first that is none, the end, or until the table
// is full. `end` must be below 2^32 and `table_length` at least kTableHeader.
uint32_t scan_records(const uint8_t* bytes, size_t start, size_t end, uint32_t* table,
                      size_t table_length);

}  // namespace uring_wal

#endif  // URING_WAL_RECORDS_H_
