// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// netpoller.hpp: the poller of one scheduler: an edge-triggered epoll set. An agent that waits for a
// descriptor parks in the descriptor's slot; an event of the set wakes it: poll_slot.hpp.
// A file is added to the set at the first wait for it, for the direction of that wait, and stays there until
// it is closed.
//
// [slot.generation] The data of an event are the number and the generation of the slot. The generation grows
//   under the slot's lock when the number is known to name another file. An event of an older file is
//   dropped: after close() its registration lives on while a duplicate of its descriptor does.
//
// [netpoller.validate] The program may close a descriptor and reuse the number, and nobody tells the
//   netpoller. A wait for a descriptor of the program trusts the slot at first. After 800 µs check() asks the
//   kernel by EPOLL_CTL_MOD:
//     the file is in the set      what is ready now is reported again
//     ENOENT: another file        the slot gets a new generation, and the file is added: what is ready is
//                                 reported
//   A wait that ends sooner costs no system call. A wait that wants to look after 5 ms whether it may go on
//   (call_wait.hpp) is ended by check() then.
//
// [netpoller.interrupt] interrupt() sets a flag, and rings the bell of the set if the flag was not set. The
//   flag is the truth: wait() takes it back. A poll() that receives the ring leaves the flag, so that the
//   next wait() sees it. One thread at a time is in epoll_wait, under polling_.
#pragma once

#include "runtime/base/platform/clock.hpp"
#include "runtime/io/epoll_set.hpp"
#include "runtime/io/poll_slot.hpp"
#include "runtime/io/slot_table.hpp"
#include "runtime/io/watched_descriptor.hpp"
#include "runtime/io/young_waits.hpp"
#include "runtime/sched/poller.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

namespace fiber::rt {

class scheduler;

class netpoller final : public poller {
public:
    // Returns null, and sets errno, if the kernel gives no epoll set or no eventfd, or memory is short.
    [[nodiscard]] static std::unique_ptr<netpoller> make(scheduler&) noexcept;
    ~netpoller() override;

    // ── the contract with the scheduler ──
    [[nodiscard]] fiber_list poll() noexcept override;
    [[nodiscard]] fiber_list wait(clock::time_point until) noexcept override;
    void interrupt() noexcept override;
    [[nodiscard]] clock::time_point next_check() const noexcept override { return young_.next_check(); }
    void check(clock::time_point now) noexcept override;

    // ── called by agents: watched_descriptor.hpp ──
    // Returns null if the number is negative or there is no memory.
    [[nodiscard]] poll_slot* slot(int fd) noexcept {
        poll_slot* const there = slots_.find(fd);
        return there != nullptr ? there : make_slot(fd);
    }
    // Returns the number of a slot; -1 if it is no slot of this poller. For dumps.
    [[nodiscard]] int number_of(void const* slot) const noexcept { return slots_.number_of(slot); }
    // Waits until an event for one of the waiters, or until the deadline. The waiters have one ticket, which
    // is open.
    [[nodiscard]] poll_end wait_for(std::span<descriptor_waiter>, clock::time_point deadline, file_owner,
                                    wait_ends) noexcept;

    // ── called by the owner of the descriptor. The waiters that must be woken are added to `woken` ──
    void adopt(int fd, wait_queue& woken) noexcept;
    void wake(int fd, direction, wait_queue& woken) noexcept;
    void release(int fd, wait_queue& woken) noexcept;
    // Called for close(): the waiters fail with EBADF.
    void end_waits(int fd, wait_queue& woken) noexcept;

    // [fork] Closes the set and the eventfd in the child, where nothing uses the netpoller any more.
    void close_descriptors() noexcept { set_.close(); }

    netpoller* next = nullptr; // in the list of all netpollers

private:
    netpoller(scheduler& of, epoll_set set) noexcept : of_(of), set_(set) {}

    [[nodiscard]] bool ensure_registered(int fd, poll_slot&, std::uint32_t events) noexcept;

    [[nodiscard]] poll_slot* make_slot(int fd) noexcept;
    void deliver(epoll_event const&, wait_queue& woken) noexcept;
    [[nodiscard]] fiber_list receive(clock::time_point until) noexcept;
    [[nodiscard]] fiber_list make_runnable(wait_queue& woken) noexcept;
    void make_checks(clock::time_point now) noexcept;
    void validate(int fd, poll_slot&, std::uint32_t generation) noexcept;
    void ensure_watched() noexcept;

    scheduler& of_;
    epoll_set set_; // a slot's lock is held over a change of its file
    std::atomic<bool> interrupted_{false};
    std::mutex polling_; // held in epoll_wait
    slot_table slots_;
    young_waits young_;
};

} // namespace fiber::rt
