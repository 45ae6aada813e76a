// What JavaScript sees of the addon: its rings and memory; the rest is in addon_bytes.cc. Arguments
// come from lib/io/ alone and are clean there; here they are checked again only as far as memory
// safety needs it. lib/io/addon.ts has the types.
#include <fcntl.h>
#include <napi.h>

#include <cerrno>
#include <iterator>
#include <memory>

#include "addon_bytes.h"
#include "arguments.h"
#include "environment.h"
#include "memory.h"
#include "ring.h"
#include "ring_loop.h"
#include "values.h"

namespace uring_wal {
namespace {

// Raised with every change of this interface, so that a stale build is told from a fitting one.
constexpr uint32_t kInterfaceVersion = 3;

Environment& environment_of(const Napi::CallbackInfo& info) {
  return *static_cast<Environment*>(info.Data());
}

// A number below zero is a negated errno; the caller makes an error of it.
Napi::Value number(const Napi::CallbackInfo& info, double value) {
  return Napi::Number::New(info.Env(), value);
}

Napi::Value ring_open(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const auto entries = static_cast<uint32_t>(arguments.integer(0, 1, kRingEntriesMax));
  if (!arguments.check(info[1].IsFunction(), "a function")) return info.Env().Undefined();
  if (!arguments.valid()) return info.Env().Undefined();
  Environment& environment = environment_of(info);
  napi_value table = nullptr;
  int32_t* rows = nullptr;
  if (!make_int32_array(info.Env(), kTableLength, &table, &rows)) return {};
  RingLoop* ring = nullptr;
  const int32_t error =
      RingLoop::open(environment.shared_from_this(), entries, info[1], table, rows, &ring);
  if (error != 0) return number(info, error);
  return Fields(info.Env())
      .number("number", ring->number())
      .set("table", table)
      .number("inFlightMax", ring->ring()->in_flight_max())
      .number("setupFlags", ring->ring()->setup_flags())
      .number("missingOpcode", ring->ring()->missing_opcode())
      .boolean("bufferTable", ring->ring()->has_buffer_table())
      .object();
}

// The ring of argument 0; null, with an exception pending, when it is none that is open.
RingLoop* ring_of(Arguments& arguments, const Napi::CallbackInfo& info) {
  const auto index = static_cast<uint32_t>(arguments.integer(0, 0, kRingsMax));
  RingLoop* ring = environment_of(info).ring(index);
  arguments.check(ring != nullptr && !ring->closing(), "an open ring");
  return arguments.valid() ? ring : nullptr;
}

Napi::Value ring_close(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  RingLoop* ring = ring_of(arguments, info);
  if (ring != nullptr) ring->close();
  return info.Env().Undefined();
}

Napi::Value ring_stats(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  RingLoop* ring = ring_of(arguments, info);
  if (ring == nullptr) return info.Env().Undefined();
  return Fields(info.Env())
      .number("operations", ring->operations())
      .number("inFlight", ring->ring()->in_flight())
      .number("waiting", static_cast<double>(ring->ring()->waiting()))
      .number("enterCalls", static_cast<double>(ring->ring()->enter_calls()))
      .number("writesAtOnce", static_cast<double>(ring->writes_at_once()))
      .object();
}

// (ring, descriptor, memory, start, length, position, flags, quick), for reads and writes.
Napi::Value transfer(const Napi::CallbackInfo& info, uint8_t opcode, uint8_t fixed_opcode) {
  Arguments arguments(info);
  RingLoop* ring = ring_of(arguments, info);
  const int64_t descriptor = arguments.integer(1, 0, INT32_MAX);
  const int64_t memory_number = arguments.integer(2, 0, kMemoriesMax);
  const int64_t start = arguments.integer(3, 0, kMemoryBytesMax);
  const int64_t length = arguments.integer(4, 0, kMemoryBytesMax);
  const int64_t position = arguments.integer(5, 0, kPositionMax);
  const int64_t flags = arguments.integer(6, 0, UINT32_MAX);
  const int64_t quick = arguments.integer(7, 0, 1);
  if (!arguments.valid()) return info.Env().Undefined();
  SharedMemory* shared = environment_of(info).memory(static_cast<uint32_t>(memory_number));
  const bool inside =
      shared != nullptr && static_cast<uint64_t>(start + length) <= shared->memory->bytes();
  if (!arguments.check(inside, "a range of memory that is held")) return info.Env().Undefined();

  Memory* memory = shared->memory;
  const int32_t buffer = memory->buffer_index(ring->ring().get());
  const auto bytes = static_cast<uint64_t>(length);
  Request request;
  request.opcode = buffer < 0 ? opcode : fixed_opcode;
  request.buffer_index = buffer < 0 ? 0 : static_cast<uint16_t>(buffer);
  request.descriptor = static_cast<int32_t>(descriptor);
  request.address = reinterpret_cast<uint64_t>(memory->data() + start);
  request.length = static_cast<uint32_t>(bytes < kRequestBytesMax ? bytes : kRequestBytesMax);
  request.offset = static_cast<uint64_t>(position);
  request.flags = static_cast<uint32_t>(flags);
  return number(info, ring->submit(request, memory, quick != 0));
}

Napi::Value ring_write(const Napi::CallbackInfo& info) {
  return transfer(info, IORING_OP_WRITE, IORING_OP_WRITE_FIXED);
}

Napi::Value ring_read(const Napi::CallbackInfo& info) {
  return transfer(info, IORING_OP_READ, IORING_OP_READ_FIXED);
}

// (ring, descriptor, dataOnly)
Napi::Value ring_sync(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  RingLoop* ring = ring_of(arguments, info);
  const int64_t descriptor = arguments.integer(1, 0, INT32_MAX);
  const int64_t data_only = arguments.integer(2, 0, 1);
  if (!arguments.valid()) return info.Env().Undefined();
  Request request;
  request.opcode = IORING_OP_FSYNC;
  request.descriptor = static_cast<int32_t>(descriptor);
  request.flags = data_only != 0 ? IORING_FSYNC_DATASYNC : 0;
  return number(info, ring->submit(request, nullptr));
}

// (ring, descriptor, position, length)
Napi::Value ring_allocate(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  RingLoop* ring = ring_of(arguments, info);
  const int64_t descriptor = arguments.integer(1, 0, INT32_MAX);
  const int64_t position = arguments.integer(2, 0, kPositionMax);
  const int64_t length = arguments.integer(3, 0, kPositionMax);
  if (!arguments.valid()) return info.Env().Undefined();
  Request request;
  request.opcode = IORING_OP_FALLOCATE;
  request.descriptor = static_cast<int32_t>(descriptor);
  request.offset = static_cast<uint64_t>(position);
  // The kernel takes the length from `addr` and the mode, here 0, from `len`.
  request.address = static_cast<uint64_t>(length);
  return number(info, ring->submit(request, nullptr));
}

// (ring, descriptor): drops the file's clean cached pages.
Napi::Value ring_drop_cache(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  RingLoop* ring = ring_of(arguments, info);
  const int64_t descriptor = arguments.integer(1, 0, INT32_MAX);
  if (!arguments.valid()) return info.Env().Undefined();
  Request request;
  request.opcode = IORING_OP_FADVISE;
  request.descriptor = static_cast<int32_t>(descriptor);
  request.flags = POSIX_FADV_DONTNEED;
  return number(info, ring->submit(request, nullptr));
}

void finalize_memory(napi_env, void*, void* hint) {
  std::unique_ptr<SharedMemory> shared(static_cast<SharedMemory*>(hint));
  shared->release();
}

// (ring, bytes) → { number, buffer, registered }, or a negated errno.
Napi::Value memory_create(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  RingLoop* ring = ring_of(arguments, info);
  const int64_t bytes = arguments.integer(1, 1, kMemoryBytesMax);
  if (!arguments.valid()) return info.Env().Undefined();
  Environment& environment = environment_of(info);
  auto shared = std::make_unique<SharedMemory>();
  shared->environment = environment.shared_from_this();
  shared->memory = Memory::create(static_cast<size_t>(bytes));
  if (shared->memory == nullptr) return number(info, -ENOMEM);
  const int32_t memory_number = environment.add_memory(shared.get());
  if (memory_number < 0) {
    shared->memory->unreference();
    return number(info, -EMFILE);
  }
  shared->number = static_cast<uint32_t>(memory_number);
  const bool registered = shared->memory->register_with(ring->ring());

  napi_value buffer = nullptr;
  Memory* memory = shared->memory;
  const napi_status status = napi_create_external_arraybuffer(
      info.Env(), memory->data(), memory->bytes(), finalize_memory, shared.get(), &buffer);
  // Whatever became of it, the finalizer may run, now or later; it does nothing for released
  // memory.
  SharedMemory* held = shared.release();
  if (status != napi_ok) {
    held->release();
    return number(info, status == napi_no_external_buffers_allowed ? -ENOTSUP : -ENOMEM);
  }
  return Fields(info.Env())
      .number("number", memory_number)
      .set("buffer", buffer)
      .boolean("registered", registered)
      .object();
}

// (memory, buffer): detaches the buffer; the kernel's references live on.
Napi::Value memory_release(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const auto index = static_cast<uint32_t>(arguments.integer(0, 0, kMemoriesMax));
  SharedMemory* shared = environment_of(info).memory(index);
  arguments.check(shared != nullptr, "memory that is held");
  if (!arguments.check(info[1].IsArrayBuffer(), "an ArrayBuffer")) return info.Env().Undefined();
  if (!arguments.valid()) return info.Env().Undefined();
  auto buffer = info[1].As<Napi::ArrayBuffer>();
  const bool same = buffer.Data() == shared->memory->data();
  if (!arguments.check(same, "the ArrayBuffer of that memory")) return info.Env().Undefined();
  // Only then can JavaScript not reach the bytes any more.
  if (napi_detach_arraybuffer(info.Env(), buffer) != napi_ok) return number(info, -EBUSY);
  shared->release();
  return number(info, 0);
}

Napi::Value probe(const Napi::CallbackInfo& info) {
  const ProbeResult probed = probe_ring();
  return Fields(info.Env())
      .number("errno", -probed.error)
      .number("missingOpcode", probed.missing_opcode)
      .number("setupFlags", probed.setup_flags)
      .boolean("bufferTable", probed.registered_buffers)
      .object();
}

// In an environment that is being stopped the exports stay as they are.
Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  const std::shared_ptr<Environment> environment = Environment::create(env);
  if (environment == nullptr) {
    (void)napi_throw_error(env, nullptr, "uring-wal: the environment is shutting down");
    return exports;
  }
  Environment* data = environment.get();
  const napi_property_descriptor functions[] = {
      exported<ring_open>("ringOpen", data),
      exported<ring_close>("ringClose", data),
      exported<ring_stats>("ringStats", data),
      exported<ring_write>("ringWrite", data),
      exported<ring_read>("ringRead", data),
      exported<ring_sync>("ringSync", data),
      exported<ring_allocate>("ringAllocate", data),
      exported<ring_drop_cache>("ringDropCache", data),
      exported<memory_create>("memoryCreate", data),
      exported<memory_release>("memoryRelease", data),
      exported<probe>("probe", data),
  };
  if (napi_define_properties(env, exports, std::size(functions), functions) != napi_ok) {
    return exports;
  }
  Fields(env, exports).number("interfaceVersion", kInterfaceVersion).number("pending", kPending);
  export_byte_functions(exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(uring_wal, initialize)

}  // namespace uring_wal
