// The little of the C++ runtime that the addon uses, for the binaries that are shipped: they then
// need the C library alone, no libstdc++ of a certain age, and the same sources build for musl.
// Like the addon, it knows no exceptions: where libstdc++ would throw, the process ends.
// exports.map keeps all of it inside the binary.
#include <cstddef>
#include <cstdlib>
#include <new>

extern "C" {
// std::shared_ptr asks glibc (from 2.32 on) whether it may do without atomic operations: never.
extern char __libc_single_threaded;
char __libc_single_threaded = 0;

void __cxa_pure_virtual() {
  abort();
}
}

namespace std {
const nothrow_t nothrow{};
void __throw_bad_alloc() {
  abort();
}
void __throw_bad_array_new_length() {
  abort();
}
void __throw_bad_function_call() {
  abort();
}
void __throw_length_error(const char*) {
  abort();
}
void __throw_logic_error(const char*) {
  abort();
}
void __throw_out_of_range_fmt(const char*, ...) {
  abort();
}
}  // namespace std

void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return malloc(bytes == 0 ? 1 : bytes);
}

void* operator new(size_t bytes) {
  void* memory = operator new(bytes, std::nothrow);
  if (memory == nullptr) abort();
  return memory;
}

void* operator new[](size_t bytes) {
  return operator new(bytes);
}
void operator delete(void* memory) noexcept {
  free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  free(memory);
}
void operator delete[](void* memory) noexcept {
  free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  free(memory);
}
