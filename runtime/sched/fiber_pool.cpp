// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/fiber_pool.hpp"

#include "runtime/base/lock/lock_adaptive.hpp"
#include "runtime/base/process/once_box.hpp"
#include "runtime/stack/slab.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <system_error>
#include <vector>

constinit std::atomic<fiber::rt::record_slab*> fiber_debug_records{nullptr};

namespace fiber::rt {
namespace {

// One call makes the pages of new records resident, which takes less time than a page fault for each.
// More than five pages at a time are no faster, but delay processors that request fibers from this one,
// until they give up. perf/run --rivals, spawn_all on two processors
constexpr std::size_t chunk_size = records_at_once * sizeof(fiber);
static_assert(chunk_size == 5 * page_size, "no page is in two chunks");
constexpr std::uint64_t id_batch = 4096;

class depot {
public:
    // Moves 1 to records_at_once records to `at`, and returns their number. The cache takes the last
    // one first.
    [[nodiscard]] std::size_t take(fiber** at) {
        std::size_t const taken = take_free(at);
        return taken != 0 ? taken : make(at);
    }
    void give(fiber* const* at, std::size_t n) noexcept {
        auto const hold = lock_adaptive(lock_);
        free_.insert(free_.end(), at, at + n); // capacity: that of all records ever made
    }
    [[nodiscard]] std::mutex& mutex() noexcept { return lock_; }
    // [fork] All records are stamped as the parent's, and are still in use. The rest of the last slab is
    // given up: the slab is in no list any more.
    void begin_afresh() noexcept {
        free_.clear();
        unused_chunks_ = 0;
        fiber_debug_records.store(nullptr, std::memory_order_relaxed); // relaxed: there is one thread
    }

private:
    [[nodiscard]] std::size_t take_free(fiber** at) noexcept {
        auto const hold = lock_adaptive(lock_);
        std::size_t const taken = std::min(records_at_once, free_.size());
        std::copy(free_.end() - static_cast<std::ptrdiff_t>(taken), free_.end(), at);
        free_.resize(free_.size() - taken);
        return taken;
    }
    // Makes a chunk of new records, which a cache hands out in address order. Constructs them without
    // the lock: that takes microseconds, in which others return records.
    [[nodiscard]] std::size_t make(fiber** at) {
        auto const [slab, index] = reserve_chunk();
        std::byte* const chunk = slab->records + index * chunk_size;
        memory_range const all{chunk, chunk_size};
        populate_pages({&all, 1});
        for (std::size_t i = 0; i < records_at_once; ++i)
            at[records_at_once - 1 - i] = ::new (chunk + i * sizeof(fiber)) fiber;
        slab->made[index].store(true, std::memory_order_release); // [records]
        return records_at_once;
    }
    struct reserved {
        record_slab* slab;
        std::size_t index;
    };
    [[nodiscard]] reserved reserve_chunk() {
        auto const hold = lock_adaptive(lock_);
        if (unused_chunks_ == 0)
            add_slab();
        return {fiber_debug_records.load(std::memory_order_relaxed), // relaxed: written under this lock
                chunks_per_slab - unused_chunks_--};
    }
    void add_slab() {
        std::unique_ptr<record_slab> slab;
        void* memory = nullptr;
        try {
            std::size_t const chunks = reserved_chunks_ + chunks_per_slab;
            if (free_.capacity() < chunks * records_at_once)
                free_.reserve(2 * chunks * records_at_once);
            slab = std::make_unique<record_slab>();
            memory = std::aligned_alloc(page_size, chunks_per_slab * chunk_size);
        } catch (std::bad_alloc const&) { // treated as a failed aligned_alloc
        }
        if (memory == nullptr)
            throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                                    "fiber: no memory for another fiber's record");
        slab->records = static_cast<std::byte*>(memory);
        slab->next = fiber_debug_records.load(std::memory_order_relaxed); // relaxed: written under this lock
        fiber_debug_records.store(slab.release(), std::memory_order_release); // [records]
        unused_chunks_ = chunks_per_slab;
        reserved_chunks_ += chunks_per_slab;
    }

    std::mutex lock_;                 // guards all members below
    std::vector<fiber*> free_;        // last in, first out
    std::size_t reserved_chunks_ = 0; // chunks of all slabs, used or not; free_ has room for them
    std::size_t unused_chunks_ = 0;   // in the newest slab
};

constinit once_box<depot> the_records;
depot& records() { return the_records.get(); }

std::atomic<std::uint64_t> next_id{1}; // relaxed: uniqueness needs no order

} // namespace

std::uint64_t new_agent_id() noexcept { return next_id.fetch_add(1, std::memory_order_relaxed); }

fiber_cache::~fiber_cache() { records().give(free_.data(), count_); }

std::mutex& fiber_records_mutex() noexcept { return records().mutex(); }
void renew_fiber_records() noexcept { records().begin_afresh(); }

void fiber_cache::give_to_depot(fiber& f) noexcept {
    fiber* const one = &f;
    records().give(&one, 1);
}

void fiber_cache::refill() { count_ = records().take(free_.data()); }

void fiber_cache::refill_ids() noexcept {
    next_id_ = next_id.fetch_add(id_batch, std::memory_order_relaxed);
    last_id_ = next_id_ + id_batch;
}

// Returns the coldest half, which was given back first.
void fiber_cache::return_half() noexcept {
    constexpr std::size_t half = max_free / 2;
    records().give(free_.data(), half);
    std::copy(free_.begin() + half, free_.end(), free_.begin());
    count_ -= half;
}

void for_each_fiber(std::function<void(fiber const&)> const& f) {
    record_slab const* slab = fiber_debug_records.load(std::memory_order_acquire); // [records]
    for (; slab != nullptr; slab = slab->next)
        for (std::size_t i = 0; i < chunks_per_slab; ++i)
            if (slab->made[i].load(std::memory_order_acquire)) { // [records] the fibers are complete
                auto const* const first = reinterpret_cast<fiber const*>(slab->records + i * chunk_size);
                std::for_each(first, first + records_at_once, f);
            }
}

} // namespace fiber::rt
