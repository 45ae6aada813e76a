// See ring_loop.h.
#include "ring_loop.h"

#include <poll.h>

#include <cassert>
#include <cerrno>
#include <utility>

namespace uring_wal {

RingLoop::RingLoop(std::shared_ptr<Environment> environment, std::shared_ptr<Ring> ring)
    : environment_(std::move(environment)), ring_(std::move(ring)), reaped_(kCompletionsMax) {}

int32_t RingLoop::open(const std::shared_ptr<Environment>& environment, uint32_t entries,
                       Napi::Function on_completions, Napi::Int32Array table, RingLoop** ring) {
  std::shared_ptr<Ring> opened;
  const int32_t error = Ring::open({.entries = entries}, &opened);
  if (error != 0) return error;
  auto* loop = new RingLoop(environment, std::move(opened));
  loop->number_ = environment->add_ring(loop);
  if (loop->number_ < 0) {
    delete loop;
    return -EMFILE;
  }
  const int32_t started = loop->hold(on_completions, table) ? loop->start_handles() : -ENOMEM;
  if (started == 0) {
    *ring = loop;
    return 0;
  }
  if (loop->handles_open_ == 0) {
    loop->let_go();
    environment->ring_closed(loop);
    delete loop;
  } else {
    loop->close_handles();
  }
  return started;
}

bool RingLoop::hold(Napi::Function on_completions, Napi::Int32Array table) {
  napi_env env = environment_->env();
  table_ = table.Data();
  napi_value name = nullptr;
  return napi_create_reference(env, on_completions, 1, &on_completions_) == napi_ok &&
         napi_create_reference(env, table, 1, &table_reference_) == napi_ok &&
         napi_create_string_utf8(env, "uring-wal", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_async_init(env, nullptr, name, &context_) == napi_ok;
}

void RingLoop::let_go() {
  napi_env env = environment_->env();
  // These fail for null arguments only; what could not be given back goes with the environment.
  if (on_completions_ != nullptr) (void)napi_delete_reference(env, on_completions_);
  if (table_reference_ != nullptr) (void)napi_delete_reference(env, table_reference_);
  if (context_ != nullptr) (void)napi_async_destroy(env, context_);
  on_completions_ = nullptr;
  table_reference_ = nullptr;
  context_ = nullptr;
}

// libuv's errors are negated errnos, too.
int32_t RingLoop::start_handles() {
  int error = uv_timer_init(environment_->loop(), &retry_);
  if (error != 0) return error;
  handles_open_++;
  retry_.data = this;
  error = uv_poll_init(environment_->loop(), &poll_, ring_->descriptor());
  if (error != 0) return error;
  handles_open_++;
  poll_.data = this;
  error = uv_poll_start(&poll_, UV_READABLE, on_readable);
  if (error != 0) return error;
  uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
  return 0;
}

int32_t RingLoop::submit(Request request, Memory* memory) {
  if (state_ != State::kOpen) return -EBADF;
  const int32_t number = take_operation(memory);
  if (number < 0) return -EAGAIN;
  request.token = static_cast<uint64_t>(number);
  ring_->push(request);
  const auto from = static_cast<uint32_t>(table_[0]);
  drive();
  int32_t result = kPending;
  if (!take_from_table(number, from, &result)) table_[1] = number;
  return result;
}

int32_t RingLoop::take_operation(Memory* memory) {
  uint32_t number;
  if (!free_operations_.empty()) {
    number = free_operations_.back();
    free_operations_.pop_back();
  } else {
    if (operations_.size() >= kOperationsMax) return -1;
    number = static_cast<uint32_t>(operations_.size());
    operations_.push_back({});
  }
  operations_[number] = {memory, true};
  if (memory != nullptr) memory->reference();
  // The handle keeps the event loop alive exactly while an operation is under way.
  if (operations_pending_++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&poll_));
  return static_cast<int32_t>(number);
}

void RingLoop::finish_operation(uint64_t number) {
  assert(number < operations_.size() && operations_[number].pending);
  const Operation operation = std::exchange(operations_[number], {});
  free_operations_.push_back(static_cast<uint32_t>(number));
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

bool RingLoop::drain_until(uint64_t deadline_ns) {
  while (ring_->in_flight() > 0) {
    const uint64_t now = uv_hrtime();
    if (now >= deadline_ns) return false;
    pollfd descriptor{ring_->descriptor(), POLLIN, 0};
    poll(&descriptor, 1, static_cast<int>((deadline_ns - now) / 1'000'000 + 1));
    // Brings on cancel requests that had no room; their failure changes nothing here.
    (void)ring_->flush();
    table_[0] = 0;
    reap_into_table();
  }
  table_[0] = 0;
  return true;
}

void RingLoop::tear_down() {
  if (state_ == State::kClosed) return;
  for (const Completion& failed : failed_) finish_operation(failed.token);
  failed_.clear();
  for (uint64_t number : ring_->drop_waiting()) finish_operation(number);
  for (uint64_t number = 0; number < operations_.size(); number++) {
    if (operations_[number].pending) ring_->cancel(number);
  }
  (void)ring_->flush();
  const bool idle = drain_until(uv_hrtime() + uint64_t{kTearDownMs} * 1'000'000);
  if (!idle) {
    // Deliberate: the kernel may still write there. The references of the operations in flight
    // are never given back either, so their memory stays mapped.
    new std::shared_ptr<Ring>(ring_);
  }
  close_handles();
}

void RingLoop::close_handles() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  let_go();
  // Takes the descriptor out of the event loop's set at once, so before the ring closes it.
  if (handles_open_ > 1) uv_close(reinterpret_cast<uv_handle_t*>(&poll_), on_closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&retry_), on_closed);
  ring_.reset();
}

void RingLoop::on_closed(uv_handle_t* handle) {
  auto* loop = static_cast<RingLoop*>(handle->data);
  if (--loop->handles_open_ > 0) return;
  const std::shared_ptr<Environment> environment = loop->environment_;
  environment->ring_closed(loop);
  delete loop;
}

}  // namespace uring_wal
