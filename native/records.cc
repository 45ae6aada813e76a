// See records.h.
#include "records.h"

#include <cstring>

#include "crc32.h"

namespace uring_wal {
namespace {

constexpr uint32_t kMagic = 0x0057414c;
constexpr uint8_t kTypePut = 1;
constexpr uint8_t kTypeDelete = 2;
constexpr uint8_t kTypeBatch = 3;

constexpr size_t kLengthBytes = 4;
constexpr size_t kMagicAt = 4;
constexpr size_t kSequenceAt = 8;
constexpr size_t kTypeAt = 16;
constexpr size_t kKeyLengthAt = 17;
constexpr size_t kKeyAt = 21;
// What `len` counts beside key and value.
constexpr uint64_t kFixedBytes = 25;
constexpr size_t kChecksumBytes = 4;

// Checksummed pieces up to this size are put together first: one pass beats three short ones.
constexpr size_t kGatherBytesMax = 1024;
// What the checksum takes at a time: an end that is shorter costs as much again.
constexpr size_t kStrideBytes = 16;

uint32_t read_u32(const uint8_t* at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

uint32_t checksum(const uint8_t* record, const Record& sizes) {
  constexpr size_t kHeadBytes = kKeyLengthAt - kSequenceAt;
  const uint8_t* key = record + kKeyAt;
  const uint8_t* value = key + sizes.key_bytes + kLengthBytes;
  const size_t bytes = kHeadBytes + size_t{sizes.key_bytes} + sizes.value_bytes;
  if (bytes <= kGatherBytesMax) {
    // From a state of zero, zeros in front change nothing. The state that a checksum starts from is
    // added to the first bytes instead, which comes to the same.
    const size_t padding = (kStrideBytes - bytes % kStrideBytes) % kStrideBytes;
    uint8_t gathered[kStrideBytes + kGatherBytesMax];
    memset(gathered, 0, kStrideBytes);
    uint8_t* head = gathered + padding;
    memcpy(head, record + kSequenceAt, kHeadBytes);
    memcpy(head + kHeadBytes, key, sizes.key_bytes);
    memcpy(head + kHeadBytes + sizes.key_bytes, value, sizes.value_bytes);
    const uint32_t first = ~read_u32(head);
    memcpy(head, &first, sizeof first);
    return crc32(~uint32_t{0}, gathered, padding + bytes);
  }
  uint32_t crc = crc32(0, record + kSequenceAt, kHeadBytes);
  crc = crc32(crc, key, sizes.key_bytes);
  return crc32(crc, value, sizes.value_bytes);
}

uint8_t* checksum_at(uint8_t* record, const Record& sizes) {
  return record + sizes.length - kChecksumBytes;
}

// Believes in a record's sizes, or says why not. The order of the checks is part of the contract:
// the portable twin must come to the same reason. `record` is set when the answer is kEnd.
Stop check_sizes(const uint8_t* bytes, size_t at, size_t end, Record* record) {
  const uint8_t* p = bytes + at;
  const size_t available = end - at;
  if (available < kLengthBytes) return Stop::kNeedMore;
  const uint64_t length = read_u32(p);
  if (length < kFixedBytes) return Stop::kBadLength;
  if (available < kSequenceAt) return Stop::kNeedMore;
  if (read_u32(p + kMagicAt) != kMagic) return Stop::kBadMagic;
  if (available < kKeyLengthAt) return Stop::kNeedMore;
  const uint8_t type = p[kTypeAt];
  if (type != kTypePut && type != kTypeDelete && type != kTypeBatch) return Stop::kBadType;
  if (available < kKeyAt) return Stop::kNeedMore;
  const uint64_t key_bytes = read_u32(p + kKeyLengthAt);
  if (kFixedBytes + key_bytes > length) return Stop::kLengthMismatch;
  if (kLengthBytes + length > available) return Stop::kNeedMore;
  const uint64_t value_bytes = read_u32(p + kKeyAt + key_bytes);
  if (kFixedBytes + key_bytes + value_bytes != length) return Stop::kLengthMismatch;
  if (type == kTypeDelete && value_bytes > 0) return Stop::kDeleteWithValue;
  if (type == kTypeBatch && key_bytes > 0) return Stop::kBadBatch;
  *record = {at, kLengthBytes + length, static_cast<uint32_t>(key_bytes),
             static_cast<uint32_t>(value_bytes)};
  return Stop::kEnd;
}

}  // namespace

bool seal_records(uint8_t* bytes, size_t start, size_t end) {
  for (size_t at = start; at < end;) {
    Record record;
    if (check_sizes(bytes, at, end, &record) != Stop::kEnd) return false;
    const uint32_t crc = checksum(bytes + at, record);
    memcpy(checksum_at(bytes + at, record), &crc, sizeof crc);
    at += record.length;
  }
  return true;
}

uint32_t scan_records(const uint8_t* bytes, size_t start, size_t end, uint32_t* table,
                      size_t table_length) {
  const size_t capacity = (table_length - kTableHeader) / kTableStride;
  uint32_t* row = table + kTableHeader;
  uint32_t count = 0;
  uint32_t batches = 0;
  size_t at = start;
  Stop stop = Stop::kEnd;
  while (at < end) {
    if (count == capacity) {
      stop = Stop::kTableFull;
      break;
    }
    Record record;
    stop = check_sizes(bytes, at, end, &record);
    if (stop != Stop::kEnd) break;
    if (checksum(bytes + at, record) != read_u32(bytes + at + record.length - kChecksumBytes)) {
      stop = Stop::kBadChecksum;
      break;
    }
    row[0] = static_cast<uint32_t>(at);
    row[1] = static_cast<uint32_t>(record.length);
    row[2] = record.key_bytes;
    row[3] = record.value_bytes;
    row += kTableStride;
    if (bytes[at + kTypeAt] == kTypeBatch) batches++;
    count++;
    at += record.length;
  }
  table[0] = count;
  table[1] = static_cast<uint32_t>(at);
  table[2] = static_cast<uint32_t>(stop);
  table[3] = batches;
  return count;
}

}  // namespace uring_wal
