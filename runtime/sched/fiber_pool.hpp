// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_pool.hpp: the fiber records of this process. They move between a depot and the processors'
// caches, and never return to the allocator, since stale tickets may still read them.
#pragma once

#include "runtime/sched/fiber.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

namespace fiber::rt {

// The most records that an empty cache gets at once.
inline constexpr std::size_t records_at_once = 160;

// The free records of one processor, last in, first out. Only the owner may call its functions.
//   Records are in arrays, here and in the depot. A list of records that have left the CPU's cache
//   would cost a cache miss at each step.
class fiber_cache {
public:
    fiber_cache() = default;
    ~fiber_cache(); // returns all records to the depot
    fiber_cache(fiber_cache const&) = delete;
    fiber_cache& operator=(fiber_cache const&) = delete;

    // Returns a dead record with a new id. Throws std::system_error(resource_unavailable_try_again).
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

    // Returns a record to the depot, for callers without a cache.
    static void give_to_depot(fiber& f) noexcept;

private:
    static constexpr std::size_t max_free = 320; // records of 40 KiB in all
    static constexpr std::size_t ahead = 4;      // a cache miss takes about the time of 4 starts

    void refill();
    void refill_ids() noexcept;
    void return_half() noexcept;

    std::size_t count_ = 0;
    std::uint64_t next_id_ = 0, last_id_ = 0;
    std::array<fiber*, max_free> free_;
};

// Returns an id for an agent that is not a fiber. No fiber has the same id.
[[nodiscard]] std::uint64_t new_agent_id() noexcept;

// The memory of many records, in chunks that are made one after the other. Slabs are never freed.
inline constexpr std::size_t chunks_per_slab = 128;
struct record_slab {
    std::byte* records = nullptr;
    record_slab* next = nullptr; // an older slab
    std::array<std::atomic<bool>, chunks_per_slab> made{};
};

// Calls f for every record made in this process, also for free ones. Others change the records at the
// same time, so f may read only atomics. Takes no lock and allocates nothing, also for a signal handler. f
// may allocate, start fibers and park. Throws what f throws.
void for_each_fiber(std::function<void(fiber const&)> const& f);

// For fork: the depot's lock; and a function that makes the depot in the child forget all existing
// records. The caches of the parent's processors hold many of them, and queues of waiters may hold the
// others.
[[nodiscard]] std::mutex& fiber_records_mutex() noexcept;
void renew_fiber_records() noexcept;

} // namespace fiber::rt

// [records] The newest slab. The name is for debuggers.
extern "C" [[gnu::visibility("hidden")]] std::atomic<fiber::rt::record_slab*> fiber_debug_records;
