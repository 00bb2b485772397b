// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// file_facts.hpp: what fiber::io remembers about the file of a number, in poll_slot::facts.
//
// The program may close the number and reuse it, and nobody tells. A fact may therefore be wrong at any time,
// and each one is used in a way that finds out:
//   kind socket    the attempt fails with ENOTSOCK, and the kind is learned again
//   other kinds    an attempt with RWF_NOWAIT does what the new file needs, or fails with EOPNOTSUPP. Other
//                  calls are made on a regular file alone, after fstat() has confirmed the kind
//   patience       a wait is bounded at first: call_wait
//   short counts   a wait for a file of the program is checked after 800 µs: [netpoller.validate]. Whether
//                  they drain the file is asked again now and then, since options of a socket change
#pragma once

#include "runtime/io/poll_slot.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

// What an attempt must do.
//   unknown   try as for a socket
//   socket    recvmsg, sendmsg with MSG_DONTWAIT
//   regular   regular files, directories and block devices: they are always ready, but a disk may be slow
//   pipe      preadv2, pwritev2 with RWF_NOWAIT; else poll, then a plain call
//   other     as a pipe, for example terminals and eventfds
enum class file_kind : std::uint8_t { unknown, socket, regular, pipe, other };

class file_facts {
public:
    explicit file_facts(std::atomic<std::uint32_t>& word) noexcept
        : word_(word), value_(word.load(std::memory_order_relaxed)) {} // relaxed: poll_slot::facts

    [[nodiscard]] file_kind kind() const noexcept { return static_cast<file_kind>(value_ & kind_mask); }
    // Forgets all facts about another kind.
    void learn_kind(file_kind k) noexcept {
        if (k != kind())
            change_to(static_cast<std::uint32_t>(k));
    }

    // Returns true if a wait in this direction is not limited: the file has no O_NONBLOCK and no timeout.
    [[nodiscard]] bool is_patient(direction d) const noexcept { return (value_ & patient_bit(d)) != 0; }
    void learn_patience(direction d, bool patient) noexcept {
        change_to(patient ? value_ | patient_bit(d) : value_ & ~patient_bit(d));
    }

    // Returns true if a short count says that the file is drained.
    [[nodiscard]] bool short_counts_drain() const noexcept { return (value_ & drains) != 0; }
    void learn_short_counts_drain(bool they_do) noexcept {
        change_to(they_do ? value_ | drains : value_ & ~drains);
    }
    // Counts a short count. Returns true if the caller should ask whether short counts drain the file: at the
    // 8th one, and at every 64th one after it.
    [[nodiscard]] bool count_short() noexcept {
        auto const count = (value_ / one_short + 1) % 64;
        change_to(value_ % one_short + count * one_short);
        return count == 8;
    }

private:
    static constexpr std::uint32_t kind_mask = 7, drains = 8, patient_to_read = 16, patient_to_write = 32;
    static constexpr std::uint32_t one_short = 64;
    [[nodiscard]] static constexpr std::uint32_t patient_bit(direction d) noexcept {
        return d == direction::read ? patient_to_read : patient_to_write;
    }
    // Does nothing if another agent has changed the facts: they may belong to another file.
    void change_to(std::uint32_t value) noexcept {
        auto expected = value_;
        if (value != value_ &&
            word_.compare_exchange_strong(expected, value, std::memory_order_relaxed)) // a cache
            value_ = value;
    }

    std::atomic<std::uint32_t>& word_;
    std::uint32_t value_;
};

// Asks fstat(). Returns `unknown` if the descriptor is not open.
[[nodiscard]] file_kind kind_of_file(int fd) noexcept;

} // namespace fiber::rt
