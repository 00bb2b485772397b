// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/file_facts.hpp"

#include "runtime/io/kernel_call.hpp"

#include <sys/stat.h>

namespace fiber::rt {

file_kind kind_of_file(int fd) noexcept {
    struct stat about; // the kernel's own structure on 64-bit systems
    if (kernel_call(SYS_fstat, fd, &about) < 0)
        return file_kind::unknown;
    if (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode) || S_ISBLK(about.st_mode))
        return file_kind::regular;
    if (S_ISFIFO(about.st_mode))
        return file_kind::pipe;
    return S_ISSOCK(about.st_mode) ? file_kind::socket : file_kind::other;
}

} // namespace fiber::rt
