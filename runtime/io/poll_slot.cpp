// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/poll_slot.hpp"

namespace fiber::rt {

void poll_slot::note_event(direction d, bool ended, wait_queue& woken) noexcept {
    renew(d, ~readiness::drained, ended ? readiness::ended : 0, woken);
}

void poll_slot::begin_generation(wait_queue& woken) noexcept {
    // relaxed: written under the lock. release: [slot.generation]
    generation_.store(generation_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    registered_ = 0;
    facts.store(0, std::memory_order_relaxed); // a cache
    for (direction const d : {direction::read, direction::write})
        renew(d, ~(readiness::drained | readiness::ended), 0, woken);
}

// Counts an event, and changes the bits of the direction's word.
void poll_slot::renew(direction d, std::uint32_t keep, std::uint32_t add, wait_queue& woken) noexcept {
    auto seen = word(d).load(std::memory_order_relaxed); // the exchange orders
    while (!word(d).compare_exchange_weak(seen, ((seen + readiness::one_event) & keep) | add,
                                          std::memory_order_release, // [slot.kick]
                                          std::memory_order_relaxed))
        ;
    wait_queue waiting(waiters_of(d));
    while (waiter* const w = waiting.claim_front())
        woken.push_back(*w);
}

} // namespace fiber::rt
