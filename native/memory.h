// Page-aligned memory that JavaScript and the kernel share, counted: one reference for JavaScript
// (until its ArrayBuffer is collected or released), one for every operation in flight. It is
// unmapped with the last reference, so never while the kernel may still touch it.
#ifndef URING_WAL_MEMORY_H_
#define URING_WAL_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "ring.h"

namespace uring_wal {

constexpr size_t kMemoryAlignment = 4096;
// V8's own limit for one ArrayBuffer is of this order.
constexpr uint64_t kMemoryBytesMax = uint64_t{1} << 32;

class Memory {
 public:
  // Zero-filled, `bytes` rounded up to kMemoryAlignment; one reference, the caller's. Null when
  // the system has none left.
  static Memory* create(size_t bytes);

  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void reference() { references_++; }
  void unreference();

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

  // Tries to register with `ring`; false where the ring or the memory limit has no room.
  bool register_with(const std::shared_ptr<Ring>& ring);
  // Index in that ring's buffer table, or -1.
  int32_t buffer_index(const Ring* ring) const;

 private:
  Memory(std::byte* data, size_t bytes) : data_(data), bytes_(bytes) {}
  ~Memory();

  std::byte* data_;
  size_t bytes_;
  uint32_t references_ = 1;
  int32_t buffer_index_ = -1;
  std::weak_ptr<Ring> ring_;
};

}  // namespace uring_wal

#endif  // URING_WAL_MEMORY_H_
