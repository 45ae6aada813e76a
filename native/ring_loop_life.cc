// Opening a ring in an event loop, closing it, and its end with the environment, see ring_loop.h.
#include <poll.h>

#include <cerrno>
#include <utility>

#include "ring_loop.h"

namespace uring_wal {

RingLoop::RingLoop(std::shared_ptr<Environment> environment, std::shared_ptr<Ring> ring)
    : environment_(std::move(environment)), ring_(std::move(ring)), reaped_(kCompletionsMax) {}

int32_t RingLoop::open(const std::shared_ptr<Environment>& environment, uint32_t entries,
                       napi_value on_completions, napi_value table, int32_t* rows,
                       RingLoop** ring) {
  std::shared_ptr<Ring> opened;
  const int32_t error = Ring::open({.entries = entries}, &opened);
  if (error != 0) return error;
  auto* loop = new RingLoop(environment, std::move(opened));
  loop->table_ = rows;
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

bool RingLoop::hold(napi_value on_completions, napi_value table) {
  napi_env env = environment_->env();
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
