// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/epoll_set.hpp"

#include "runtime/io/system_call.hpp"
#include "runtime/io/timespec.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <sys/eventfd.h>
#include <utility>

namespace fiber::rt {
namespace {

constexpr std::uint64_t data_of(int fd, std::uint32_t generation) noexcept {
    return std::uint64_t{static_cast<std::uint32_t>(fd)} << 32 | generation;
}

// epoll_pwait2 has nanoseconds, but is missing before Linux 5.11, and in some filters of system calls.
long wait_in_set(int set, std::span<epoll_event> events, clock::time_point until) noexcept {
    constinit static std::atomic<bool> has_pwait2{true}; // relaxed: a wrong value costs a system call
    constexpr std::size_t mask_size = 8;
    int const size = static_cast<int>(events.size());
    timespec timeout{};
    if (until != never)
        timeout = time_left(until);
    if (has_pwait2.load(std::memory_order_relaxed)) {
        long const n = system_call(SYS_epoll_pwait2, set, events.data(), size,
                                   until == never ? nullptr : &timeout, nullptr, mask_size);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM))
            return n;
        has_pwait2.store(false, std::memory_order_relaxed);
    }
    constexpr auto longest = std::chrono::milliseconds(1'000'000'000);
    auto const rounded = std::min(std::chrono::ceil<std::chrono::milliseconds>(length_of(timeout)), longest);
    return system_call(SYS_epoll_pwait, set, events.data(), size,
                       until == never ? -1 : static_cast<int>(rounded.count()), nullptr, mask_size);
}

} // namespace

epoll_set epoll_set::make() noexcept {
    epoll_set made;
    made.set_ = ::epoll_create1(EPOLL_CLOEXEC);
    made.bell_ = made.set_ >= 0 ? ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    if (made.bell_ >= 0 && made.control(EPOLL_CTL_ADD, made.bell_, data_of(-1, 0), EPOLLIN))
        return made;
    int const why = errno;
    made.close();
    errno = why;
    return made;
}

void epoll_set::close() noexcept {
    for (int* const fd : {&bell_, &set_})
        if (*fd >= 0)
            static_cast<void>(system_call(SYS_close, std::exchange(*fd, -1)));
}

bool epoll_set::control(int operation, int fd, std::uint64_t data, std::uint32_t events) const noexcept {
    epoll_event wanted{};
    wanted.events = events | EPOLLET;
    wanted.data.u64 = data;
    return system_call(SYS_epoll_ctl, set_, operation, fd, &wanted) == 0;
}

bool epoll_set::add(int fd, std::uint32_t generation, std::uint32_t events) noexcept {
    return control(EPOLL_CTL_ADD, fd, data_of(fd, generation), events);
}

bool epoll_set::modify(int fd, std::uint32_t generation, std::uint32_t events) noexcept {
    return control(EPOLL_CTL_MOD, fd, data_of(fd, generation), events);
}

void epoll_set::remove(int fd) noexcept { static_cast<void>(control(EPOLL_CTL_DEL, fd, 0, 0)); }

std::span<epoll_event const> epoll_set::wait(room& received, clock::time_point until) noexcept {
    long const n = wait_in_set(set_, received, until);
    return {received.data(), static_cast<std::size_t>(std::max(n, 0L))};
}

void epoll_set::ring() const noexcept {
    constexpr std::uint64_t one = 1;
    static_cast<void>(system_call(SYS_write, bell_, &one, sizeof one));
}

} // namespace fiber::rt
