// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber.hpp: the fiber (Go's G): everything of it that is not on its stack.
//
//    start            run                         finish
//   ──────▶ runnable ─────▶ running ─────────────────────▶ dead
//              ▲               │ park: once commit has run on the next stack
//       ready  └─── parked ◀───┘
//
//   state      is in                          stack belongs to        who may move it on
//   runnable   exactly one queue, or `next`   nobody (fresh: none)    whoever takes it out
//   running    one machine's `running`        that machine            itself
//   parked     no queue                       nobody                  the one who owns its wake: see ticket.hpp
//   dead       no queue; a cache, or a handle none                    whoever holds the record
//
// The state is a check, not a lock: ownership passes through queues and tickets. Records are type-stable, see
// ticket.hpp.
#pragma once

#include "runtime/base/assert.hpp"
#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/relaxed.hpp"
#include "runtime/base/ticket.hpp"
#include "runtime/base/wait_reason.hpp"

#include <fiber/detail/spawn.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace fiber::rt {

struct stack;
class stack_class;
class scheduler;
class local_table;

enum class fiber_state : std::uint8_t { dead, runnable, running, parked };

// Where a fiber's stack comes from, and goes to: a cache of its processor, which also has its credit; or the depot of its class.
//   usual    of the runtime's default size
//   thread   of the size of a thread's stack, for what takes the place of a thread
//   depot    of any other size
enum class stack_source : std::uint8_t { usual, thread, depot };

// How a fiber's end meets the one who joins it, in one word.
//   value             means                                      leaves it by
//   unjoined          alive, its handle exists                   every other
//   detached          alive, no handle                           finish: the fiber's own machine recycles the record
//   a joiner          alive, that waiter is parked in join       finish: likewise, and wakes the joiner
//   one with a limit  alive, that waiter is parked in join_for   finish; or the joiner's time-out puts unjoined back
//   finishing         ended; the last writes are under way       done, a few instructions later
//   done              ended; the record belongs to the handle    join or detach, which recycle it
class join_state {
public:
    struct joiner { // on the joiner's stack
        ticket key;
        bool recycled = false; // the record; else that is up to the joiner
    };
    static constexpr std::uintptr_t unjoined = 0, detached = 1, finishing = 2, done = 3;
    static constexpr std::uintptr_t timed = 4; // joiners are aligned

    std::atomic<std::uintptr_t> word{unjoined};

    [[nodiscard]] static bool joined(std::uintptr_t value) noexcept { return value > done; }
    // Nobody but the fiber's end will change it any more.
    [[nodiscard]] static bool is_final(std::uintptr_t value) noexcept {
        return value == detached || (joined(value) && (value & timed) == 0);
    }
    [[nodiscard]] static joiner& joiner_in(std::uintptr_t value) noexcept {
        return *reinterpret_cast<joiner*>(value & ~timed);
    }
};

// Two cache lines: the first is all that switches, wakes and the end look at; the second is for the start.
class alignas(2 * cache_line) fiber : public agent {
public:
    fiber() noexcept : agent(kind::fiber) {}

    void move(fiber_state from, fiber_state to) noexcept {
        FIBER_ASSERT(state == from);
        static_cast<void>(from);
        state = to;
    }

    // What resuming it will touch.
    void prefetch() const noexcept { prefetch_for_write(this); }
    // What starting it, or its first run, will.
    void prefetch_all() const noexcept {
        prefetch();
        prefetch_for_write(reinterpret_cast<std::byte const*>(this) + cache_line);
    }

    // Peeked at by dumps while the fiber runs.
    relaxed<fiber_state> state{fiber_state::dead};
    relaxed<wait_reason> why{};                 // why it is parked; or `turn`: time_share.hpp
    bool pinned = false;                        // it may run on one machine alone: its stack's pinned_to
    bool has_locals = false;                    // made on first use
    stack_source stack_from{};                  // from before its start to its end
    relaxed<void const*> what{nullptr};         // what it waits for; else see spawn_batch.hpp, time_share.hpp
    relaxed<rt::scheduler*> scheduler{nullptr}; // whose fiber it is; null in a cache
    relaxed<char const*> name{nullptr};         // null: none. See name.hpp
    fiber* next = nullptr;                      // in the one queue or cache that holds it
    relaxed<rt::stack*> stack{nullptr};         // null while fresh: it gets one when it first runs
    join_state join;

    relaxed<std::uint64_t> id{0}; // 1 and up, never reused in this process
    union {
        detail::closure_entry entry = nullptr; // until it first runs
        local_table* locals;                   // if it has_locals
    };
    relaxed<void const*> started_at{nullptr}; // where go() returned to

    // What entry runs, and destroys.
    alignas(detail::inline_closure_alignment) std::byte closure[detail::inline_closure_size];
};

static_assert(sizeof(fiber) == 2 * cache_line, "a million fibers are counted in bytes");

} // namespace fiber::rt
