// See environment.h.
#include "environment.h"

#include <algorithm>
#include <utility>

#include "ring_loop.h"

namespace uring_wal {

void SharedMemory::release() {
  if (memory == nullptr) return;
  environment->remove_memory(number);
  std::exchange(memory, nullptr)->unreference();
}

std::shared_ptr<Environment> Environment::create(napi_env env) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  std::shared_ptr<Environment> environment(new Environment(env, loop));
  // Asynchronous, since a handle of the event loop is closed only once the loop says so.
  const napi_status status =
      napi_add_async_cleanup_hook(env, on_cleanup, environment.get(), &environment->hook_);
  if (status != napi_ok) return nullptr;
  environment->self_ = environment;
  return environment;
}

Environment::~Environment() = default;

void Environment::on_cleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* environment = static_cast<Environment*>(data);
  environment->cleaning_up_ = true;
  const std::vector<RingLoop*> rings = environment->rings_;
  for (RingLoop* ring : rings) {
    if (ring != nullptr) ring->tear_down();
  }
  environment->finish_cleanup();
}

void Environment::finish_cleanup() {
  if (!cleaning_up_ || hook_ == nullptr) return;
  const bool open = std::any_of(rings_.begin(), rings_.end(), [](auto* r) { return r != nullptr; });
  if (open) return;
  napi_async_cleanup_hook_handle hook = hook_;
  hook_ = nullptr;
  // Fails only for a null handle; there is nothing left that could be done about it.
  if (napi_remove_async_cleanup_hook(hook) != napi_ok) return;
  // May be the last reference: nothing of `this` is touched after.
  self_.reset();
}

int32_t Environment::add_ring(RingLoop* ring) {
  for (size_t i = 0; i < rings_.size(); i++) {
    if (rings_[i] != nullptr) continue;
    rings_[i] = ring;
    return static_cast<int32_t>(i);
  }
  if (rings_.size() >= kRingsMax) return -1;
  rings_.push_back(ring);
  return static_cast<int32_t>(rings_.size() - 1);
}

RingLoop* Environment::ring(uint32_t number) const {
  return number < rings_.size() ? rings_[number] : nullptr;
}

void Environment::ring_closed(RingLoop* ring) {
  std::replace(rings_.begin(), rings_.end(), ring, static_cast<RingLoop*>(nullptr));
  finish_cleanup();
}

int32_t Environment::add_memory(SharedMemory* memory) {
  if (!free_memories_.empty()) {
    const uint32_t number = free_memories_.back();
    free_memories_.pop_back();
    memories_[number] = memory;
    return static_cast<int32_t>(number);
  }
  if (memories_.size() >= kMemoriesMax) return -1;
  memories_.push_back(memory);
  return static_cast<int32_t>(memories_.size() - 1);
}

SharedMemory* Environment::memory(uint32_t number) const {
  return number < memories_.size() ? memories_[number] : nullptr;
}

void Environment::remove_memory(uint32_t number) {
  memories_[number] = nullptr;
  free_memories_.push_back(number);
}

}  // namespace uring_wal
