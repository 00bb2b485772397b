// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_pool.hpp: the fiber records of this process. They go round between a depot and the processors'
// caches, and never back to the allocator, so that stale tickets may look at them.
#pragma once

#include "runtime/sched/fiber.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

namespace fiber::rt {

// How many a cache is given at most when it has run dry.
inline constexpr std::size_t records_at_once = 160;

// One processor's free records, last in first out. Only the owner calls.
//   They stand in arrays, here and in the depot, and not in lists: a list of records that have left the cache is a
//   cache miss for each step.
class fiber_cache {
public:
    fiber_cache() = default;
    ~fiber_cache(); // everything goes back to the depot
    fiber_cache(fiber_cache const&) = delete;
    fiber_cache& operator=(fiber_cache const&) = delete;

    // A dead record with a new id. Throws std::system_error(resource_unavailable_try_again).
    [[nodiscard]] fiber& take() {
        if (count_ == 0)
            refill();
        fiber& f = *free_[--count_];
        if (count_ >= ahead)
            free_[count_ - ahead]->prefetch_all();
        if (next_id_ == last_id_)
            refill_ids();
        f.id = next_id_++;
        return f;
    }
    void give(fiber& f) noexcept {
        if (count_ == max_free)
            return_half();
        free_[count_++] = &f;
    }

    // For callers without a cache.
    static void give_to_depot(fiber& f) noexcept;

private:
    static constexpr std::size_t max_free = 320; // 40 KiB
    static constexpr std::size_t ahead = 4;      // a miss takes about as long as to start so many

    void refill();
    void refill_ids() noexcept;
    void return_half() noexcept;

    std::size_t count_ = 0;
    std::uint64_t next_id_ = 0, last_id_ = 0;
    std::array<fiber*, max_free> free_;
};

// An id for an agent that is not a fiber; never that of one.
[[nodiscard]] std::uint64_t new_agent_id() noexcept;

// Shows every record made in this process to f, free ones too, while others change them: f reads atomics only. Without a
// lock: f may allocate, start fibers and park. Throws what f throws, and std::bad_alloc.
void for_each_fiber(std::function<void(fiber const&)> const& f);

// For fork: the depot's lock, and, in the child, what makes it forget all records there are. The caches of its
// processors have stayed behind, and with them many records; the rest may be in queues of waiters.
[[nodiscard]] std::mutex& fiber_records_mutex() noexcept;
void renew_fiber_records() noexcept;

} // namespace fiber::rt
