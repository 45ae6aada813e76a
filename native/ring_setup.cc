// Setting a ring up and down, its buffer table, and what the kernel has, see ring.h. Sources:
// io_uring_setup(2), io_uring_register(2).
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>

#include "ring.h"

// Newer than the oldest headers this is built against.
#ifndef IORING_SETUP_SUBMIT_ALL
#define IORING_SETUP_SUBMIT_ALL (1U << 7)
#endif
#ifndef IORING_SETUP_COOP_TASKRUN
#define IORING_SETUP_COOP_TASKRUN (1U << 8)
#endif
#ifndef IORING_SETUP_TASKRUN_FLAG
#define IORING_SETUP_TASKRUN_FLAG (1U << 9)
#endif
#ifndef IORING_RSRC_REGISTER_SPARSE
#define IORING_RSRC_REGISTER_SPARSE (1U << 0)
#endif

namespace uring_wal {
namespace {

static_assert(sizeof(io_uring_sqe) == 64);
static_assert(sizeof(io_uring_cqe) == 16);

// Best first; a kernel that does not know a flag answers EINVAL. DEFER_TASKRUN is not among them:
// such a ring does not wake those who poll its descriptor (Linux 6.18), as the event loop does.
constexpr uint32_t kSetupFlags[] = {
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    0,
};

constexpr uint8_t kOpcodesNeeded[] = {
    IORING_OP_WRITE, IORING_OP_WRITE_FIXED, IORING_OP_READ,         IORING_OP_READ_FIXED,
    IORING_OP_FSYNC, IORING_OP_FALLOCATE,   IORING_OP_ASYNC_CANCEL, IORING_OP_FADVISE,
};

int32_t result_of(long returned) {
  return returned < 0 ? -errno : static_cast<int32_t>(returned);
}

int32_t enter_kernel(int descriptor, uint32_t submit, uint32_t wait, uint32_t flags) {
  return result_of(syscall(SYS_io_uring_enter, descriptor, submit, wait, flags, nullptr, 0));
}

int32_t register_kernel(int descriptor, uint32_t opcode, const void* argument, uint32_t count) {
  return result_of(syscall(SYS_io_uring_register, descriptor, opcode, argument, count));
}

}  // namespace

int32_t Ring::open(const RingOptions& options, std::shared_ptr<Ring>* ring) {
  std::shared_ptr<Ring> opened(new Ring());
  int32_t error = opened->setup(options);
  if (error == 0) error = opened->map();
  if (error != 0) return error;
  opened->enter_ = options.enter == nullptr ? enter_kernel : options.enter;
  opened->in_flight_max_ =
      options.in_flight_max == 0 ? opened->parameters_.cq_entries : options.in_flight_max;
  opened->register_buffer_table();
  *ring = std::move(opened);
  return 0;
}

int32_t Ring::setup(const RingOptions& options) {
  int32_t result = -EINVAL;
  for (uint32_t flags : kSetupFlags) {
    parameters_ = {};
    parameters_.flags = flags;
    result = result_of(syscall(SYS_io_uring_setup, options.entries, &parameters_));
    if (result != -EINVAL) break;
  }
  if (result < 0) return result;
  descriptor_ = result;
  // Without NODROP a full completion ring would lose completions (kernels before 5.5).
  constexpr uint32_t kFeatures = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP;
  return (parameters_.features & kFeatures) == kFeatures ? 0 : -ENOSYS;
}

int32_t Ring::map() {
  const io_uring_params& p = parameters_;
  const size_t submission_bytes = p.sq_off.array + p.sq_entries * sizeof(uint32_t);
  const size_t completion_bytes = p.cq_off.cqes + p.cq_entries * sizeof(io_uring_cqe);
  rings_bytes_ = submission_bytes > completion_bytes ? submission_bytes : completion_bytes;
  entries_bytes_ = p.sq_entries * sizeof(io_uring_sqe);

  constexpr int kProtection = PROT_READ | PROT_WRITE;
  constexpr int kFlags = MAP_SHARED | MAP_POPULATE;
  void* rings = mmap(nullptr, rings_bytes_, kProtection, kFlags, descriptor_, IORING_OFF_SQ_RING);
  if (rings == MAP_FAILED) return -errno;
  rings_ = rings;
  void* entries = mmap(nullptr, entries_bytes_, kProtection, kFlags, descriptor_, IORING_OFF_SQES);
  if (entries == MAP_FAILED) return -errno;
  entries_ = static_cast<io_uring_sqe*>(entries);

  auto* base = static_cast<std::byte*>(rings);
  auto at = [base](uint32_t offset) { return reinterpret_cast<uint32_t*>(base + offset); };
  submission_head_ = at(p.sq_off.head);
  submission_tail_ = at(p.sq_off.tail);
  submission_flags_ = at(p.sq_off.flags);
  submission_mask_ = *at(p.sq_off.ring_mask);
  completion_head_ = at(p.cq_off.head);
  completion_tail_ = at(p.cq_off.tail);
  completion_mask_ = *at(p.cq_off.ring_mask);
  completions_ = reinterpret_cast<const io_uring_cqe*>(base + p.cq_off.cqes);
  // The indirection of the submission ring is not used: slot i always names entry i.
  for (uint32_t i = 0; i < p.sq_entries; i++) at(p.sq_off.array)[i] = i;
  return 0;
}

Ring::~Ring() {
  assert(in_flight_ == 0);
  if (entries_ != nullptr) munmap(entries_, entries_bytes_);
  if (rings_ != nullptr) munmap(rings_, rings_bytes_);
  if (descriptor_ >= 0) close(descriptor_);
}

void Ring::register_buffer_table() {
  io_uring_rsrc_register table{};
  table.nr = kRegisteredBuffersMax;
  table.flags = IORING_RSRC_REGISTER_SPARSE;
  buffers_registered_ =
      register_kernel(descriptor_, IORING_REGISTER_BUFFERS2, &table, sizeof table) == 0;
  if (!buffers_registered_) return;
  for (uint32_t i = kRegisteredBuffersMax; i > 0; i--) {
    free_buffers_.push_back(static_cast<uint16_t>(i - 1));
  }
}

int32_t Ring::update_buffer(uint32_t index, void* address, size_t bytes) {
  iovec vector{address, bytes};
  uint64_t tag = 0;
  io_uring_rsrc_update2 update{};
  update.offset = index;
  update.data = reinterpret_cast<uint64_t>(&vector);
  update.tags = reinterpret_cast<uint64_t>(&tag);
  update.nr = 1;
  return register_kernel(descriptor_, IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof update);
}

int32_t Ring::register_buffer(void* address, size_t bytes) {
  if (bytes > kRegisteredBytesMax) return -E2BIG;
  if (free_buffers_.empty()) return -ENOSPC;
  const uint16_t index = free_buffers_.back();
  const int32_t updated = update_buffer(index, address, bytes);
  if (updated < 0) return updated;
  free_buffers_.pop_back();
  return index;
}

void Ring::unregister_buffer(int32_t index) {
  // On failure the slot is not handed out again; the pages stay pinned until the ring closes.
  if (update_buffer(static_cast<uint32_t>(index), nullptr, 0) < 0) return;
  free_buffers_.push_back(static_cast<uint16_t>(index));
}

int32_t Ring::missing_opcode() const {
  constexpr uint32_t kOpcodes = 256;
  std::vector<std::byte> storage(sizeof(io_uring_probe) + kOpcodes * sizeof(io_uring_probe_op));
  auto* answer = reinterpret_cast<io_uring_probe*>(storage.data());
  // A kernel without this call (before 5.6) also lacks plain reads and writes.
  if (register_kernel(descriptor_, IORING_REGISTER_PROBE, answer, kOpcodes) < 0) {
    return kOpcodesNeeded[0];
  }
  for (uint8_t opcode : kOpcodesNeeded) {
    const bool known = opcode <= answer->last_op;
    if (!known || (answer->ops[opcode].flags & IO_URING_OP_SUPPORTED) == 0) return opcode;
  }
  return -1;
}

ProbeResult probe_ring() {
  ProbeResult probe;
  std::shared_ptr<Ring> ring;
  probe.error = Ring::open({.entries = 1}, &ring);
  if (probe.error != 0) return probe;
  probe.missing_opcode = ring->missing_opcode();
  probe.setup_flags = ring->setup_flags();
  probe.registered_buffers = ring->has_buffer_table();
  return probe;
}

}  // namespace uring_wal
