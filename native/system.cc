// See system.h.
#include "system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace uring_wal {
namespace {

// struct statx of the kernel's ABI, spelt out because older C libraries lack its newer fields.
struct KernelStatx {
  uint32_t mask;
  uint8_t unused_start[148];
  uint32_t dio_mem_align;
  uint32_t dio_offset_align;
  uint8_t unused_end[96];
};
static_assert(sizeof(KernelStatx) == 256);
static_assert(offsetof(KernelStatx, dio_mem_align) == 0x98);

constexpr uint32_t kStatxDioAlign = 0x2000;

}  // namespace

int32_t lock_descriptor(int descriptor) {
  return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

int32_t direct_alignment(int descriptor, DirectAlignment* alignment) {
  KernelStatx status{};
  const long result = syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH, kStatxDioAlign, &status);
  if (result != 0) return errno;
  alignment->known = (status.mask & kStatxDioAlign) != 0;
  alignment->memory_bytes = status.dio_mem_align;
  alignment->offset_bytes = status.dio_offset_align;
  return 0;
}

}  // namespace uring_wal
