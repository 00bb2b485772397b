// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// faulty_system_calls.cpp: system calls that fail at random, for a program that is linked with
// -Wl,--wrap=syscall. The library makes all system calls for I/O by syscall(), so that all of them come here.
// Each fault is one that the kernel may show to a correct program:
//
//   EAGAIN            an attempt that must not block, although the file is ready. This is as if the data had
//                     come just after the attempt. Therefore the event that they would have caused must come
//                     too: [fault.edge]
//   short counts      an attempt on a stream socket that transfers a part, as if the rest had come just after
//                     it; again with the event. Only if FIBER_SHORT_COUNTS is set: most tests send so little
//                     that they expect it in one piece
//   EINTR             any call that may wait, before it does anything; close(), after it has closed
//   EMFILE, ENFILE,   accept4() on a listener that is non-blocking: on that of fiber::net. The connection
//   ENOBUFS, ENOMEM   stays in the backlog, and no event follows
//   ECONNABORTED      the same call, as if another connection had ended before it was accepted
//   ENOSYS, EPERM     epoll_pwait2() in all of the process, for one seed in four each
//   ENOSYS            preadv2() and pwritev2() in all of the process, for one seed in four
//
// Calls with uncommon flags, and attempts on files that are not ready, have their real result. EAGAIN would
// reach the program if the program itself had asked for it, by O_NONBLOCK. A descriptor with O_NONBLOCK
// therefore gets EAGAIN only after the library has waited for it. Tests for which this is not enough have the
// tag [exact], and run without faults.
//
// [fault.edge] The epoll sets report edges, and the kernel has seen none. Therefore EPOLL_CTL_MOD follows
//   each such fault, with the events that the set has for the descriptor. It reports what is ready now. A
//   descriptor that is in no set needs nothing: its first wait adds it, and reports it.
//   The data of the event must be the data that the set has. The library changes them by epoll_ctl, which
//   comes here too: it is noted, and made, under one lock. A number that was closed and reused is not in the
//   set: the call fails, and the library finds out by [netpoller.validate].

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <mutex>
#include <random>
#include <span>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

extern "C" long __real_syscall(long number, ...);

namespace {

using arguments = std::array<long, 6>;

long real_call(long number, arguments const& a) {
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
template <class T>
T* pointer(long argument) {
    return reinterpret_cast<T*>(argument); // as the kernel sees it
}
long fail(int error) {
    errno = error;
    return -1;
}

// ── dice ──

std::uint64_t seed() {
    static std::uint64_t const value = [] {
        char const* const given = std::getenv("FIBER_FAULT_SEED");
        std::uint64_t const s = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
        std::fprintf(stderr, "to repeat: FIBER_FAULT_SEED=%llu\n", static_cast<unsigned long long>(s));
        return s;
    }();
    return value;
}

// Returns a random number in [0, n). The numbers of a seed are the same; which call gets which number depends
// on the schedule.
std::uint64_t below(std::uint64_t n) {
    static std::atomic<std::uint64_t> next{0};
    // splitmix64
    std::uint64_t z = seed() + 0x9e3779b97f4a7c15 * next.fetch_add(1, std::memory_order_relaxed);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % n;
}
bool one_in(std::uint64_t n) { return below(n) == 0; }

// ── [fault.edge] ──

// A lock that a child takes over from its parent, which holds it during fork(). The library makes system
// calls in the child before handlers of this file could run.
class forked_lock {
public:
    void lock() {
        for (pid_t const me = ::getpid();;) {
            pid_t holder = 0;
            if (holder_.compare_exchange_strong(holder, me))
                return;
            if (holder != me && holder_.compare_exchange_strong(holder, me)) // the parent's
                return;
            ::sched_yield();
        }
    }
    void unlock() { holder_ = 0; }

private:
    std::atomic<pid_t> holder_{0};
};

class noted_sets {
public:
    static noted_sets& instance() {
        static auto* const sets = new noted_sets; // used until the process has ended
        return *sets;
    }

    long control(arguments const& a) {
        auto const set = static_cast<int>(a[0]), operation = static_cast<int>(a[1]),
                   fd = static_cast<int>(a[2]);
        std::lock_guard const hold(lock_);
        long const result = real_call(SYS_epoll_ctl, a);
        int const error = errno;
        if (result == 0 && operation == EPOLL_CTL_DEL)
            noted_.erase({fd, set});
        else if (result == 0)
            noted_[{fd, set}] = *pointer<epoll_event>(a[3]);
        errno = error;
        return result;
    }

    // Lets all sets that have the descriptor report again. Returns true if there is such a set. Notes are not
    // deleted at close(): sysmon closes the same numbers in its private table. A note of a file that is
    // closed is harmless: no set has that file for this number.
    bool report_again(int fd) {
        std::lock_guard const hold(lock_);
        bool in_set = false;
        for (auto each = noted_.lower_bound({fd, 0}); each != noted_.end() && each->first.first == fd; ++each)
            in_set |=
                __real_syscall(SYS_epoll_ctl, each->first.second, EPOLL_CTL_MOD, fd, &each->second) == 0;
        return in_set;
    }

private:
    noted_sets() {
        ::pthread_atfork([] { instance().lock_.lock(); }, [] { instance().lock_.unlock(); }, nullptr);
    }

    forked_lock lock_;                                 // guards what follows
    std::map<std::pair<int, int>, epoll_event> noted_; // by descriptor and set
};

// ── what the descriptor is ──

bool is_nonblocking(int fd) {
    long const flags = __real_syscall(SYS_fcntl, fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}
bool is_stream_socket(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return __real_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}
// Returns true if the file is ready in this direction, and in no other state: a call would transfer
// something.
bool is_ready(int fd, short event) {
    pollfd file{fd, event, 0};
    timespec const at_once{};
    return __real_syscall(SYS_ppoll, &file, 1L, &at_once, nullptr, sizeof(std::uint64_t)) == 1 &&
           file.revents == event;
}

// ── attempts ──

// An attempt that must not block: on a socket by its flags, on another file by RWF_NOWAIT.
struct attempt {
    long number;
    int fd;
    std::size_t length_at; // the argument that is the length; 0: buffers
    std::span<iovec> buffers;
    bool writes;
    bool is_plain; // no flag asks for something else, such as urgent data
};

std::size_t part_of(std::size_t length) { return length > 1 ? 1 + below(length - 1) : length; }

// Makes the call for a part of the length, or for a part of the first buffer.
long make_short(attempt const& what, arguments a) {
    if (what.length_at != 0) {
        a[what.length_at] = static_cast<long>(part_of(static_cast<std::size_t>(a[what.length_at])));
        return real_call(what.number, a);
    }
    if (what.buffers.empty() || what.buffers.front().iov_len == 0)
        return real_call(what.number, a);
    iovec part{what.buffers.front().iov_base, part_of(what.buffers.front().iov_len)};
    auto& message = *pointer<msghdr>(a[1]); // the program's: only results are written there
    msghdr with_part = message;
    with_part.msg_iov = &part;
    with_part.msg_iovlen = 1;
    long const result = __real_syscall(what.number, a[0], &with_part, a[2]);
    if (what.number == SYS_recvmsg) {
        message.msg_namelen = with_part.msg_namelen;
        message.msg_controllen = with_part.msg_controllen;
        message.msg_flags = with_part.msg_flags;
    }
    return result;
}

bool may_be_short(attempt const& what) {
    static bool const wanted = std::getenv("FIBER_SHORT_COUNTS") != nullptr;
    return wanted && what.number != SYS_recvmmsg && what.number != SYS_sendmmsg && is_stream_socket(what.fd);
}

long make_attempt(attempt const& what, arguments const& a) {
    auto& sets = noted_sets::instance();
    if (!what.is_plain)
        return real_call(what.number, a);
    if (one_in(16))
        return fail(EINTR);
    if (one_in(8) && is_ready(what.fd, what.writes ? POLLOUT : POLLIN) &&
        (sets.report_again(what.fd) || !is_nonblocking(what.fd)))
        return fail(EAGAIN);
    if (!one_in(8) || !may_be_short(what))
        return real_call(what.number, a);
    long const result = make_short(what, a);
    int const error = errno;
    sets.report_again(what.fd);
    return result < 0 ? fail(error) : result;
}

bool must_not_block(int flags) { return (flags & MSG_DONTWAIT) != 0; }
bool is_plain(int flags) { return (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC)) == 0; }

long transfer(long number, arguments const& a) {
    auto const fd = static_cast<int>(a[0]);
    auto const flags_of_socket =
        static_cast<int>(number == SYS_recvmsg || number == SYS_sendmsg ? a[2] : a[3]);
    switch (number) {
    case SYS_recvfrom:
    case SYS_sendto:
        if (must_not_block(flags_of_socket))
            return make_attempt({number, fd, 2, {}, number == SYS_sendto, is_plain(flags_of_socket)}, a);
        break;
    case SYS_recvmsg:
    case SYS_sendmsg:
        if (must_not_block(flags_of_socket)) {
            auto const& message = *pointer<msghdr>(a[1]);
            return make_attempt({number,
                                 fd,
                                 0,
                                 {message.msg_iov, message.msg_iovlen},
                                 number == SYS_sendmsg,
                                 is_plain(flags_of_socket)},
                                a);
        }
        break;
    case SYS_recvmmsg:
    case SYS_sendmmsg:
        if (must_not_block(flags_of_socket))
            return make_attempt({number, fd, 0, {}, number == SYS_sendmmsg, is_plain(flags_of_socket)}, a);
        break;
    case SYS_preadv2:
    case SYS_pwritev2:
        if (static bool const missing = seed() / 4 % 4 == 0; missing)
            return fail(ENOSYS);
        if ((a[5] & RWF_NOWAIT) != 0)
            return make_attempt({number,
                                 fd,
                                 0,
                                 {pointer<iovec>(a[1]), static_cast<std::size_t>(a[2])},
                                 number == SYS_pwritev2,
                                 true},
                                a);
        break;
    default:
        break;
    }
    return one_in(16) ? fail(EINTR) : real_call(number, a);
}

long accept_connection(arguments const& a) {
    constexpr std::array shortages{EMFILE, ENFILE, ENOBUFS, ENOMEM};
    auto const fd = static_cast<int>(a[0]);
    if (one_in(16))
        return fail(EINTR);
    if (!is_nonblocking(fd))
        return real_call(SYS_accept4, a);
    if (one_in(32))
        return fail(shortages[below(shortages.size())]);
    if (one_in(16))
        return fail(ECONNABORTED);
    if (one_in(8) && is_ready(fd, POLLIN) && noted_sets::instance().report_again(fd))
        return fail(EAGAIN);
    return real_call(SYS_accept4, a);
}

long wait_for_events(arguments const& a) {
    static int const missing = std::array{0, 0, ENOSYS, EPERM}[seed() % 4];
    if (missing != 0)
        return fail(missing);
    return one_in(16) ? fail(EINTR) : real_call(SYS_epoll_pwait2, a);
}

long poll_files(arguments const& a) {
    auto const* const timeout = pointer<timespec>(a[2]);
    bool const is_valid = timeout == nullptr ||
                          (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 && timeout->tv_nsec < 1'000'000'000);
    bool const wants_signals = a[3] != 0; // a mask
    return is_valid && !wants_signals && one_in(16) ? fail(EINTR) : real_call(SYS_ppoll, a);
}

long close_descriptor(arguments const& a) {
    long const result = real_call(SYS_close, a);
    return result == 0 && one_in(16) ? fail(EINTR) : result;
}

} // namespace

extern "C" long __wrap_syscall(long number, ...);
extern "C" long __wrap_syscall(long number, ...) {
    arguments a{};
    std::va_list list;
    va_start(list, number);
    for (long& each : a)
        each = va_arg(list, long); // some more than there are, as syscall() does
    va_end(list);
    switch (number) {
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_recvmmsg:
    case SYS_sendmmsg:
    case SYS_preadv2:
    case SYS_pwritev2:
        return transfer(number, a);
    case SYS_accept4:
        return accept_connection(a);
    case SYS_epoll_ctl:
        return noted_sets::instance().control(a);
    case SYS_epoll_pwait2:
        return wait_for_events(a);
    case SYS_ppoll:
        return poll_files(a);
    case SYS_epoll_pwait:
    case SYS_readv:
    case SYS_writev:
    case SYS_sendfile:
        return one_in(16) ? fail(EINTR) : real_call(number, a);
    case SYS_close:
        return close_descriptor(a);
    default:
        return real_call(number, a);
    }
}
