// One io_uring instance over the raw system calls. Knows nothing of Node.js: requests go in with a
// token, completions come out with the same token and the kernel's result, a negated errno on
// failure. Single-threaded: every call must come from the thread that opened the ring.
//
// A request is in one of three places, in this order: the queue (no room yet), the submission ring
// (the kernel has not taken it yet), in flight (the kernel has it until its completion is reaped).
#ifndef URING_WAL_RING_H_
#define URING_WAL_RING_H_

#include <linux/io_uring.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace uring_wal {

// The kernel's own limit (IORING_MAX_ENTRIES).
constexpr uint32_t kRingEntriesMax = 32768;
// Slots of the registered buffer table; memory beyond is used unregistered.
constexpr uint32_t kRegisteredBuffersMax = 256;
// Larger memory stays unregistered: pinning it would cost more than a request saves.
constexpr size_t kRegisteredBytesMax = size_t{16} << 20;
// One request moves at most this much (MAX_RW_COUNT of the kernel, rounded to a page).
constexpr uint64_t kRequestBytesMax = 0x7ffff000;

// A request as the kernel will see it; `address`, `offset` and `length` by opcode.
struct Request {
  uint64_t token = 0;
  uint64_t offset = 0;
  uint64_t address = 0;
  uint32_t length = 0;
  // rw_flags, fsync_flags or fadvise_advice; one union in the kernel's struct.
  uint32_t flags = 0;
  int32_t descriptor = -1;
  uint16_t buffer_index = 0;
  uint8_t opcode = IORING_OP_NOP;
};

struct Completion {
  uint64_t token;
  int32_t result;
};

// io_uring_enter(2), or a stand-in for tests: returns what was submitted, or a negated errno.
using EnterFunction = int32_t (*)(int descriptor, uint32_t submit, uint32_t wait, uint32_t flags);

struct RingOptions {
  // Power of two, 1 … kRingEntriesMax.
  uint32_t entries = 128;
  // 0: as many as the completion ring holds. Tests raise it to reach an overflow.
  uint32_t in_flight_max = 0;
  // Null: the system call.
  EnterFunction enter = nullptr;
};

class Ring {
 public:
  // 0, or a negated errno. Older kernels, which refuse the newer set-up flags, get a ring without.
  static int32_t open(const RingOptions& options, std::shared_ptr<Ring>* ring);
  // Unmaps and closes. The kernel must hold nothing any more: in_flight() == 0.
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  int descriptor() const { return descriptor_; }
  uint32_t setup_flags() const { return parameters_.flags; }
  uint32_t entries() const { return parameters_.sq_entries; }
  uint32_t in_flight() const { return in_flight_; }
  uint32_t in_flight_max() const { return in_flight_max_; }
  uint64_t enter_calls() const { return enter_calls_; }
  // Requests that the kernel has not taken.
  size_t waiting() const { return queue_.size() + unsubmitted(); }

  // The first opcode that this library needs and the kernel lacks, or -1.
  int32_t missing_opcode() const;

  // Queues a request; flush() brings it to the kernel.
  void push(const Request& request);
  // Hands over what there is room for. 0, or the negated errno for which some could not be
  // handed over: they stay, in order, for the next flush().
  int32_t flush();
  // Takes at most `capacity` completions; returns how many.
  uint32_t reap(Completion* completions, uint32_t capacity);
  // Asks the kernel to give up the request in flight with this token; that one still completes.
  void cancel(uint64_t token);
  // Forgets what the kernel has not taken; returns those tokens, in order.
  std::vector<uint64_t> drop_waiting();

  // Index in the registered buffer table, or a negated errno (the memory limit, a full table, an
  // old kernel): the memory is then used by plain requests.
  int32_t register_buffer(void* address, size_t bytes);
  void unregister_buffer(int32_t index);
  bool has_buffer_table() const { return buffers_registered_; }

 private:
  Ring() = default;
  int32_t setup(const RingOptions& options);
  int32_t map();
  void register_buffer_table();
  int32_t update_buffer(uint32_t index, void* address, size_t bytes);
  uint32_t unsubmitted() const;
  bool place(const Request& request);
  void fill();
  int32_t enter(uint32_t submit, uint32_t flags);

  int descriptor_ = -1;
  io_uring_params parameters_{};
  EnterFunction enter_ = nullptr;
  uint64_t enter_calls_ = 0;

  void* rings_ = nullptr;
  size_t rings_bytes_ = 0;
  io_uring_sqe* entries_ = nullptr;
  size_t entries_bytes_ = 0;

  uint32_t* submission_head_ = nullptr;
  uint32_t* submission_tail_ = nullptr;
  uint32_t* submission_flags_ = nullptr;
  uint32_t submission_mask_ = 0;
  uint32_t* completion_head_ = nullptr;
  uint32_t* completion_tail_ = nullptr;
  uint32_t completion_mask_ = 0;
  const io_uring_cqe* completions_ = nullptr;

  uint32_t in_flight_ = 0;
  uint32_t in_flight_max_ = 0;
  std::deque<Request> queue_;

  bool buffers_registered_ = false;
  std::vector<uint16_t> free_buffers_;
};

// What the kernel gives here. `error`: 0 or the negated errno of setting a small ring up.
struct ProbeResult {
  int32_t error = 0;
  int32_t missing_opcode = -1;
  uint32_t setup_flags = 0;
  bool registered_buffers = false;
};
ProbeResult probe_ring();

}  // namespace uring_wal

#endif  // URING_WAL_RING_H_
