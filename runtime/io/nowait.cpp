// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/nowait.hpp"

#include "runtime/io/file_facts.hpp"
#include "runtime/io/kernel_call.hpp"

#include <atomic>
#include <cstdio>
#include <sys/utsname.h>

namespace fiber::rt {
namespace {

// For more, a read gives the processor away first: to copy takes long.
constexpr std::size_t max_from_cache = 256 * 1024;

bool ask_kernel() noexcept {
    // Emulators pass the version of their kernel on, and may not know the call: qemu-user.
    if (kernel_call(SYS_preadv2, -1, nullptr, 0UL, 0L, 0L, RWF_NOWAIT) == -ENOSYS)
        return false;
    utsname about{};
    int major = 0;
    int minor = 0;
    return ::uname(&about) == 0 && std::sscanf(about.release, "%d.%d", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 11));
}

// Asks once. A static local would need a guard, which a fork could leave locked in the child.
bool kernel_has_nowait() noexcept {
    enum : int { unknown, no, yes };
    constinit static std::atomic<int> has{unknown}; // relaxed: two threads that ask get the same answer
    int seen = has.load(std::memory_order_relaxed);
    if (seen == unknown) {
        seen = ask_kernel() ? yes : no;
        has.store(seen, std::memory_order_relaxed);
    }
    return seen == yes;
}

// On 64-bit systems the low half is the whole offset.
long read_at(int fd, iovec_window const& to, off_t offset, int flags) noexcept {
    return kernel_call(SYS_preadv2, fd, to.data(), to.count(), long{offset}, 0L, flags);
}

long counted(long result) noexcept {
    if (result == -EOPNOTSUPP)
        nowait_refused.fetch_add(1, std::memory_order_relaxed); // a count
    return result;
}

bool is_regular(int fd) noexcept { return kind_of_file(fd) == file_kind::regular; }

} // namespace

long read_without_waiting(int fd, iovec_window const& to, off_t offset) noexcept {
    return counted(kernel_has_nowait() ? read_at(fd, to, offset, RWF_NOWAIT) : -EOPNOTSUPP);
}

long write_without_waiting(int fd, iovec_window const& from) noexcept {
    return counted(kernel_has_nowait() ? kernel_call(SYS_pwritev2, fd, from.data(), from.count(),
                                                     long{at_position}, 0L, RWF_NOWAIT)
                                       : -EOPNOTSUPP);
}

long read_regular(int fd, std::span<iovec const> to, off_t offset) noexcept {
    auto const total = rt::size_of(to);
    std::size_t done = 0;
    auto const here = [&] { return offset == at_position ? at_position : offset + static_cast<off_t>(done); };
    auto const end_with = [&](long result) { return done != 0 ? static_cast<long>(done) : result; };
    long n = -EAGAIN;
    while (total <= max_from_cache) {
        n = read_without_waiting(fd, iovec_window(to, done), here());
        if (n == -EINTR)
            continue;
        if (n == 0)
            return end_with(0);
        if (n < 0)
            break;
        done += static_cast<std::size_t>(n);
        // Another file may end its piece here: a datagram, for example.
        if (done >= total || (offset == at_position && !is_regular(fd)))
            return end_with(0);
    }
    if (n != -EAGAIN && n != -EOPNOTSUPP)
        return end_with(n);
    if (offset == at_position && !is_regular(fd))
        return end_with(file_has_changed);
    iovec_window const rest(to, done);
    long const call = offset == at_position ? SYS_readv : SYS_preadv;
    // EOPNOTSUPP: tmpfs and procfs, which have no disk
    n = n == -EOPNOTSUPP ? repeated_call(call, fd, rest.data(), rest.count(), long{here()}, 0L)
                         : blocking_call(call, fd, rest.data(), rest.count(), long{here()}, 0L);
    return n < 0 ? end_with(n) : static_cast<long>(done) + n;
}

} // namespace fiber::rt
