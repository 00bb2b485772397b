// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fortified.cpp: the names by which programs call that are compiled with -D_FORTIFY_SOURCE. A buffer that is
// too small is left to the real function, which aborts.

#include "runtime/hook/hooked.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace fiber::hook_library;

FIBER_HOOK(ssize_t, __read_chk, (int fd, void* to, std::size_t n, std::size_t size)) {
    auto plain = [size](int f, void* t, std::size_t m) { return real___read_chk(f, t, m, size); };
    return in_call(n <= size ? seam_of.io : nullptr, &hook_seam::read, plain, fd, to, n);
}
FIBER_HOOK(ssize_t, __pread_chk, (int fd, void* to, std::size_t n, off_t at, std::size_t size)) {
    auto plain = [size](int f, void* t, std::size_t m, off_t a) {
        return real___pread_chk(f, t, m, a, size);
    };
    return in_call(n <= size ? seam_of.io : nullptr, &hook_seam::pread, plain, fd, to, n, at);
}
FIBER_HOOK(ssize_t, __pread64_chk, (int fd, void* to, std::size_t n, off_t at, std::size_t size)) {
    auto plain = [size](int f, void* t, std::size_t m, off_t a) {
        return real___pread64_chk(f, t, m, a, size);
    };
    return in_call(n <= size ? seam_of.io : nullptr, &hook_seam::pread, plain, fd, to, n, at);
}
FIBER_HOOK(ssize_t, __recv_chk, (int fd, void* to, std::size_t n, std::size_t size, int flags)) {
    auto plain = [size](int f, void* t, std::size_t m, int with) {
        return real___recv_chk(f, t, m, size, with);
    };
    return in_call(n <= size ? seam_of.io : nullptr, &hook_seam::recv, plain, fd, to, n, flags);
}
FIBER_HOOK(ssize_t, __recvfrom_chk,
           (int fd, void* to, std::size_t n, std::size_t size, int flags, sockaddr* from,
            socklen_t* length)) {
    auto plain = [size](int f, void* t, std::size_t m, int with, sockaddr* a, socklen_t* l) {
        return real___recvfrom_chk(f, t, m, size, with, a, l);
    };
    return in_call(n <= size ? seam_of.io : nullptr, &hook_seam::recvfrom, plain, fd, to, n, flags, from,
                   length);
}
FIBER_HOOK(int, __poll_chk, (pollfd * files, nfds_t count, int timeout, std::size_t size)) {
    auto plain = [size](pollfd* f, nfds_t n, int t) { return real___poll_chk(f, n, t, size); };
    return in_call(count <= size / sizeof(pollfd) ? seam_of.io : nullptr, &hook_seam::poll, plain, files,
                   count, timeout);
}
FIBER_HOOK(int, __ppoll_chk,
           (pollfd * files, nfds_t count, timespec const* timeout, sigset_t const* mask, std::size_t size)) {
    auto plain = [size](pollfd* f, nfds_t n, timespec const* t, sigset_t const* m) {
        return real___ppoll_chk(f, n, t, m, size);
    };
    return in_call(count <= size / sizeof(pollfd) ? seam_of.io : nullptr, &hook_seam::ppoll, plain, files,
                   count, timeout, mask);
}

FIBER_HOOK_PART(fortified)
