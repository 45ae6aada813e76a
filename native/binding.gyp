{
  # C++ only, no libraries to find first. Built by build.mjs, which runs it on Linux alone.
  'targets': [
    {
      'target_name': 'uring_wal',
      'sources': [
        'addon.cc',
        'addon_bytes.cc',
        'crc32.cc',
        'environment.cc',
        'memory.cc',
        'records.cc',
        'ring.cc',
        'ring_loop.cc',
        'ring_loop_life.cc',
        'ring_setup.cc',
        'system.cc',
      ],
      'include_dirs': ["<!@(node -p \"require('node-addon-api').include_dir\")"],
      'defines': ['NAPI_VERSION=9', 'NAPI_DISABLE_CPP_EXCEPTIONS'],
      'cflags': ['-Wall', '-Wextra', '-Werror', '-fvisibility=hidden'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fexceptions'],
      'cflags_cc': ['-std=c++20', '-fno-exceptions', '-fno-rtti'],
    },
  ],
}
