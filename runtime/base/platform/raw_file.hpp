// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// raw_file.hpp: reads a small file with direct system calls, for a thread with a private table of
// file descriptors (unshare_descriptors.hpp). ThreadSanitizer and other libraries may wrap the C
// library's open, read and close. Such wrappers assume that a descriptor number means the same file in
// all threads.
#pragma once

#include <cstddef>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace fiber::rt {

class raw_file {
public:
    // Opens the file for reading.
    explicit raw_file(char const* path) noexcept
        : fd_(static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC))) {}
    ~raw_file() {
        if (fd_ >= 0)
            ::syscall(SYS_close, fd_);
    }
    raw_file(raw_file const&) = delete;
    raw_file& operator=(raw_file const&) = delete;

    // Returns the number of bytes read; 0 at the end; a negative number on an error, also if the
    // file could not be opened.
    [[nodiscard]] ssize_t read(void* to, std::size_t size) noexcept {
        return fd_ >= 0 ? static_cast<ssize_t>(::syscall(SYS_read, fd_, to, size)) : -1;
    }

private:
    int fd_;
};

} // namespace fiber::rt
