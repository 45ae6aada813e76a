// See memory.h.
#include "memory.h"

#include <sys/mman.h>

#include <cassert>
#include <new>

namespace uring_wal {

Memory* Memory::create(size_t bytes) {
  const size_t rounded = (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
  if (rounded == 0 || rounded > kMemoryBytesMax) return nullptr;
  void* data = mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  // A child process needs none of it, and a fork must not move pages away from under a device.
  // Where the kernel refuses, nothing is lost but that protection.
  (void)madvise(data, rounded, MADV_DONTFORK);
  auto* memory = new (std::nothrow) Memory(static_cast<std::byte*>(data), rounded);
  if (memory == nullptr) munmap(data, rounded);
  return memory;
}

Memory::~Memory() {
  if (buffer_index_ >= 0) {
    if (const auto ring = ring_.lock()) ring->unregister_buffer(buffer_index_);
  }
  munmap(data_, bytes_);
}

void Memory::unreference() {
  assert(references_ > 0);
  if (--references_ == 0) delete this;
}

bool Memory::register_with(const std::shared_ptr<Ring>& ring) {
  assert(buffer_index_ < 0);
  const int32_t index = ring->register_buffer(data_, bytes_);
  if (index < 0) return false;
  buffer_index_ = index;
  ring_ = ring;
  return true;
}

int32_t Memory::buffer_index(const Ring* ring) const {
  if (buffer_index_ < 0 || ring_.lock().get() != ring) return -1;
  return buffer_index_;
}

}  // namespace uring_wal
