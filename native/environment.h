// What the addon holds for one Node.js environment (the main thread's, or a worker's): its rings
// and its memory, and how both go away with it. Everything here runs on that environment's thread.
#ifndef URING_WAL_ENVIRONMENT_H_
#define URING_WAL_ENVIRONMENT_H_

#include <napi.h>
#include <uv.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "memory.h"

namespace uring_wal {

class Environment;
class RingLoop;

// Memory as JavaScript holds it: an ArrayBuffer over it, or, once released, nothing.
struct SharedMemory {
  std::shared_ptr<Environment> environment;
  Memory* memory = nullptr;
  uint32_t number = 0;

  // Gives up JavaScript's reference; the second call is a no-op.
  void release();
};

constexpr uint32_t kRingsMax = 256;
constexpr uint32_t kMemoriesMax = 1 << 20;

class Environment : public std::enable_shared_from_this<Environment> {
 public:
  // Registers the clean-up hook; null when Node.js refuses.
  static std::shared_ptr<Environment> create(napi_env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  napi_env env() const { return env_; }
  uv_loop_t* loop() const { return loop_; }

  // Number of the added ring, or -1 when there are too many.
  int32_t add_ring(RingLoop* ring);
  // Null when there is none of this number.
  RingLoop* ring(uint32_t number) const;
  // Called by the ring loop when its handles are closed.
  void ring_closed(RingLoop* ring);

  // The same for memory.
  int32_t add_memory(SharedMemory* memory);
  SharedMemory* memory(uint32_t number) const;
  void remove_memory(uint32_t number);

 private:
  Environment(napi_env env, uv_loop_t* loop) : env_(env), loop_(loop) {}
  static void on_cleanup(napi_async_cleanup_hook_handle handle, void* data);
  void finish_cleanup();

  napi_env env_;
  uv_loop_t* loop_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  // Holds the environment until the hook has finished.
  std::shared_ptr<Environment> self_;
  bool cleaning_up_ = false;
  std::vector<RingLoop*> rings_;
  std::vector<SharedMemory*> memories_;
  std::vector<uint32_t> free_memories_;
};

}  // namespace uring_wal

#endif  // URING_WAL_ENVIRONMENT_H_
