// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// poll_slot.hpp: what a netpoller knows about one descriptor number, and the agents that wait for it.
//
// A number is reused after close(). Therefore a slot has a generation: it grows when the number is known to
// name another file. An event of an older generation is dropped.
//
// [slot.ready] Each direction has a word with a count of events, and a bit that says that an attempt would
//   find nothing.
//
//   agent that makes an attempt                    event, under the slot's lock
//   1 seen = the word                              1 ++count, clear `drained`
//   2 attempt: EAGAIN, or all that was there       2 take all waiters of this direction
//   3 if the word == seen: set `drained`           3 wake them
//   4 lock; if not `drained`: unlock, back to 1
//   5 push a waiter; park; unlock off its stack
//
//   Claim: the agent does not sleep while its file is ready.
//   Data that come before left.2 are seen by the attempt. Data that come after it cause an event: the set is
//   edge-triggered. If right.1 is before left.3, the words differ, and `drained` is not set. If it is between
//   left.3 and left.4, left.4 sees it. If it is after left.5, right.2 finds the waiter: the lock orders them.
//
// [slot.kick] A new deadline and close() reach the agent in the same way. They store their news, and then
//   behave as an event. The agent reads the word at left.1, and the news after that: either it sees the news,
//   or the event comes after left.1, and the agent returns to left.1.
//   This holds if one agent at a time operates in a direction that gets news: [net.hold]. With two of them,
//   one may set `drained` after the event. The other one, with a snapshot from before, would then pass
//   left.4.
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/lock/spinlock.hpp"
#include "runtime/wait/wait_queue.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

enum class direction : std::uint8_t { read, write };

// A snapshot of a direction's word.
class readiness {
public:
    // Returns true unless an attempt would find nothing.
    [[nodiscard]] bool may_be_ready() const noexcept { return (word_ & drained) == 0; }
    // Returns true if the end of the stream, an error or urgent data has been seen. Then a short count does
    // not mean that the file is drained: no event follows for what is left.
    [[nodiscard]] bool has_ended() const noexcept { return (word_ & ended) != 0; }

private:
    friend class poll_slot;
    explicit readiness(std::uint32_t word) noexcept : word_(word) {}
    static constexpr std::uint32_t drained = 1, ended = 2, one_event = 4;
    std::uint32_t word_;
};

// All bytes zero: nothing is known, nobody waits. Slots are type-stable: they are never freed while the
// netpoller exists.
class alignas(cache_line) poll_slot {
public:
    using lock_type = spinlock<lock_rank::wait_queue>;

    // ── any thread, without the lock ──
    [[nodiscard]] readiness ready(direction d) const noexcept {
        return readiness(word(d).load(std::memory_order_acquire)); // [slot.kick]
    }
    // Says that an attempt which began after the snapshot was taken has drained the file. Does nothing if an
    // event has come since.
    void drained(direction d, readiness since) noexcept {
        auto expected = since.word_;
        // relaxed: the lock in wait orders it before the check [slot.ready]
        word(d).compare_exchange_strong(expected, since.word_ | readiness::drained,
                                        std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint32_t generation() const noexcept {
        return generation_.load(std::memory_order_acquire); // [slot.generation]
    }
    // What fiber::io has learned about the file of this generation; 0 if nothing. Relaxed: a wrong fact costs
    // a system call.
    std::atomic<std::uint32_t> facts{0};

private:
    friend class netpoller;

    // ── under the lock ──
    // Notes an event, and moves the waiters of this direction to `woken`. They are claimed: the caller must
    // unpark them after it has released the lock.
    void note_event(direction, bool ended, wait_queue& woken) noexcept;
    // Says that the number names another file now. Moves all waiters to `woken`.
    void begin_generation(wait_queue& woken) noexcept;
    [[nodiscard]] detail::wait_list& waiters_of(direction d) noexcept {
        return waiters_[static_cast<std::size_t>(d)];
    }

    void renew(direction, std::uint32_t keep, std::uint32_t add, wait_queue& woken) noexcept;
    [[nodiscard]] std::atomic<std::uint32_t>& word(direction d) noexcept {
        return words_[static_cast<std::size_t>(d)];
    }
    [[nodiscard]] std::atomic<std::uint32_t> const& word(direction d) const noexcept {
        return words_[static_cast<std::size_t>(d)];
    }

    std::array<std::atomic<std::uint32_t>, 2> words_{};
    std::atomic<std::uint32_t> generation_{0};
    lock_type lock_;               // guards what follows, and changes of the generation
    std::uint32_t registered_ = 0; // the events for which the epoll set has the file; 0: it does not have it
    std::array<detail::wait_list, 2> waiters_{};
};

} // namespace fiber::rt
