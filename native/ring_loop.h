// Ties a ring to the event loop of its environment: numbers the operations under way, keeps their
// memory, keeps the loop alive exactly while one is under way, and hands completions to JavaScript
// in batches.
//
// Completions go through one shared Int32Array:
//   [0] how many completions follow, not yet taken by JavaScript, which sets it back to 0
//   [1] number of the operation that submit() left pending
//   [2 + 2i] number of a completed operation   [3 + 2i] its result, a negated errno on failure
#ifndef URING_WAL_RING_LOOP_H_
#define URING_WAL_RING_LOOP_H_

#include <napi.h>
#include <uv.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "environment.h"
#include "memory.h"
#include "ring.h"

namespace uring_wal {

// submit() left the operation pending; below every negated errno.
constexpr int32_t kPending = INT32_MIN;
// Operations under way in one ring, queued ones included; beyond, submit() answers -EAGAIN.
constexpr uint32_t kOperationsMax = 1 << 16;
// Completions handed over in one batch; the rest comes in the next.
constexpr uint32_t kCompletionsMax = 4096;
constexpr uint32_t kTableHeaderLength = 2;
constexpr uint32_t kTableLength = kTableHeaderLength + 2 * kCompletionsMax;
// When the kernel takes nothing (EAGAIN and the like) and nothing is in flight, it is asked again
// after this time, this often; then what waits fails with that errno.
constexpr uint64_t kRetryMs = 1;
constexpr uint32_t kRetriesMax = 500;
// A small write into the page cache takes about a microsecond, but a ring does not do it inline
// everywhere: ext4 refuses to write without waiting, so the kernel hands every one to a worker, and
// the result comes a trip through the event loop later. So small ones are made by pwrite(2), as
// long as that is quick: not while a sync is under way (it holds what the write needs), and where
// one took longer than this, the next so many go through the ring.
constexpr uint32_t kAtOnceBytesMax = 256 * 1024;
constexpr uint64_t kAtOnceNsMax = 1'000'000;
constexpr uint32_t kAtOncePause = 16;
// How long the end of an environment waits for what is in flight before it leaks it.
constexpr int64_t kTearDownMs = 2000;

class RingLoop {
 public:
  // 0 and the ring, or a negated errno. `table` is an Int32Array, its kTableLength elements at
  // `rows`, and lives as long as the ring; `on_completions` is called, without arguments, when it
  // holds completions.
  static int32_t open(const std::shared_ptr<Environment>& environment, uint32_t entries,
                      napi_value on_completions, napi_value table, int32_t* rows, RingLoop** ring);

  RingLoop(const RingLoop&) = delete;
  RingLoop& operator=(const RingLoop&) = delete;

  int32_t number() const { return number_; }
  const std::shared_ptr<Ring>& ring() const { return ring_; }
  uint32_t operations() const { return operations_pending_; }
  bool closing() const { return state_ != State::kOpen; }
  // Writes that went past the ring.
  uint64_t writes_at_once() const { return writes_at_once_; }

  // Starts an operation. Its result when it is known already, or kPending. `memory` may be null;
  // otherwise it is referenced until the completion. Other completions found on the way are put
  // into the table, which JavaScript must look at after every call.
  // `quick`: a write into the page cache, which may be made at once, past the ring.
  int32_t submit(Request request, Memory* memory, bool quick = false);
  // Gives the ring up once nothing is under way.
  void close();
  // The environment ends: drops, cancels, waits a bounded time; what is still in flight then is
  // leaked, memory and ring, because the kernel may touch it.
  void tear_down();

 private:
  enum class State : uint8_t { kOpen, kClosing, kClosed };
  struct Operation {
    Memory* memory = nullptr;
    bool pending = false;
    bool syncs = false;
  };

  RingLoop(std::shared_ptr<Environment> environment, std::shared_ptr<Ring> ring);
  ~RingLoop() = default;
  bool hold(napi_value on_completions, napi_value table);
  void let_go();
  int32_t start_handles();
  static void on_readable(uv_poll_t* handle, int status, int events);
  static void on_retry(uv_timer_t* handle);
  static void on_closed(uv_handle_t* handle);

  int32_t take_operation(Memory* memory, bool syncs);
  void finish_operation(uint64_t number);
  void drive();
  uint32_t reap_into_table();
  void append_to_table(uint64_t number, int32_t result);
  bool may_write_at_once(uint32_t bytes);
  int32_t write_at_once(const Request& request);
  bool take_from_table(int32_t number, uint32_t from, int32_t* result);
  void fail_waiting(int32_t error);
  void plan_retry(int32_t error);
  void call_back();
  void deliver();
  void settle();
  bool drain_until(uint64_t deadline_ns);
  void close_handles();

  std::shared_ptr<Environment> environment_;
  std::shared_ptr<Ring> ring_;
  int32_t number_ = -1;
  State state_ = State::kOpen;
  uint32_t handles_open_ = 0;
  uint32_t retries_ = 0;
  uv_poll_t poll_{};
  uv_timer_t retry_{};

  napi_ref on_completions_ = nullptr;
  napi_ref table_reference_ = nullptr;
  napi_async_context context_ = nullptr;
  int32_t* table_ = nullptr;
  std::vector<Completion> reaped_;
  // Operations the kernel never took, not yet in the table.
  std::deque<Completion> failed_;

  uint32_t syncs_pending_ = 0;
  uint32_t at_once_pause_ = 0;
  uint64_t writes_at_once_ = 0;

  std::vector<Operation> operations_;
  std::vector<uint32_t> free_operations_;
  uint32_t operations_pending_ = 0;
};

}  // namespace uring_wal

#endif  // URING_WAL_RING_LOOP_H_
