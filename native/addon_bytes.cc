// What JavaScript sees of records, checksums and the system calls that node:fs lacks.
#include "addon_bytes.h"

#include "arguments.h"
#include "crc32.h"
#include "records.h"
#include "system.h"

namespace uring_wal {
namespace {

// (bytes, start, end, seed) → checksum
Napi::Value checksum(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const ByteRange range = arguments.byte_range(0);
  const auto seed = static_cast<uint32_t>(arguments.integer(3, 0, UINT32_MAX));
  if (!arguments.valid()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(),
                           crc32(seed, range.bytes + range.start, range.end - range.start));
}

// (bytes, start, end): RangeError when that is no run of whole records.
Napi::Value seal(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const ByteRange range = arguments.byte_range(0);
  if (!arguments.valid()) return info.Env().Undefined();
  if (!seal_records(range.bytes, range.start, range.end)) {
    Napi::RangeError::New(info.Env(), "uring-wal: the bytes are no run of whole records")
        .ThrowAsJavaScriptException();
  }
  return info.Env().Undefined();
}

// (bytes, start, end, table) → count
Napi::Value scan(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const ByteRange range = arguments.byte_range(0);
  arguments.check(range.end <= UINT32_MAX, "a range below 4 GiB");
  const Elements<uint32_t> table = arguments.uint32_array(3);
  arguments.check(table.length >= kTableHeader, "a table that holds its header");
  if (!arguments.valid()) return info.Env().Undefined();
  return Napi::Number::New(
      info.Env(), scan_records(range.bytes, range.start, range.end, table.data, table.length));
}

// (descriptor) → 0 or an errno
Napi::Value lock(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int64_t descriptor = arguments.integer(0, 0, INT32_MAX);
  if (!arguments.valid()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), lock_descriptor(static_cast<int>(descriptor)));
}

// (descriptor) → { known, memory, offset }, or a negated errno
Napi::Value alignment(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int64_t descriptor = arguments.integer(0, 0, INT32_MAX);
  if (!arguments.valid()) return info.Env().Undefined();
  DirectAlignment found;
  const int32_t error = direct_alignment(static_cast<int>(descriptor), &found);
  if (error != 0) return Napi::Number::New(info.Env(), -error);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("known", found.known);
  result.Set("memory", found.memory_bytes);
  result.Set("offset", found.offset_bytes);
  return result;
}

}  // namespace

void export_byte_functions(Napi::Object exports) {
  Napi::Env env = exports.Env();
  exports.Set("crc32Method", crc32_method());
  exports.Set("crc32", Napi::Function::New<checksum>(env, "crc32"));
  exports.Set("sealRecords", Napi::Function::New<seal>(env, "sealRecords"));
  exports.Set("scanRecords", Napi::Function::New<scan>(env, "scanRecords"));
  exports.Set("flock", Napi::Function::New<lock>(env, "flock"));
  exports.Set("directAlignment", Napi::Function::New<alignment>(env, "directAlignment"));
}

}  // namespace uring_wal
