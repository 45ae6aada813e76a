// See ring.h. Sources: io_uring(7), io_uring_setup(2), io_uring_enter(2), io_uring_register(2).
#include "ring.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstring>

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
#ifndef IORING_SQ_TASKRUN
#define IORING_SQ_TASKRUN (1U << 2)
#endif
#ifndef IORING_RSRC_REGISTER_SPARSE
#define IORING_RSRC_REGISTER_SPARSE (1U << 0)
#endif

namespace uring_wal {
namespace {

static_assert(sizeof(io_uring_sqe) == 64);
static_assert(sizeof(io_uring_cqe) == 16);
static_assert(std::atomic_ref<uint32_t>::is_always_lock_free);

// Of cancel requests, whose own completions mean nothing to the caller.
constexpr uint64_t kCancelToken = UINT64_MAX;
// An enter call that waits for nothing is hardly ever interrupted; this bounds the loop.
constexpr uint32_t kInterruptsMax = 1000;

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

// Pairs with the kernel's release of the same index: what it wrote before is visible after.
uint32_t load_acquire(uint32_t* shared) {
  return std::atomic_ref<uint32_t>(*shared).load(std::memory_order_acquire);
}

// Pairs with the kernel's acquire of the same index: it sees what was written before.
void store_release(uint32_t* shared, uint32_t value) {
  std::atomic_ref<uint32_t>(*shared).store(value, std::memory_order_release);
}

// For indexes that only this side writes, and for flags that order nothing.
uint32_t load_relaxed(uint32_t* shared) {
  return std::atomic_ref<uint32_t>(*shared).load(std::memory_order_relaxed);
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

uint32_t Ring::unsubmitted() const {
  return load_relaxed(submission_tail_) - load_acquire(submission_head_);
}

void Ring::push(const Request& request) {
  if (!queue_.empty() || !place(request)) queue_.push_back(request);
}

// Writes the request into the submission ring, unless that or the completion ring is full.
bool Ring::place(const Request& request) {
  const uint32_t waiting = unsubmitted();
  if (waiting == parameters_.sq_entries) return false;
  if (in_flight_ + waiting >= in_flight_max_ && request.token != kCancelToken) return false;

  const uint32_t tail = load_relaxed(submission_tail_);
  io_uring_sqe& entry = entries_[tail & submission_mask_];
  memset(&entry, 0, sizeof entry);
  entry.opcode = request.opcode;
  entry.fd = request.descriptor;
  entry.off = request.offset;
  entry.addr = request.address;
  entry.len = request.length;
  entry.rw_flags = static_cast<__kernel_rwf_t>(request.flags);
  entry.user_data = request.token;
  entry.buf_index = request.buffer_index;
  store_release(submission_tail_, tail + 1);
  return true;
}

void Ring::fill() {
  while (!queue_.empty() && place(queue_.front())) queue_.pop_front();
}

int32_t Ring::enter(uint32_t submit, uint32_t flags) {
  enter_calls_++;
  return enter_(descriptor_, submit, 0, flags);
}

int32_t Ring::flush() {
  uint32_t interrupts = 0;
  for (;;) {
    fill();
    const uint32_t before = unsubmitted();
    if (before == 0) return 0;
    const int32_t result = enter(before, IORING_ENTER_GETEVENTS);
    // How far the head moved is what the kernel took, whatever the call returned: so nothing is
    // lost and nothing is submitted twice.
    const uint32_t taken = before - unsubmitted();
    in_flight_ += taken;
    if (taken > 0) continue;
    if (result == -EINTR && interrupts++ < kInterruptsMax) continue;
    return result < 0 ? result : -EAGAIN;
  }
}

uint32_t Ring::reap(Completion* completions, uint32_t capacity) {
  uint32_t count = 0;
  for (;;) {
    uint32_t head = load_relaxed(completion_head_);
    const uint32_t tail = load_acquire(completion_tail_);
    const bool found = head != tail;
    for (; head != tail && count < capacity; head++) {
      const io_uring_cqe& completion = completions_[head & completion_mask_];
      in_flight_--;
      if (completion.user_data == kCancelToken) continue;
      completions[count++] = {completion.user_data, completion.res};
    }
    // Gives the slots back only now that they have been read.
    store_release(completion_head_, head);
    if (count == capacity) return count;
    // Completions may wait in the kernel: for room in the ring, or for this thread to enter.
    const uint32_t flags = load_relaxed(submission_flags_);
    if ((flags & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)) == 0) return count;
    const int32_t result = enter(0, IORING_ENTER_GETEVENTS);
    if (result < 0 && result != -EINTR && !found) return count;
    if (!found && load_acquire(completion_tail_) == head) return count;
  }
}

void Ring::cancel(uint64_t token) {
  Request request;
  request.opcode = IORING_OP_ASYNC_CANCEL;
  request.address = token;
  request.token = kCancelToken;
  push(request);
}

std::vector<uint64_t> Ring::drop_waiting() {
  std::vector<uint64_t> tokens;
  // The kernel reads the tail in enter only, on this thread: it can be taken back.
  const uint32_t head = load_acquire(submission_head_);
  const uint32_t tail = load_relaxed(submission_tail_);
  for (uint32_t i = head; i != tail; i++) {
    tokens.push_back(entries_[i & submission_mask_].user_data);
  }
  store_release(submission_tail_, head);
  for (const Request& request : queue_) tokens.push_back(request.token);
  queue_.clear();
  std::erase(tokens, kCancelToken);
  return tokens;
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
