// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// raw_file.hpp: reading a small file by nothing but system calls, for a thread that has file descriptors of its own: see
// unshare_descriptors.hpp. What stands in front of the C library's open, read and close takes a number for the same file in all
// threads: ThreadSanitizer, or a library that wraps them.
#pragma once

#include <cstddef>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace fiber::rt {

class raw_file {
public:
    // Opened for reading.
    explicit raw_file(char const* path) noexcept
        : fd_(static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC))) {}
    ~raw_file() {
        if (fd_ >= 0)
            ::syscall(SYS_close, fd_);
    }
    raw_file(raw_file const&) = delete;
    raw_file& operator=(raw_file const&) = delete;

    // How many bytes; 0: the end. Less than 0: they cannot be read, or the file could not be opened.
    [[nodiscard]] ssize_t read(void* to, std::size_t size) noexcept {
        return fd_ >= 0 ? static_cast<ssize_t>(::syscall(SYS_read, fd_, to, size)) : -1;
    }

private:
    int fd_;
};

} // namespace fiber::rt
