// CRC-32 and records over bytes of every kind. Each buffer is exactly as long as it may be read, so
// that AddressSanitizer sees a byte too far.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "../crc32.h"
#include "../records.h"
#include "check.h"

namespace uring_wal::test {
namespace {

using Bytes = std::vector<uint8_t>;

// Bit by bit, straight from the polynomial's definition.
uint32_t crc_by_definition(uint32_t seed, const uint8_t* data, size_t bytes) {
  uint32_t state = ~seed;
  for (size_t i = 0; i < bytes; i++) {
    state ^= data[i];
    for (int bit = 0; bit < 8; bit++) {
      state = (state & 1) != 0 ? (state >> 1) ^ 0xedb88320u : state >> 1;
    }
  }
  return ~state;
}

Bytes random_bytes(std::mt19937& random, size_t bytes) {
  Bytes data(bytes);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
  return data;
}

// A copy on the heap of exactly this length.
std::unique_ptr<uint8_t[]> exact(const Bytes& data) {
  std::unique_ptr<uint8_t[]> copy(new uint8_t[data.size()]);
  if (!data.empty()) memcpy(copy.get(), data.data(), data.size());
  return copy;
}

const char* crc_of_known_text() {
  const auto* text = reinterpret_cast<const uint8_t*>("123456789");
  CHECK(crc32(0, text, 9) == 0xcbf43926u);
  CHECK(crc32(0, text, 0) == 0);
  return nullptr;
}

const char* crc_equals_definition_at_every_length_and_offset() {
  std::mt19937 random(1);
  for (size_t length = 0; length < 700; length++) {
    const size_t offset = length % 17;
    const auto data = exact(random_bytes(random, offset + length));
    const uint32_t seed = random();
    const uint32_t expected = crc_by_definition(seed, data.get() + offset, length);
    if (!CHECK(crc32(seed, data.get() + offset, length) == expected)) break;
    if (!CHECK(crc32_portable(seed, data.get() + offset, length) == expected)) break;
  }
  return nullptr;
}

const char* crc_continues_from_a_seed() {
  std::mt19937 random(2);
  const Bytes data = random_bytes(random, 300);
  const uint32_t whole = crc32(0, data.data(), data.size());
  for (size_t cut = 0; cut <= data.size(); cut++) {
    const uint32_t first = crc32(0, data.data(), cut);
    if (!CHECK(crc32(first, data.data() + cut, data.size() - cut) == whole)) break;
  }
  return nullptr;
}

void put_u32(Bytes& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

Bytes unsealed(uint8_t type, uint64_t sequence, const Bytes& key, const Bytes& value) {
  Bytes out;
  put_u32(out, static_cast<uint32_t>(25 + key.size() + value.size()));
  put_u32(out, 0x0057414c);
  put_u32(out, static_cast<uint32_t>(sequence));
  put_u32(out, static_cast<uint32_t>(sequence >> 32));
  out.push_back(type);
  put_u32(out, static_cast<uint32_t>(key.size()));
  out.insert(out.end(), key.begin(), key.end());
  put_u32(out, static_cast<uint32_t>(value.size()));
  out.insert(out.end(), value.begin(), value.end());
  put_u32(out, 0);
  return out;
}

void append(Bytes& out, const Bytes& more) {
  out.insert(out.end(), more.begin(), more.end());
}

// Put, delete and batch records of many sizes; `ends` gets where each ends.
Bytes sample(std::mt19937& random, std::vector<size_t>& ends) {
  Bytes out;
  for (uint64_t i = 0; i < 12; i++) {
    const auto type = static_cast<uint8_t>(1 + i % 3);
    const Bytes key = random_bytes(random, type == 3 ? 0 : random() % 40);
    const Bytes value = random_bytes(random, type == 2 ? 0 : random() % (i == 6 ? 3000 : 90));
    append(out, unsealed(type, i << 31, key, value));
    ends.push_back(out.size());
  }
  return out;
}

const char* a_sealed_run_is_scanned_whole() {
  std::mt19937 random(3);
  for (int round = 0; round < 50; round++) {
    std::vector<size_t> ends;
    const Bytes bytes = sample(random, ends);
    const auto data = exact(bytes);
    CHECK(seal_records(data.get(), 0, bytes.size()));
    std::vector<uint32_t> table(kTableHeader + kTableStride * 20);
    CHECK(scan_records(data.get(), 0, bytes.size(), table.data(), table.size()) == ends.size());
    CHECK(table[1] == bytes.size() && table[2] == 0);
    for (size_t i = 0; i < ends.size(); i++) {
      const uint32_t* row = &table[kTableHeader + i * kTableStride];
      CHECK(row[0] + row[1] == ends[i] && row[1] == 29 + row[2] + row[3]);
    }
  }
  return nullptr;
}

const char* a_full_table_stops_the_scan_and_it_goes_on_from_there() {
  std::mt19937 random(4);
  std::vector<size_t> ends;
  Bytes bytes = sample(random, ends);
  seal_records(bytes.data(), 0, bytes.size());
  std::vector<uint32_t> table(kTableHeader + kTableStride * 5);
  CHECK(scan_records(bytes.data(), 0, bytes.size(), table.data(), table.size()) == 5);
  CHECK(table[1] == ends[4] && table[2] == static_cast<uint32_t>(Stop::kTableFull));
  CHECK(scan_records(bytes.data(), table[1], bytes.size(), table.data(), table.size()) == 5);
  CHECK(table[kTableHeader] == ends[4]);
  CHECK(scan_records(bytes.data(), 0, 0, table.data(), kTableHeader) == 0 && table[2] == 0);
  return nullptr;
}

Stop stop_of(const Bytes& bytes) {
  const auto data = exact(bytes);
  std::vector<uint32_t> table(kTableHeader + kTableStride);
  scan_records(data.get(), 0, bytes.size(), table.data(), table.size());
  return static_cast<Stop>(table[2]);
}

const char* every_reason_to_stop() {
  Bytes good = unsealed(1, 7, {1, 2}, {3, 4, 5});
  seal_records(good.data(), 0, good.size());
  for (size_t cut = 1; cut < good.size(); cut++) {
    if (!CHECK(stop_of(Bytes(good.begin(), good.begin() + cut)) == Stop::kNeedMore)) break;
  }
  auto with = [&good](size_t at, uint8_t value) {
    Bytes bytes = good;
    bytes[at] = value;
    return stop_of(bytes);
  };
  CHECK(with(0, 24) == Stop::kBadLength);
  CHECK(with(4, 0) == Stop::kBadMagic);
  CHECK(with(16, 0) == Stop::kBadType);
  CHECK(with(16, 4) == Stop::kBadType);
  CHECK(with(17, 6) == Stop::kLengthMismatch);
  CHECK(with(20, 255) == Stop::kLengthMismatch);
  CHECK(with(23, 4) == Stop::kLengthMismatch);
  CHECK(with(16, 2) == Stop::kDeleteWithValue);
  CHECK(with(16, 3) == Stop::kBadBatch);
  CHECK(with(8, 8) == Stop::kBadChecksum);
  CHECK(with(good.size() - 1, good.back() ^ 1) == Stop::kBadChecksum);
  CHECK(with(3, 255) == Stop::kNeedMore);
  return nullptr;
}

const char* seal_refuses_what_is_no_run_of_whole_records() {
  std::mt19937 random(5);
  std::vector<size_t> ends;
  const Bytes bytes = sample(random, ends);
  for (size_t cut = 1; cut < bytes.size(); cut++) {
    const Bytes part(bytes.begin(), bytes.begin() + cut);
    const bool whole = std::find(ends.begin(), ends.end(), cut) != ends.end();
    const auto data = exact(part);
    if (!CHECK(seal_records(data.get(), 0, cut) == whole)) break;
  }
  return nullptr;
}

// Whatever the bytes, nothing outside them is touched and a stop is a known one.
const char* damaged_bytes_are_walked_safely() {
  std::mt19937 random(6);
  for (int round = 0; round < 20000; round++) {
    std::vector<size_t> ends;
    Bytes bytes = sample(random, ends);
    bytes.resize(1 + random() % bytes.size());
    if (round % 2 == 0) seal_records(bytes.data(), 0, bytes.size());
    for (uint32_t flips = random() % 4; flips > 0; flips--) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random() % 3 == 0 ? 255 : random());
    }
    const auto data = exact(bytes);
    const size_t start = random() % 8 == 0 ? random() % bytes.size() : 0;
    std::vector<uint32_t> table(kTableHeader + kTableStride * (random() % 14));
    const uint32_t count =
        scan_records(data.get(), start, bytes.size(), table.data(), table.size());
    if (!CHECK(count == table[0] && table[1] <= bytes.size() && table[2] <= 9)) break;
    seal_records(data.get(), start, bytes.size());
  }
  return nullptr;
}

}  // namespace

int run() {
  std::printf("crc32: %s\n", crc32_method());
  RUN(crc_of_known_text);
  RUN(crc_equals_definition_at_every_length_and_offset);
  RUN(crc_continues_from_a_seed);
  RUN(a_sealed_run_is_scanned_whole);
  RUN(a_full_table_stops_the_scan_and_it_goes_on_from_there);
  RUN(every_reason_to_stop);
  RUN(seal_refuses_what_is_no_run_of_whole_records);
  RUN(damaged_bytes_are_walked_safely);
  return tally.failures == 0 ? 0 : 1;
}

}  // namespace uring_wal::test

int main() {
  return uring_wal::test::run();
}
