// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// epoll_set.hpp: the kernel's side of a netpoller: an edge-triggered epoll set, and an eventfd in it, the
// bell, which ends a wait. The data of an event are a descriptor number and the generation of its slot.
#pragma once

#include "runtime/base/platform/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/epoll.h>

namespace fiber::rt {

class epoll_set {
public:
    // Makes the set, or sets errno and returns one that is not open.
    [[nodiscard]] static epoll_set make() noexcept;
    [[nodiscard]] bool is_open() const noexcept { return bell_ >= 0; }
    // Closes the descriptors. No destructor does it: after a fork, parent and child close theirs separately.
    void close() noexcept;

    // As epoll_ctl(2). Returns false, and sets errno, if the kernel refuses.
    [[nodiscard]] bool add(int fd, std::uint32_t generation, std::uint32_t events) noexcept;
    [[nodiscard]] bool modify(int fd, std::uint32_t generation, std::uint32_t events) noexcept;
    void remove(int fd) noexcept;

    // Waits until an event, a ring of the bell or the time. Returns the events that have come.
    static constexpr std::size_t batch = 128;
    using room = std::array<epoll_event, batch>;
    [[nodiscard]] std::span<epoll_event const> wait(room&, clock::time_point until) noexcept;
    // Returns -1 for the bell.
    [[nodiscard]] static int number_of(epoll_event const& e) noexcept {
        return static_cast<int>(e.data.u64 >> 32);
    }
    [[nodiscard]] static std::uint32_t generation_of(epoll_event const& e) noexcept {
        return static_cast<std::uint32_t>(e.data.u64);
    }
    // Ends a wait. Any thread that has the process's descriptors.
    void ring() const noexcept;

private:
    [[nodiscard]] bool control(int operation, int fd, std::uint64_t data,
                               std::uint32_t events) const noexcept;

    int set_ = -1, bell_ = -1;
};

} // namespace fiber::rt
