// The part of the addon that needs no ring: records, checksums, a few system calls.
#ifndef URING_WAL_ADDON_BYTES_H_
#define URING_WAL_ADDON_BYTES_H_

#include <napi.h>

namespace uring_wal {

void export_byte_functions(Napi::Object exports);

}  // namespace uring_wal

#endif  // URING_WAL_ADDON_BYTES_H_
