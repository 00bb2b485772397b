// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// closing.hpp: a scheduler ends after its last fiber has ended.
//
// [close]
//   destructor                                 machine
//   D1 closing = true, closer = its agent      M1 the last fiber has ended: ++ended
//   D2 full fence                              M2 full fence, on the way to sleep
//   D3 if started == ended: go on              M3 if closing and started == ended: wake the closer
//
//   Claim: the destructor goes on after the last fiber has ended.
//   M2 is before D2    D3 sees the end of the last fiber.
//   D2 is before M2    M3 sees the destructor.
//   Both may happen: an exchange takes the closer, so it is woken once.
//
// [close.visit] A caller without a processor puts fibers into the global queue. Then they may run and end,
//   and the scheduler's destructor may go on, while the caller still uses the scheduler. Therefore the
//   caller counts itself as a visitor while the fibers still keep the scheduler alive. The destructor waits
//   until there are no visitors.
#pragma once

#include <atomic>

namespace fiber::rt {

class agent;
class scheduler;

class closing {
public:
    explicit closing(scheduler& of) noexcept : of_(of) {}

    // ── called by the destructor ──
    // Parks the caller until all fibers have ended: D1 to D3.
    void wait_until_empty() noexcept;
    void wait_for_visitors() noexcept;

    // M3. The caller has passed a full fence since its last fiber ended.
    void wake_closer_if_empty() noexcept {
        if (begun_.load(std::memory_order_relaxed)) [[unlikely]]
            wake_closer_if_empty_slow();
    }

    // ── [close.visit] ──
    // relaxed: the lock of the global queue orders it before the ends of the caller's fibers
    void begin_visit() noexcept { visitors_.fetch_add(1, std::memory_order_relaxed); }
    void end_visit() noexcept { // *this may be destroyed here
        visitors_.fetch_sub(1, std::memory_order_release);
    }

private:
    void wake_closer_if_empty_slow() noexcept;

    std::atomic<unsigned> visitors_{0};
    std::atomic<bool> begun_{false};
    std::atomic<agent*> closer_{nullptr}; // the agent that waits in the destructor
    scheduler& of_;
};

} // namespace fiber::rt
