// Reads the arguments of a call from JavaScript. The first bad one throws a TypeError or RangeError
// there, and valid() is false from then on: no later call into JavaScript is made.
#ifndef URING_WAL_ARGUMENTS_H_
#define URING_WAL_ARGUMENTS_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace uring_wal {

// File positions and lengths: safe integers of JavaScript.
constexpr int64_t kPositionMax = (int64_t{1} << 53) - 1;

struct ByteRange {
  uint8_t* bytes = nullptr;
  size_t start = 0;
  size_t end = 0;
};

template <typename T>
struct Elements {
  T* data = nullptr;
  size_t length = 0;
};

class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info), env_(info.Env()) {}
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  bool valid() const { return valid_; }

  // Throws, unless `condition` holds, that `expected` was.
  bool check(bool condition, const char* expected) {
    if (condition || !valid_) return valid_;
    char message[128];
    snprintf(message, sizeof message, "uring-wal: expected %s", expected);
    valid_ = false;
    // Fails only when an exception is pending already.
    (void)napi_throw_type_error(env_, nullptr, message);
    return false;
  }

  // Integer in minimum … maximum; `minimum` when it is none.
  int64_t integer(size_t index, int64_t minimum, int64_t maximum) {
    double value = 0;
    const bool is_number = valid_ && napi_get_value_double(env_, info_[index], &value) == napi_ok;
    // The comparison is false for NaN, and keeps the conversion below defined.
    const bool inside =
        is_number && value >= static_cast<double>(minimum) && value <= static_cast<double>(maximum);
    const auto integer = inside ? static_cast<int64_t>(value) : minimum;
    check(inside && static_cast<double>(integer) == value, "an integer in its range");
    return integer;
  }

  // Uint8Array, start, end from argument `index` on.
  ByteRange byte_range(size_t index) {
    ByteRange range;
    napi_typedarray_type type = napi_int8_array;
    size_t length = 0;
    void* data = nullptr;
    const bool is_array = valid_ && napi_get_typedarray_info(env_, info_[index], &type, &length,
                                                             &data, nullptr, nullptr) == napi_ok;
    if (!check(is_array && type == napi_uint8_array, "a Uint8Array")) return range;
    range.bytes = static_cast<uint8_t*>(data);
    range.end = static_cast<size_t>(integer(index + 2, 0, static_cast<int64_t>(length)));
    range.start = static_cast<size_t>(integer(index + 1, 0, static_cast<int64_t>(range.end)));
    return range;
  }

  Elements<uint32_t> uint32_array(size_t index) {
    Elements<uint32_t> elements;
    napi_typedarray_type type = napi_int8_array;
    void* data = nullptr;
    const bool is_array =
        valid_ && napi_get_typedarray_info(env_, info_[index], &type, &elements.length, &data,
                                           nullptr, nullptr) == napi_ok;
    if (!check(is_array && type == napi_uint32_array, "a Uint32Array")) return {};
    elements.data = static_cast<uint32_t*>(data);
    return elements;
  }

 private:
  const Napi::CallbackInfo& info_;
  napi_env env_;
  bool valid_ = true;
};

}  // namespace uring_wal

#endif  // URING_WAL_ARGUMENTS_H_
