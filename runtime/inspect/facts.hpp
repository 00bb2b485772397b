// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// facts.hpp: what is known about the fibers of a runtime, in words.
#pragma once

#include "runtime/sched/fiber.hpp"
#include "runtime/stack/slab.hpp"

#include <fiber/inspect.hpp>

#include <vector>

namespace fiber::rt {

class scheduler;

struct fiber_facts : fiber_info {
    wait_reason why = wait_reason::none;
    bool has_more_frames = false;
    stack const* on = nullptr;       // may belong to another fiber already
    std::uint64_t number = 0;        // its id
    std::uint64_t joined = 0;        // the id of the fiber that it joins, or 0
    std::uint64_t holder_number = 0; // the id of the fiber that holds the lock it waits for, or 0
    void const* what = nullptr;
    fiber const* record = nullptr;
};

struct collected_facts {
    std::size_t live = 0;            // the number of live fibers, without the library's
    std::vector<fiber_facts> fibers; // the fibers that the options ask for
};
// Collects the facts by a survey or a snapshot. `from` is the caller's return address, where its own frames
// begin. Throws std::bad_alloc.
[[nodiscard]] collected_facts collect(scheduler&, dump_options const&, void const* from);

} // namespace fiber::rt
