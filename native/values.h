// Makes values for JavaScript through the C interface alone. While an environment is being stopped
// (worker.terminate()) any call into it may fail, and throwing fails as well; the C++ wrappers end
// the whole process then. Here a failure leaves no value: undefined, which JavaScript that does not
// run any more never sees.
#ifndef URING_WAL_VALUES_H_
#define URING_WAL_VALUES_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>

namespace uring_wal {

// A plain object, field by field.
class Fields {
 public:
  explicit Fields(napi_env env) : env_(env) {
    if (napi_create_object(env, &object_) != napi_ok) object_ = nullptr;
  }
  Fields(napi_env env, napi_value object) : env_(env), object_(object) {}

  Fields& number(const char* name, double value) {
    napi_value made = nullptr;
    const bool is_made = napi_create_double(env_, value, &made) == napi_ok;
    return set(name, is_made ? made : nullptr);
  }

  Fields& boolean(const char* name, bool value) {
    napi_value made = nullptr;
    const bool is_made = napi_get_boolean(env_, value, &made) == napi_ok;
    return set(name, is_made ? made : nullptr);
  }

  Fields& set(const char* name, napi_value value) {
    const bool is_set = object_ != nullptr && value != nullptr &&
                        napi_set_named_property(env_, object_, name, value) == napi_ok;
    if (!is_set) object_ = nullptr;
    return *this;
  }

  // The object; no value when anything went wrong.
  Napi::Value object() const { return {env_, object_}; }

 private:
  napi_env env_;
  napi_value object_ = nullptr;
};

// Int32Array of `length` elements; false, and nothing of use in the rest, when there is none.
inline bool make_int32_array(napi_env env, size_t length, napi_value* array, int32_t** data) {
  void* bytes = nullptr;
  napi_value buffer = nullptr;
  if (napi_create_arraybuffer(env, length * sizeof(int32_t), &bytes, &buffer) != napi_ok) {
    return false;
  }
  *data = static_cast<int32_t*>(bytes);
  return napi_create_typedarray(env, napi_int32_array, length, buffer, 0, array) == napi_ok;
}

template <Napi::Value (*callback)(const Napi::CallbackInfo&)>
napi_value enter(napi_env env, napi_callback_info raw) {
  const Napi::CallbackInfo info(env, raw);
  return callback(info);
}

// A function of the addon's exports; `data` is what its CallbackInfo has as Data().
template <Napi::Value (*callback)(const Napi::CallbackInfo&)>
napi_property_descriptor exported(const char* name, void* data = nullptr) {
  return {name, nullptr, enter<callback>, nullptr, nullptr, nullptr, napi_enumerable, data};
}

}  // namespace uring_wal

#endif  // URING_WAL_VALUES_H_
