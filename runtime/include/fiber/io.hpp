// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/io.hpp>: fiber::io, the POSIX calls on descriptors that park the fiber and not its OS thread. They
// have the signatures, results and errno of the calls with the same names.
//
// In a fiber, a call first tries without blocking. If that finds nothing, the fiber waits until the
// descriptor is ready. The flags of the descriptor are not changed, because other processes may share them.
//   O_NONBLOCK                   a call that would wait fails with EAGAIN
//   SO_RCVTIMEO, SO_SNDTIMEO     a call that has waited for this time fails with EAGAIN; connect: EINPROGRESS
//   EINTR                        is not returned, except by ppoll with a signal mask
//   SIGPIPE                      comes as with the plain calls
//   regular files                what is in the page cache is read at once; else as in fiber::blocking
// A call for which the system has no form that does not block may block its OS thread. Then the runtime gives
// the processor to another thread, as for any call that blocks. Examples: a large write to a terminal, and
// accept if several agents compete for one connection.
//
// In an OS thread these are the plain calls. All are thread-safe: several agents may use one descriptor at a
// time. A descriptor may be closed by close(2), and its number reused. That does not wake a fiber that waits
// for it.
#pragma once

#include <fiber/detail/config.hpp>

#include <chrono>
#include <cstddef>
#include <poll.h>
#include <sys/types.h>
#include <sys/uio.h>

struct sockaddr;
struct msghdr;
struct mmsghdr;

namespace fiber::io {

using time_point = std::chrono::steady_clock::time_point;
inline constexpr time_point never = time_point::max(); // the deadline that never comes
using socklen = unsigned;                              // socklen_t of <sys/socket.h>

// read(2), readv(2): return at most n bytes; 0 is the end.
FIBER_API ssize_t read(int fd, void* buffer, std::size_t n);
FIBER_API ssize_t readv(int fd, iovec const* buffers, int count);
// write(2), writev(2). To a pipe or a stream socket that blocks they write everything, unless an error or
// SO_SNDTIMEO comes between. Other agents may write in the middle of a large write.
FIBER_API ssize_t write(int fd, void const* buffer, std::size_t n);
FIBER_API ssize_t writev(int fd, iovec const* buffers, int count);

// pread(2), pwrite(2), preadv(2), pwritev(2): at an offset, in bytes; the file's position stays.
FIBER_API ssize_t pread(int fd, void* buffer, std::size_t n, off_t offset);
FIBER_API ssize_t pwrite(int fd, void const* buffer, std::size_t n, off_t offset);
FIBER_API ssize_t preadv(int fd, iovec const* buffers, int count, off_t offset);
FIBER_API ssize_t pwritev(int fd, iovec const* buffers, int count, off_t offset);

// recv(2), recvfrom(2), recvmsg(2). MSG_DONTWAIT, MSG_WAITALL, MSG_PEEK, MSG_OOB and MSG_ERRQUEUE keep their
// meaning.
FIBER_API ssize_t recv(int fd, void* buffer, std::size_t n, int flags);
FIBER_API ssize_t recvfrom(int fd, void* buffer, std::size_t n, int flags, sockaddr* from, socklen* length);
FIBER_API ssize_t recvmsg(int fd, msghdr* message, int flags);
// recvmmsg(2): waits for all messages; with MSG_WAITFORONE, for the first one. The timeout also ends a wait
// in which no message comes. The plain call looks at it only when a message has come.
FIBER_API int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout);

// send(2), sendto(2), sendmsg(2), sendmmsg(2). On stream sockets they send everything, as write does.
FIBER_API ssize_t send(int fd, void const* buffer, std::size_t n, int flags);
FIBER_API ssize_t sendto(int fd, void const* buffer, std::size_t n, int flags, sockaddr const* to,
                         socklen length);
FIBER_API ssize_t sendmsg(int fd, msghdr const* message, int flags);
FIBER_API int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags);

// accept(2), accept4(2).
FIBER_API int accept(int fd, sockaddr* from, socklen* length);
FIBER_API int accept4(int fd, sockaddr* from, socklen* length, int flags);
// connect(2). While it begins to connect, a socket that blocks has O_NONBLOCK: it must be the caller's alone.
FIBER_API int connect(int fd, sockaddr const* to, socklen length);

// poll(2): the timeout is in milliseconds; a negative one never ends.
FIBER_API int poll(pollfd* files, nfds_t count, int timeout);
// ppoll(2). A signal mask belongs to an OS thread. Therefore a call with a mask blocks the thread, outside of
// the processors, and returns EINTR as ppoll(2) does.
FIBER_API int ppoll(pollfd* files, nfds_t count, timespec const* timeout, sigset_t const* mask);

// sendfile(2), splice(2).
FIBER_API ssize_t sendfile(int out, int in, off_t* offset, std::size_t count);
FIBER_API ssize_t splice(int in, loff_t* in_offset, int out, loff_t* out_offset, std::size_t n,
                         unsigned flags);

// Wait until a read, or a write, would not block: at the end of a stream and after an error, too. Return
// false if the deadline comes first. A descriptor that is ready wins over a deadline that has passed. For
// libraries that bring their own non-blocking sockets. Throw std::system_error: EBADF if the descriptor is
// not open, or ENOMEM.
FIBER_API bool wait_readable(int fd, time_point deadline = never);
FIBER_API bool wait_writable(int fd, time_point deadline = never);

} // namespace fiber::io
