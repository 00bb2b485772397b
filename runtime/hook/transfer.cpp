// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// transfer.cpp: reads and writes.

#include "runtime/hook/hooked.hpp"

#include <sys/uio.h>
#include <unistd.h>

using namespace fiber::hook_library;

FIBER_HOOK_EARLY(ssize_t, read, (int fd, void* to, std::size_t n), "__read") {
    return in_call(seam_of.io, &hook_seam::read, real_read, fd, to, n);
}
FIBER_HOOK_EARLY(ssize_t, write, (int fd, void const* from, std::size_t n), "__write") {
    return in_call(seam_of.io, &hook_seam::write, real_write, fd, from, n);
}
FIBER_HOOK(ssize_t, readv, (int fd, iovec const* to, int count)) {
    return in_call(seam_of.io, &hook_seam::readv, real_readv, fd, to, count);
}
FIBER_HOOK(ssize_t, writev, (int fd, iovec const* from, int count)) {
    return in_call(seam_of.io, &hook_seam::writev, real_writev, fd, from, count);
}

// Offsets have 64 bits in both variants of these calls.
static_assert(sizeof(off_t) == 8);

FIBER_HOOK(ssize_t, pread, (int fd, void* to, std::size_t n, off_t at)) {
    return in_call(seam_of.io, &hook_seam::pread, real_pread, fd, to, n, at);
}
FIBER_HOOK(ssize_t, pread64, (int fd, void* to, std::size_t n, off_t at)) {
    return in_call(seam_of.io, &hook_seam::pread, real_pread64, fd, to, n, at);
}
FIBER_HOOK(ssize_t, pwrite, (int fd, void const* from, std::size_t n, off_t at)) {
    return in_call(seam_of.io, &hook_seam::pwrite, real_pwrite, fd, from, n, at);
}
FIBER_HOOK(ssize_t, pwrite64, (int fd, void const* from, std::size_t n, off_t at)) {
    return in_call(seam_of.io, &hook_seam::pwrite, real_pwrite64, fd, from, n, at);
}
FIBER_HOOK(ssize_t, preadv, (int fd, iovec const* to, int count, off_t at)) {
    return in_call(seam_of.io, &hook_seam::preadv, real_preadv, fd, to, count, at);
}
FIBER_HOOK(ssize_t, preadv64, (int fd, iovec const* to, int count, off_t at)) {
    return in_call(seam_of.io, &hook_seam::preadv, real_preadv64, fd, to, count, at);
}
FIBER_HOOK(ssize_t, pwritev, (int fd, iovec const* from, int count, off_t at)) {
    return in_call(seam_of.io, &hook_seam::pwritev, real_pwritev, fd, from, count, at);
}
FIBER_HOOK(ssize_t, pwritev64, (int fd, iovec const* from, int count, off_t at)) {
    return in_call(seam_of.io, &hook_seam::pwritev, real_pwritev64, fd, from, count, at);
}

namespace {

// Without flags, preadv2 and pwritev2 are the older calls: at the file's position for offset -1. With flags,
// they are left to the kernel: the flags say whether they wait.
template <class AtPosition, class At, class Real>
ssize_t with_flags(AtPosition hook_seam::*at_position, At hook_seam::*at_offset, Real& real, int fd,
                   iovec const* list, int count, off_t at, int flags) {
    if (flags != 0)
        return in_blocking_call(seam_of.io, real, fd, list, count, at, flags);
    auto plain = [&](auto...) { return real(fd, list, count, at, flags); };
    return at == -1 ? in_call(seam_of.io, at_position, plain, fd, list, count)
                    : in_call(seam_of.io, at_offset, plain, fd, list, count, at);
}

} // namespace

FIBER_HOOK(ssize_t, preadv2, (int fd, iovec const* to, int count, off_t at, int flags)) {
    return with_flags(&hook_seam::readv, &hook_seam::preadv, real_preadv2, fd, to, count, at, flags);
}
FIBER_HOOK(ssize_t, preadv64v2, (int fd, iovec const* to, int count, off_t at, int flags)) {
    return with_flags(&hook_seam::readv, &hook_seam::preadv, real_preadv64v2, fd, to, count, at, flags);
}
FIBER_HOOK(ssize_t, pwritev2, (int fd, iovec const* from, int count, off_t at, int flags)) {
    return with_flags(&hook_seam::writev, &hook_seam::pwritev, real_pwritev2, fd, from, count, at, flags);
}
FIBER_HOOK(ssize_t, pwritev64v2, (int fd, iovec const* from, int count, off_t at, int flags)) {
    return with_flags(&hook_seam::writev, &hook_seam::pwritev, real_pwritev64v2, fd, from, count, at, flags);
}

FIBER_HOOK(ssize_t, sendfile, (int out, int in, off_t* at, std::size_t n)) {
    return in_call(seam_of.io, &hook_seam::sendfile, real_sendfile, out, in, at, n);
}
FIBER_HOOK(ssize_t, sendfile64, (int out, int in, off_t* at, std::size_t n)) {
    return in_call(seam_of.io, &hook_seam::sendfile, real_sendfile64, out, in, at, n);
}
FIBER_HOOK(ssize_t, splice, (int in, loff_t* in_at, int out, loff_t* out_at, std::size_t n, unsigned flags)) {
    return in_call(seam_of.io, &hook_seam::splice, real_splice, in, in_at, out, out_at, n, flags);
}

FIBER_HOOK_PART(transfer)

#ifndef FIBER_HOOK_WRAP
// What the name read() means here: elsewhere it may mean another library's.
extern "C" [[gnu::alias("read"), gnu::visibility("hidden")]] ssize_t fiber_hook_own_read(int, void*,
                                                                                         std::size_t);
#endif
