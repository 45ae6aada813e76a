// What JavaScript sees of records, checksums and the system calls that node:fs lacks.
#include "addon_bytes.h"

#include <iterator>

#include "arguments.h"
#include "crc32.h"
#include "records.h"
#include "system.h"
#include "values.h"

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
    (void)napi_throw_range_error(info.Env(), nullptr,
                                 "uring-wal: the bytes are no run of whole records");
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
  return Fields(info.Env())
      .boolean("known", found.known)
      .number("memory", found.memory_bytes)
      .number("offset", found.offset_bytes)
      .object();
}

}  // namespace

void export_byte_functions(Napi::Object exports) {
  napi_env env = exports.Env();
  const napi_property_descriptor functions[] = {
      exported<checksum>("crc32"),
      exported<seal>("sealRecords"),
      exported<scan>("scanRecords"),
      exported<lock>("flock"),
      exported<alignment>("directAlignment"),
  };
  if (napi_define_properties(env, exports, std::size(functions), functions) != napi_ok) return;
  napi_value method = nullptr;
  if (napi_create_string_utf8(env, crc32_method(), NAPI_AUTO_LENGTH, &method) != napi_ok) return;
  Fields(env, exports).set("crc32Method", method);
}

}  // namespace uring_wal
