// The few system calls that node:fs lacks.
#ifndef URING_WAL_SYSTEM_H_
#define URING_WAL_SYSTEM_H_

#include <cstdint>

namespace uring_wal {

// Takes an exclusive flock(2) without waiting: 0, or an errno (EWOULDBLOCK when it is held).
int32_t lock_descriptor(int descriptor);

// What O_DIRECT needs of memory addresses and of offsets and lengths, in bytes; both 0 where the
// file has no O_DIRECT. `known` is false on kernels before 6.1, and file systems, that do not say.
struct DirectAlignment {
  bool known = false;
  uint32_t memory_bytes = 0;
  uint32_t offset_bytes = 0;
};
// 0, or an errno.
int32_t direct_alignment(int descriptor, DirectAlignment* alignment);

}  // namespace uring_wal

#endif  // URING_WAL_SYSTEM_H_
