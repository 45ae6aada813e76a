// The few words the native unit tests need. A test is a function; CHECK notes a failure and goes
// on.
#ifndef URING_WAL_TEST_CHECK_H_
#define URING_WAL_TEST_CHECK_H_

#include <cstdio>

namespace uring_wal::test {

struct Tally {
  int checks = 0;
  int failures = 0;
};
inline Tally tally;

inline bool check(bool condition, const char* text, const char* file, int line) {
  tally.checks++;
  if (condition) return true;
  tally.failures++;
  std::printf("  FAIL %s:%d: %s\n", file, line, text);
  return false;
}

// One line a test. What the kernel lacks is skipped aloud, never passed.
inline void report(const char* name, int failures_before, const char* skipped = nullptr) {
  if (skipped != nullptr) {
    std::printf("SKIP %s: %s\n", name, skipped);
    return;
  }
  std::printf("%s %s\n", tally.failures == failures_before ? "PASS" : "FAIL", name);
}

}  // namespace uring_wal::test

#define CHECK(condition) ::uring_wal::test::check((condition), #condition, __FILE__, __LINE__)
#define RUN(function)                                      \
  do {                                                     \
    const int before = ::uring_wal::test::tally.failures;  \
    const char* const skipped = function();                \
    ::uring_wal::test::report(#function, before, skipped); \
  } while (false)

#endif  // URING_WAL_TEST_CHECK_H_
