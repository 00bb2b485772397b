// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sockets.cpp: the calls on sockets. SO_RCVTIMEO, SO_SNDTIMEO and O_NONBLOCK are asked of the kernel when a
// call would wait, so the calls that set them are not hooked.

#include "runtime/hook/hooked.hpp"

#include <sys/socket.h>

using namespace fiber::hook_library;

FIBER_HOOK(ssize_t, recv, (int fd, void* to, std::size_t n, int flags)) {
    return in_call(seam_of.io, &hook_seam::recv, real_recv, fd, to, n, flags);
}
FIBER_HOOK(ssize_t, recvfrom,
           (int fd, void* to, std::size_t n, int flags, sockaddr* from, socklen_t* length)) {
    return in_call(seam_of.io, &hook_seam::recvfrom, real_recvfrom, fd, to, n, flags, from, length);
}
FIBER_HOOK(ssize_t, recvmsg, (int fd, msghdr* message, int flags)) {
    return in_call(seam_of.io, &hook_seam::recvmsg, real_recvmsg, fd, message, flags);
}
FIBER_HOOK(int, recvmmsg, (int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout)) {
    return in_call(seam_of.io, &hook_seam::recvmmsg, real_recvmmsg, fd, messages, count, flags, timeout);
}
FIBER_HOOK(ssize_t, send, (int fd, void const* from, std::size_t n, int flags)) {
    return in_call(seam_of.io, &hook_seam::send, real_send, fd, from, n, flags);
}
FIBER_HOOK(ssize_t, sendto,
           (int fd, void const* from, std::size_t n, int flags, sockaddr const* to, socklen_t length)) {
    return in_call(seam_of.io, &hook_seam::sendto, real_sendto, fd, from, n, flags, to, length);
}
FIBER_HOOK(ssize_t, sendmsg, (int fd, msghdr const* message, int flags)) {
    return in_call(seam_of.io, &hook_seam::sendmsg, real_sendmsg, fd, message, flags);
}
FIBER_HOOK(int, sendmmsg, (int fd, mmsghdr* messages, unsigned count, int flags)) {
    return in_call(seam_of.io, &hook_seam::sendmmsg, real_sendmmsg, fd, messages, count, flags);
}
FIBER_HOOK(int, accept, (int fd, sockaddr* from, socklen_t* length)) {
    return in_call(seam_of.io, &hook_seam::accept, real_accept, fd, from, length);
}
FIBER_HOOK(int, accept4, (int fd, sockaddr* from, socklen_t* length, int flags)) {
    return in_call(seam_of.io, &hook_seam::accept4, real_accept4, fd, from, length, flags);
}
FIBER_HOOK(int, connect, (int fd, sockaddr const* to, socklen_t length)) {
    return in_call(seam_of.io, &hook_seam::connect, real_connect, fd, to, length);
}

FIBER_HOOK_PART(sockets)
