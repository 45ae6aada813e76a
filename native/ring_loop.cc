// The way of an operation from its submission to JavaScript, see ring_loop.h.
#include "ring_loop.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

namespace uring_wal {
namespace {

bool makes_durable(const Request& request) {
  if (request.opcode == IORING_OP_FSYNC) return true;
  const bool writes = request.opcode == IORING_OP_WRITE || request.opcode == IORING_OP_WRITE_FIXED;
  return writes && (request.flags & RWF_DSYNC) != 0;
}

}  // namespace

int32_t RingLoop::submit(Request request, Memory* memory, bool quick) {
  if (state_ != State::kOpen) return -EBADF;
  if (quick && may_write_at_once(request.length)) return write_at_once(request);
  const int32_t number = take_operation(memory, makes_durable(request));
  if (number < 0) return -EAGAIN;
  request.token = static_cast<uint64_t>(number);
  ring_->push(request);
  const auto from = static_cast<uint32_t>(table_[0]);
  drive();
  int32_t result = kPending;
  if (!take_from_table(number, from, &result)) table_[1] = number;
  return result;
}

bool RingLoop::may_write_at_once(uint32_t bytes) {
  if (bytes > kAtOnceBytesMax || syncs_pending_ > 0) return false;
  if (at_once_pause_ == 0) return true;
  at_once_pause_--;
  return false;
}

int32_t RingLoop::write_at_once(const Request& request) {
  const uint64_t start = uv_hrtime();
  const ssize_t count = pwrite(request.descriptor, reinterpret_cast<const void*>(request.address),
                               request.length, static_cast<off_t>(request.offset));
  const int32_t result = count < 0 ? -errno : static_cast<int32_t>(count);
  if (uv_hrtime() - start > kAtOnceNsMax) at_once_pause_ = kAtOncePause;
  writes_at_once_++;
  return result;
}

int32_t RingLoop::take_operation(Memory* memory, bool syncs) {
  uint32_t number;
  if (!free_operations_.empty()) {
    number = free_operations_.back();
    free_operations_.pop_back();
  } else {
    if (operations_.size() >= kOperationsMax) return -1;
    number = static_cast<uint32_t>(operations_.size());
    operations_.push_back({});
  }
  operations_[number] = {memory, true, syncs};
  if (syncs) syncs_pending_++;
  if (memory != nullptr) memory->reference();
  // The handle keeps the event loop alive exactly while an operation is under way.
  if (operations_pending_++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&poll_));
  return static_cast<int32_t>(number);
}

void RingLoop::finish_operation(uint64_t number) {
  assert(number < operations_.size() && operations_[number].pending);
  const Operation operation = std::exchange(operations_[number], {});
  free_operations_.push_back(static_cast<uint32_t>(number));
  if (operation.syncs) syncs_pending_--;
  if (--operations_pending_ == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
  if (operation.memory != nullptr) operation.memory->unreference();
}

// Submits what waits and collects what is there, until neither gets any further.
void RingLoop::drive() {
  for (;;) {
    const int32_t error = ring_->flush();
    const uint32_t reaped = reap_into_table();
    if (error == 0) retries_ = 0;
    // Completions made room for what still waits.
    if (reaped > 0 && ring_->waiting() > 0) continue;
    if (error != 0) plan_retry(error);
    return;
  }
}

uint32_t RingLoop::reap_into_table() {
  while (!failed_.empty() && table_[0] < static_cast<int32_t>(kCompletionsMax)) {
    finish_operation(failed_.front().token);
    append_to_table(failed_.front().token, failed_.front().result);
    failed_.pop_front();
  }
  const uint32_t room = kCompletionsMax - static_cast<uint32_t>(table_[0]);
  const uint32_t count = ring_->reap(reaped_.data(), room);
  for (uint32_t i = 0; i < count; i++) {
    finish_operation(reaped_[i].token);
    append_to_table(reaped_[i].token, reaped_[i].result);
  }
  return count;
}

void RingLoop::append_to_table(uint64_t number, int32_t result) {
  const int32_t count = table_[0]++;
  int32_t* row = table_ + kTableHeaderLength + 2 * count;
  row[0] = static_cast<int32_t>(number);
  row[1] = result;
}

// Finds the operation among the completions from index `from` on and takes it out.
bool RingLoop::take_from_table(int32_t number, uint32_t from, int32_t* result) {
  int32_t* rows = table_ + kTableHeaderLength;
  const auto count = static_cast<uint32_t>(table_[0]);
  for (uint32_t i = from; i < count; i++) {
    if (rows[2 * i] != number) continue;
    *result = rows[2 * i + 1];
    for (uint32_t j = i + 1; j < count; j++) {
      rows[2 * j - 2] = rows[2 * j];
      rows[2 * j - 1] = rows[2 * j + 1];
    }
    table_[0]--;
    return true;
  }
  return false;
}

void RingLoop::plan_retry(int32_t error) {
  // What is in flight brings us back here when it completes.
  if (ring_->in_flight() > 0) return;
  const bool passing = error == -EAGAIN || error == -EBUSY || error == -EINTR || error == -ENOMEM;
  if (!passing || retries_ >= kRetriesMax) {
    fail_waiting(error);
    return;
  }
  retries_++;
  uv_timer_start(&retry_, on_retry, kRetryMs, 0);
}

void RingLoop::fail_waiting(int32_t error) {
  retries_ = 0;
  for (uint64_t number : ring_->drop_waiting()) failed_.push_back({number, error});
  reap_into_table();
  // A full table: the rest in the next turn of the loop.
  if (!failed_.empty()) uv_timer_start(&retry_, on_retry, 0, 0);
}

void RingLoop::on_readable(uv_poll_t* handle, int, int) {
  auto* loop = static_cast<RingLoop*>(handle->data);
  loop->drive();
  loop->deliver();
}

void RingLoop::on_retry(uv_timer_t* handle) {
  auto* loop = static_cast<RingLoop*>(handle->data);
  loop->drive();
  loop->deliver();
}

// Calls JavaScript, which also runs what that queued (promise reactions, ticks). Statuses other
// than napi_ok mean that a reaction threw, or that the environment is being stopped: the
// completions then stay in the table, and tear_down() finds them settled.
void RingLoop::call_back() {
  napi_env env = environment_->env();
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  if (napi_get_reference_value(env, on_completions_, &callback) == napi_ok &&
      napi_get_global(env, &receiver) == napi_ok) {
    const napi_status status =
        napi_make_callback(env, context_, receiver, callback, 0, nullptr, nullptr);
    napi_value thrown = nullptr;
    if (status == napi_pending_exception &&
        napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
      (void)napi_fatal_exception(env, thrown);
    }
  }
  (void)napi_close_handle_scope(env, scope);
}

void RingLoop::deliver() {
  if (table_[0] > 0 && state_ != State::kClosed) {
    call_back();
  }
  settle();
}

void RingLoop::close() {
  if (state_ == State::kOpen) state_ = State::kClosing;
  settle();
}

void RingLoop::settle() {
  if (state_ == State::kClosing && operations_pending_ == 0 && table_[0] == 0) close_handles();
}

}  // namespace uring_wal
