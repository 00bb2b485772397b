// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/base/blocked.hpp"

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace fiber::rt {

// Its state is the letter after the name, which stands in parentheses and may contain some itself.
bool is_blocked(pid_t thread) noexcept {
    char path[48];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", static_cast<int>(thread));
    int const file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    char text[64]; // the number, and a name of at most 15 characters
    ssize_t const n = ::read(file, text, sizeof text - 1);
    ::close(file);
    if (n <= 0)
        return false;
    text[n] = '\0';
    char const* const name_end = std::strrchr(text, ')');
    return name_end != nullptr && name_end[1] == ' ' && (name_end[2] == 'S' || name_end[2] == 'D');
}

} // namespace fiber::rt
