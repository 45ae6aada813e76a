// See c++config.h: musl needs nothing of what stands in this header for glibc.
