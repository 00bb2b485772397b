// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// blocked.cpp: reads the state of a thread from /proc.
#include "runtime/base/thread/blocked.hpp"

#include "runtime/base/platform/raw_file.hpp"

#include <cstdio>
#include <cstring>

namespace fiber::rt {

// The state is the letter after the name. The name is in parentheses and may contain parentheses.
bool is_blocked(pid_t thread) noexcept {
    char path[48];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", static_cast<int>(thread));
    char text[64]; // the number, and a name of at most 15 characters
    ssize_t const n = raw_file(path).read(text, sizeof text - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    char const* const name_end = std::strrchr(text, ')');
    return name_end != nullptr && name_end[1] == ' ' && (name_end[2] == 'S' || name_end[2] == 'D');
}

} // namespace fiber::rt
