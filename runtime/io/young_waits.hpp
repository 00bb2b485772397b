// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// young_waits.hpp: the waits for descriptors of the program that check() has not dealt with yet:
// [netpoller.validate]. They stand in lists, by age, because a timer for each wait would cost more than the
// wait of a busy connection.
#pragma once

#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/lock/spinlock.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/io/poll_slot.hpp"
#include "runtime/wait/wait_queue.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace fiber::rt {

// A waiter in a slot. It lives on the stack of the waiting agent.
struct descriptor_waiter : waiter {
    descriptor_waiter(ticket t, int number, poll_slot& slot, direction which) noexcept
        : waiter(t), fd(number), in(slot), what(which) {}

    int const fd;
    poll_slot& in;
    direction const what;
    std::uint32_t generation = 0; // of the slot, when the wait began
    bool closed = false;          // the number was closed while the agent waited; guarded by the slot's lock

    // ── guarded by the lock of young_waits ──
    enum class age : std::uint8_t { not_listed, fresh, validated };
    age listed = age::not_listed;
    bool ends_to_look = false; // the wait ends when it is no longer young
    bool has_ended = false;    // for that reason
    clock::time_point since{};
    descriptor_waiter* next_young = nullptr;
    descriptor_waiter* previous_young = nullptr;
};

// What is to be done about a wait. Copies, since the waiter may be destroyed.
struct due_check {
    int fd;
    poll_slot& in;
    std::uint32_t generation;
    ticket key;
    bool ends_wait; // else the file is validated
};

class young_waits {
public:
    young_waits() = default;
    young_waits(young_waits const&) = delete;
    young_waits& operator=(young_waits const&) = delete;

    void add(std::span<descriptor_waiter>, bool end_to_look) noexcept;
    // Returns true if a check has ended the wait of these waiters.
    [[nodiscard]] bool remove(std::span<descriptor_waiter>) noexcept;
    // Returns the oldest check that is due, and takes it out of its list.
    [[nodiscard]] std::optional<due_check> take_due(clock::time_point now) noexcept;
    // Returns when the next check is due, or `never`. Any thread.
    [[nodiscard]] clock::time_point next_check() const noexcept { return next_check_; }

private:
    struct list {
        descriptor_waiter* first = nullptr; // the oldest
        descriptor_waiter* last = nullptr;
    };
    [[nodiscard]] list& list_of(descriptor_waiter::age a) noexcept {
        return a == descriptor_waiter::age::fresh ? fresh_ : validated_;
    }
    void push_locked(descriptor_waiter&, descriptor_waiter::age) noexcept;
    void take_out_locked(descriptor_waiter&) noexcept;
    void set_next_check_locked() noexcept;

    spinlock<lock_rank::wait_queue> lock_; // guards what follows, and is taken alone
    list fresh_, validated_;
    relaxed<clock::time_point> next_check_{never}; // written under the lock
};

} // namespace fiber::rt
