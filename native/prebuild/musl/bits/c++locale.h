// See c++config.h: enough to be parsed; nothing of it is used.
#pragma once
#include <clocale>

#define _GLIBCXX_NUM_CATEGORIES 0

namespace std {
typedef int* __c_locale;
int __convert_from_v(const __c_locale&, char*, int, const char*, ...);
}  // namespace std
