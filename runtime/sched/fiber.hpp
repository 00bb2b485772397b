// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber.hpp: class fiber (Go's G), the part of a fiber that is not on its stack.
//
//    start            run                         finish
//   ──────▶ runnable ─────▶ running ─────────────────────▶ dead
//              ▲               │ park: once commit has run on the next stack
//       ready  └─── parked ◀───┘
//
//   state      is in                          owner of the stack      changed by
//   runnable   exactly one queue, or `next`   none (fresh: no stack)  the machine that dequeues it
//   running    one machine's `running`        that machine            the fiber itself
//   parked     no queue                       none                    the owner of its wake: ticket.hpp
//   dead       no queue; a cache, or a handle no stack                the holder of the record
//
// The state is a check, not a lock: ownership passes through queues and tickets. Records are
// type-stable, see ticket.hpp.
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/process/assert.hpp"
#include "runtime/sched/join_state.hpp"
#include "runtime/wait/ticket.hpp"
#include "runtime/wait/wait_reason.hpp"

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

// Names the place where a fiber gets its stack, and to which its stack returns.
//   usual    a cache of the processor, which also holds the credit. Stacks have the runtime's default size
//   thread   as `usual`, for stacks of a thread's size: the fiber replaces a thread
//   depot    the depot of the stack's size class, for any other size
enum class stack_source : std::uint8_t { usual, thread, depot };

// A fiber's record of two cache lines. Switches, wakes and the end use only the first line. The second
// is for the start.
class alignas(2 * cache_line) fiber : public agent {
public:
    fiber() noexcept : agent(kind::fiber) {}

    void move(fiber_state from, fiber_state to) noexcept {
        FIBER_ASSERT(state == from);
        static_cast<void>(from);
        state = to;
    }

    // Prefetches the memory that resuming this fiber touches.
    void prefetch() const noexcept { prefetch_for_write(this); }
    // Prefetches the memory that starting this fiber, or its first run, touches.
    void prefetch_all() const noexcept {
        prefetch();
        prefetch_for_write(reinterpret_cast<std::byte const*>(this) + cache_line);
    }

    // Dumps read the relaxed members while the fiber runs.
    relaxed<fiber_state> state{fiber_state::dead};
    relaxed<wait_reason> why{};                 // why the fiber is parked; or `turn`: time_share.hpp
    bool pinned = false;                        // runs only on the machine in its stack's pinned_to
    bool has_locals = false;                    // if true, `locals` is valid; made on first use
    stack_source stack_from{};                  // valid from just before the start to the end
    relaxed<void const*> what{nullptr};         // what it waits for; or see spawn_batch, time_share
    relaxed<rt::scheduler*> scheduler{nullptr}; // the owner; null while the record is in a cache
    relaxed<char const*> name{nullptr};         // null if it has none. See name.hpp
    fiber* next = nullptr;                      // the link in the one queue or cache that holds it
    relaxed<rt::stack*> stack{nullptr};         // null while fresh: assigned at the first run
    join_state join;

    relaxed<std::uint64_t> id{0}; // from 1 on, never reused in this process
    union {
        detail::closure_entry entry = nullptr; // until the first run
        local_table* locals;                   // if has_locals
    };
    relaxed<void const*> started_at{nullptr}; // the return address of go()

    // The closure that `entry` runs and destroys.
    alignas(detail::inline_closure_alignment) std::byte closure[detail::inline_closure_size];
};

static_assert(sizeof(fiber) == 2 * cache_line, "a million fibers are counted in bytes");

} // namespace fiber::rt
