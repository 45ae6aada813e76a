// The life of requests, see ring.h. Sources: io_uring(7), io_uring_enter(2).
#include "ring.h"

#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstring>

#ifndef IORING_SQ_TASKRUN
#define IORING_SQ_TASKRUN (1U << 2)
#endif

namespace uring_wal {
namespace {

static_assert(std::atomic_ref<uint32_t>::is_always_lock_free);

// Of cancel requests, whose own completions mean nothing to the caller.
constexpr uint64_t kCancelToken = UINT64_MAX;
// An enter call that waits for nothing is hardly ever interrupted; this bounds the loop.
constexpr uint32_t kInterruptsMax = 1000;

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

}  // namespace uring_wal
