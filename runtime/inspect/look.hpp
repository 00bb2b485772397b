// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// look.hpp: what a dump reads of one fiber. It is plain data, which the child of a snapshot writes, too.
#pragma once

#include "runtime/base/platform/clock.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/wait/wait_object.hpp"

#include "asm/switch/walk.hpp"

#include <cstddef>
#include <cstdint>

namespace fiber::rt {

// Frames of one fiber, at most. The innermost ones are kept. It bounds the time that a fiber stands still.
inline constexpr std::size_t max_frames = 128;

struct look {
    fiber const* who = nullptr;
    std::uint64_t id = 0;
    fiber_state state = fiber_state::dead;
    wait_reason why = wait_reason::none; // if parked
    void const* what = nullptr;          // if parked
    stack const* on = nullptr;           // null if it has none yet
    void const* started_at = nullptr;
    // Known only if the fiber was looked at while it could not go on:
    bool stood_still = false;
    std::uint32_t parked_at = 0; // coarse_time
    bool knows_channel = false;
    channel_facts channel;                        // of a wait for a channel
    detail::closure_entry entry = nullptr;        // the outermost function of the fiber's own, if it is known
    std::uint64_t joined = 0;                     // of a join: the id of the fiber that is to end
    clock::time_point due = never;                // of a sleep
    std::size_t first_frame = 0, frame_count = 0; // in the frames of the survey
    bool has_more_frames = false;
};

// The facts of the channel that was read last: many fibers wait for the same one, and each read is a system
// call. It is valid within one standstill.
class channel_memory {
public:
    explicit channel_memory(int self) noexcept : self_(self) {} // the number of this process
    // Returns false if nothing is known of the channel.
    [[nodiscard]] bool read(void const* channel, channel_facts& to) noexcept;

private:
    int const self_;
    void const* last_ = nullptr;
    bool is_known_ = false;
    channel_facts facts_;
};

// Whether fibers may go on during the look.
enum class during { run, standstill };
// Returns what is known of g. The id is 0 if g is not a live fiber of that scheduler, or not to be shown.
[[nodiscard]] look look_at(fiber const& g, scheduler const& of, during, channel_memory&) noexcept;
// Adds the frames of a fiber that was looked at in this standstill, if it is suspended.
void add_frames(look&, arch::backtrace& to) noexcept;

} // namespace fiber::rt
