// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// file.cpp: pread, pwrite, preadv, pwritev. They are for files with offsets, which poll(2) always calls
// ready. A write is a copy into the page cache.

#include "runtime/io/kernel_call.hpp"
#include "runtime/io/nowait.hpp"

#include <fiber/io.hpp>

#include <climits>
#include <cstddef>
#include <span>

namespace fiber::rt {
namespace {

long pread_in_fiber(int fd, iovec const* list, int count, off_t offset) noexcept {
    if (count <= 0 || count > IOV_MAX || offset < 0) // the kernel refuses, or has nothing to do
        return repeated_call(SYS_preadv, fd, list, long{count}, long{offset}, 0L);
    return read_regular(fd, {list, static_cast<std::size_t>(count)}, offset);
}

long pwrite_in_fiber(int fd, iovec const* list, int count, off_t offset) noexcept {
    return repeated_call(SYS_pwritev, fd, list, long{count}, long{offset}, 0L);
}

} // namespace
} // namespace fiber::rt

namespace fiber::io {

ssize_t pread(int fd, void* buffer, std::size_t n, off_t offset) {
    if (!rt::in_fiber())
        return ::pread(fd, buffer, n, offset);
    iovec const one{buffer, n};
    return rt::posix_result(rt::pread_in_fiber(fd, &one, 1, offset));
}

ssize_t preadv(int fd, iovec const* buffers, int count, off_t offset) {
    if (!rt::in_fiber())
        return ::preadv(fd, buffers, count, offset);
    return rt::posix_result(rt::pread_in_fiber(fd, buffers, count, offset));
}

ssize_t pwrite(int fd, void const* buffer, std::size_t n, off_t offset) {
    if (!rt::in_fiber())
        return ::pwrite(fd, buffer, n, offset);
    iovec const one{const_cast<void*>(buffer), n}; // it is only read
    return rt::posix_result(rt::pwrite_in_fiber(fd, &one, 1, offset));
}

ssize_t pwritev(int fd, iovec const* buffers, int count, off_t offset) {
    if (!rt::in_fiber())
        return ::pwritev(fd, buffers, count, offset);
    return rt::posix_result(rt::pwrite_in_fiber(fd, buffers, count, offset));
}

} // namespace fiber::io
