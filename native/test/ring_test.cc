// The ring against the running kernel: nothing lost and nothing done twice, whatever
// io_uring_enter(2) answers, and memory that lives as long as the kernel needs it.
#include "../ring.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "../memory.h"
#include "check.h"

namespace uring_wal::test {
namespace {

const char* const kNoRing = "io_uring is refused here";

std::shared_ptr<Ring> open_ring(const RingOptions& options) {
  std::shared_ptr<Ring> ring;
  return Ring::open(options, &ring) == 0 ? ring : nullptr;
}

Request transfer(uint8_t opcode, int descriptor, void* data, uint32_t length, uint64_t offset) {
  Request request;
  request.opcode = opcode;
  request.descriptor = descriptor;
  request.address = reinterpret_cast<uint64_t>(data);
  request.length = length;
  request.offset = offset;
  return request;
}

// Waits until nothing is queued nor in flight; completions in their order.
std::vector<Completion> run_out(Ring& ring) {
  std::vector<Completion> all;
  for (int idle = 0; ring.in_flight() + ring.waiting() > 0 && idle < 200;) {
    (void)ring.flush();
    Completion some[64];
    const uint32_t count = ring.reap(some, 64);
    all.insert(all.end(), some, some + count);
    if (count > 0) {
      idle = 0;
      continue;
    }
    pollfd descriptor{ring.descriptor(), POLLIN, 0};
    idle += poll(&descriptor, 1, 50) == 0 ? 1 : 0;
  }
  return all;
}

// True when each of tokens 0 … count - 1 completed exactly once, with this result.
bool each_once(const std::vector<Completion>& completions, uint64_t count, int32_t result) {
  std::map<uint64_t, int> seen;
  for (const Completion& completion : completions) {
    if (completion.result != result) return false;
    seen[completion.token]++;
  }
  if (seen.size() != count) return false;
  return std::all_of(seen.begin(), seen.end(),
                     [count](auto& entry) { return entry.first < count && entry.second == 1; });
}

class TemporaryFile {
 public:
  TemporaryFile() {
    const char* directory = getenv("TMPDIR");
    path_ = std::string(directory == nullptr ? "/tmp" : directory) + "/uring-wal-test-XXXXXX";
    descriptor_ = mkstemp(path_.data());
    unlink(path_.c_str());
  }
  ~TemporaryFile() { close(descriptor_); }
  int descriptor() const { return descriptor_; }

 private:
  std::string path_;
  int descriptor_;
};

struct Pipe {
  Pipe() { opened = pipe(ends) == 0; }
  ~Pipe() {
    close(ends[0]);
    close(ends[1]);
  }
  bool opened;
  int ends[2] = {-1, -1};
};

const char* sizes_that_are_none_are_refused() {
  std::shared_ptr<Ring> ring;
  if (Ring::open({.entries = 1}, &ring) != 0) return kNoRing;
  CHECK(Ring::open({.entries = 0}, &ring) == -EINVAL);
  CHECK(Ring::open({.entries = kRingEntriesMax * 2}, &ring) == -EINVAL);
  for (uint32_t entries : {1u, 2u, 128u, kRingEntriesMax}) {
    CHECK(Ring::open({.entries = entries}, &ring) == 0);
    CHECK(ring->entries() == entries && ring->in_flight_max() >= entries);
  }
  return nullptr;
}

const char* what_is_written_is_read_by_every_opcode() {
  const auto ring = open_ring({});
  if (ring == nullptr) return kNoRing;
  TemporaryFile file;
  Memory* memory = Memory::create(8192);
  memset(memory->data(), 'a', 4096);
  auto result_of = [&ring](Request request) {
    ring->push(request);
    const auto completions = run_out(*ring);
    return completions.size() == 1 ? completions[0].result : -ECHILD;
  };
  CHECK(result_of(transfer(IORING_OP_WRITE, file.descriptor(), memory->data(), 4096, 0)) == 4096);
  if (memory->register_with(ring)) {
    Request fixed = transfer(IORING_OP_WRITE_FIXED, file.descriptor(), memory->data(), 100, 4096);
    fixed.buffer_index = static_cast<uint16_t>(memory->buffer_index(ring.get()));
    fixed.flags = RWF_DSYNC;
    CHECK(result_of(fixed) == 100);
  } else {
    std::printf("  (memory could not be registered)\n");
  }
  std::byte* back = memory->data() + 4096;
  CHECK(result_of(transfer(IORING_OP_READ, file.descriptor(), back, 4096, 100)) >= 3996);
  CHECK(memcmp(back, memory->data(), 3996) == 0);
  Request sync;
  sync.opcode = IORING_OP_FSYNC;
  sync.descriptor = file.descriptor();
  CHECK(result_of(sync) == 0);
  Request allocate;
  allocate.opcode = IORING_OP_FALLOCATE;
  allocate.descriptor = file.descriptor();
  allocate.address = 65536;
  const int32_t allocated = result_of(allocate);
  CHECK(allocated == 0 || allocated == -EOPNOTSUPP);
  CHECK(allocated != 0 || lseek(file.descriptor(), 0, SEEK_END) == 65536);
  CHECK(result_of(transfer(IORING_OP_READ, -1, back, 1, 0)) == -EBADF);
  memory->unreference();
  return nullptr;
}

// A thousand writes through the smallest ring: the queue keeps their order.
const char* more_than_the_ring_holds_waits_its_turn() {
  const auto ring = open_ring({.entries = 1});
  if (ring == nullptr) return kNoRing;
  TemporaryFile file;
  std::vector<char> data(1000);
  for (uint32_t i = 0; i < data.size(); i++) {
    data[i] = static_cast<char>(i);
    Request request = transfer(IORING_OP_WRITE, file.descriptor(), &data[i], 1, i);
    request.token = i;
    ring->push(request);
    CHECK(ring->flush() == 0);
    CHECK(ring->in_flight() <= ring->in_flight_max());
  }
  CHECK(each_once(run_out(*ring), data.size(), 1));
  std::vector<char> back(data.size());
  CHECK(pread(file.descriptor(), back.data(), back.size(), 0) == static_cast<ssize_t>(back.size()));
  CHECK(back == data);
  return nullptr;
}

// More in flight than the completion ring holds: the kernel keeps what has no room.
const char* a_completion_overflow_loses_nothing() {
  const auto ring = open_ring({.entries = 2, .in_flight_max = 80});
  if (ring == nullptr) return kNoRing;
  Pipe pipe;
  std::vector<char> data(80);
  for (uint64_t i = 0; i < data.size(); i++) {
    Request request = transfer(IORING_OP_READ, pipe.ends[0], &data[i], 1, 0);
    request.token = i;
    ring->push(request);
  }
  CHECK(ring->flush() == 0);
  CHECK(ring->in_flight() == 80);
  const std::vector<char> sent(data.size(), 'x');
  CHECK(write(pipe.ends[1], sent.data(), sent.size()) == static_cast<ssize_t>(sent.size()));
  CHECK(each_once(run_out(*ring), data.size(), 1));
  CHECK(ring->in_flight() == 0 && data == sent);
  return nullptr;
}

// Stands in for io_uring_enter(2): answers of a script first, then the system call's.
struct Script {
  std::vector<int32_t> errors;
  uint32_t submit_at_most = UINT32_MAX;
  size_t calls = 0;
};
Script script;

int32_t scripted_enter(int descriptor, uint32_t submit, uint32_t wait, uint32_t flags) {
  const size_t call = script.calls++;
  if (call < script.errors.size() && script.errors[call] != 0) return script.errors[call];
  const uint32_t fewer = std::min(submit, script.submit_at_most);
  const long result =
      syscall(SYS_io_uring_enter, descriptor, fewer, wait, flags, nullptr, size_t{0});
  return result < 0 ? -errno : static_cast<int32_t>(result);
}

const char* interruptions_and_refusals_lose_and_double_nothing() {
  for (int32_t error : {-EINTR, -EAGAIN, -EBUSY, -ENOMEM}) {
    for (uint32_t at_most : {UINT32_MAX, 1u}) {
      script = {{error, 0, error, error, 0, 0, error}, at_most, 0};
      const auto ring = open_ring({.entries = 8, .enter = scripted_enter});
      if (ring == nullptr) return kNoRing;
      Pipe pipe;
      std::vector<char> data(20);
      for (uint64_t i = 0; i < data.size(); i++) {
        Request request = transfer(IORING_OP_WRITE, pipe.ends[1], &data[i], 1, 0);
        request.token = i;
        ring->push(request);
        const int32_t flushed = ring->flush();
        CHECK(flushed == 0 || flushed == error);
      }
      CHECK(each_once(run_out(*ring), data.size(), 1));
      char back[64];
      CHECK(read(pipe.ends[0], back, sizeof back) == static_cast<ssize_t>(data.size()));
      CHECK(script.calls > 7);
    }
  }
  return nullptr;
}

const char* what_the_kernel_never_took_can_be_dropped() {
  script = {std::vector<int32_t>(100, -EAGAIN), UINT32_MAX, 0};
  const auto ring = open_ring({.entries = 4, .enter = scripted_enter});
  if (ring == nullptr) return kNoRing;
  Pipe pipe;
  char byte = 'x';
  for (uint64_t i = 0; i < 10; i++) {
    Request request = transfer(IORING_OP_WRITE, pipe.ends[1], &byte, 1, 0);
    request.token = i;
    ring->push(request);
  }
  CHECK(ring->flush() == -EAGAIN);
  CHECK(ring->waiting() == 10 && ring->in_flight() == 0);
  const std::vector<uint64_t> dropped = ring->drop_waiting();
  CHECK((dropped == std::vector<uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  CHECK(ring->waiting() == 0);
  script = {};
  Request request = transfer(IORING_OP_WRITE, pipe.ends[1], &byte, 1, 0);
  ring->push(request);
  CHECK(each_once(run_out(*ring), 1, 1));
  char back[64];
  CHECK(read(pipe.ends[0], back, sizeof back) == 1);
  return nullptr;
}

const char* what_is_in_flight_can_be_cancelled() {
  const auto ring = open_ring({.entries = 4});
  if (ring == nullptr) return kNoRing;
  Pipe pipe;
  char bytes[4];
  for (uint64_t i = 0; i < 4; i++) {
    Request request = transfer(IORING_OP_READ, pipe.ends[0], &bytes[i], 1, 0);
    request.token = i;
    ring->push(request);
  }
  CHECK(ring->flush() == 0 && ring->in_flight() == 4);
  for (uint64_t i = 0; i < 4; i++) ring->cancel(i);
  CHECK(each_once(run_out(*ring), 4, -ECANCELED));
  return nullptr;
}

const char* memory_outlives_javascript_until_its_operation_is_done() {
  const auto ring = open_ring({});
  if (ring == nullptr) return kNoRing;
  Pipe pipe;
  Memory* memory = Memory::create(100);
  CHECK(memory->bytes() == 4096 && reinterpret_cast<uintptr_t>(memory->data()) % 4096 == 0);
  memory->reference();
  ring->push(transfer(IORING_OP_READ, pipe.ends[0], memory->data(), 4096, 0));
  CHECK(ring->flush() == 0);
  memory->unreference();
  CHECK(write(pipe.ends[1], "late", 4) == 4);
  CHECK(each_once(run_out(*ring), 1, 4));
  CHECK(memcmp(memory->data(), "late", 4) == 0);
  memory->unreference();
  CHECK(Memory::create(0) == nullptr && Memory::create(kMemoryBytesMax + 1) == nullptr);
  return nullptr;
}

const char* registered_memory_gives_its_slot_back() {
  auto ring = open_ring({});
  if (ring == nullptr) return kNoRing;
  if (!ring->has_buffer_table()) return "the kernel has no sparse buffer table";
  std::vector<Memory*> memories;
  for (uint32_t i = 0; i < kRegisteredBuffersMax; i++) {
    memories.push_back(Memory::create(4096));
    if (!memories.back()->register_with(ring)) return "the memory limit is too small";
  }
  Memory* late = Memory::create(4096);
  CHECK(!late->register_with(ring) && late->buffer_index(ring.get()) == -1);
  memories.back()->unreference();
  memories.pop_back();
  CHECK(late->register_with(ring));
  Memory* large = Memory::create(kRegisteredBytesMax + 1);
  CHECK(!large->register_with(ring));
  // Memory may outlive its ring.
  ring.reset();
  const auto other = open_ring({});
  CHECK(late->buffer_index(other.get()) == -1);
  for (Memory* memory : memories) memory->unreference();
  late->unreference();
  large->unreference();
  return nullptr;
}

// Run in a child without privileges, with this much memory to lock.
int unprivileged(rlim_t memlock_bytes) {
  const rlimit limit{memlock_bytes, memlock_bytes};
  constexpr uid_t kNobody = 65534;
  if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) return 2;
  if (geteuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) return 2;
  const auto ring = open_ring({.entries = 4});
  if (ring == nullptr) return 3;
  Memory* memory = Memory::create(size_t{1} << 20);
  const bool registered = memory->register_with(ring);
  Pipe pipe;
  if (write(pipe.ends[1], "plain", 5) != 5) return 2;
  ring->push(transfer(IORING_OP_READ, pipe.ends[0], memory->data(), 4096, 0));
  const bool read = each_once(run_out(*ring), 1, 5);
  memory->unreference();
  if (!read) return 4;
  return registered ? 1 : 0;
}

const char* without_memory_to_lock_plain_memory_serves() {
  if (open_ring({.entries = 4}) == nullptr) return kNoRing;
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) _exit(unprivileged(64 << 10));
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 3) return "a ring needs more locked memory here";
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return nullptr;
}

const char* the_probe_tells_what_there_is() {
  const ProbeResult probe = probe_ring();
  if (probe.error == -EPERM) return kNoRing;
  CHECK(probe.error == 0 && probe.missing_opcode == -1);
  return nullptr;
}

}  // namespace

int run() {
  RUN(sizes_that_are_none_are_refused);
  RUN(what_is_written_is_read_by_every_opcode);
  RUN(more_than_the_ring_holds_waits_its_turn);
  RUN(a_completion_overflow_loses_nothing);
  RUN(interruptions_and_refusals_lose_and_double_nothing);
  RUN(what_the_kernel_never_took_can_be_dropped);
  RUN(what_is_in_flight_can_be_cancelled);
  RUN(memory_outlives_javascript_until_its_operation_is_done);
  RUN(registered_memory_gives_its_slot_back);
  RUN(without_memory_to_lock_plain_memory_serves);
  RUN(the_probe_tells_what_there_is);
  return tally.failures == 0 ? 0 : 1;
}

}  // namespace uring_wal::test

int main() {
  return uring_wal::test::run();
}
