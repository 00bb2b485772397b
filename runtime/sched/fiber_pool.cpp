// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/fiber_pool.hpp"

#include "runtime/base/lock/lock_adaptive.hpp"
#include "runtime/base/process/once_box.hpp"
#include "runtime/stack/slab.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

namespace fiber::rt {
namespace {

// One call makes the pages of new records resident, which takes less time than a page fault for each.
// More than five pages at a time are no faster, but delay processors that request fibers from this one,
// until they give up. perf/run --rivals, spawn_all on two processors
constexpr std::size_t chunk_size = records_at_once * sizeof(fiber);
static_assert(chunk_size == 5 * page_size, "no page is in two chunks");
constexpr std::size_t chunks_per_slab = 128; // a slab is the unit of allocation

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
    // Returns the first record of each chunk of this process. Allocates without the lock, for which
    // others wait: there may be a million records.
    [[nodiscard]] std::vector<fiber const*> chunks() {
        std::vector<fiber const*> copy;
        for (std::size_t wanted = 0;; copy.reserve(wanted)) {
            auto const hold = lock_adaptive(lock_);
            auto const begin = made_.begin() + first_;
            wanted = static_cast<std::size_t>(made_.end() - begin);
            if (wanted <= copy.capacity()) {
                copy.assign(begin, made_.end()); // within the capacity
                return copy;
            }
        }
    }

    [[nodiscard]] std::mutex& mutex() noexcept { return lock_; }
    // [fork] All records are stamped as the parent's. The chunks are kept in made_, since all are still
    // in use.
    void begin_afresh() noexcept {
        free_.clear();
        first_ = std::ssize(made_);
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
        std::byte* const chunk = reserve_chunk();
        memory_range const all{chunk, chunk_size};
        populate_pages({&all, 1});
        for (std::size_t i = 0; i < records_at_once; ++i)
            at[records_at_once - 1 - i] = ::new (chunk + i * sizeof(fiber)) fiber;
        auto const hold = lock_adaptive(lock_);
        made_.push_back(at[records_at_once - 1]);
        return records_at_once;
    }
    [[nodiscard]] std::byte* reserve_chunk() {
        auto const hold = lock_adaptive(lock_);
        if (unused_chunks_ == 0)
            add_slab();
        --unused_chunks_;
        return std::exchange(next_chunk_, next_chunk_ + chunk_size);
    }
    void add_slab() {
        void* memory = nullptr;
        try {
            std::size_t const chunks = reserved_chunks_ + chunks_per_slab;
            if (made_.capacity() < chunks)
                made_.reserve(2 * chunks);
            if (free_.capacity() < chunks * records_at_once)
                free_.reserve(2 * chunks * records_at_once);
            memory = std::aligned_alloc(page_size, chunks_per_slab * chunk_size);
        } catch (std::bad_alloc const&) { // treated as a failed aligned_alloc
        }
        if (memory == nullptr)
            throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                                    "fiber: no memory for another fiber's record");
        next_chunk_ = static_cast<std::byte*>(memory);
        unused_chunks_ = chunks_per_slab;
        reserved_chunks_ += chunks_per_slab;
    }

    std::mutex lock_;                 // guards all members below
    std::vector<fiber*> free_;        // last in, first out
    std::vector<fiber*> made_;        // the first record of each chunk
    std::ptrdiff_t first_ = 0;        // index in made_ of this process's first chunk
    std::size_t reserved_chunks_ = 0; // chunks of all slabs, used or not; the vectors have room for them
    std::size_t unused_chunks_ = 0;   // in the last slab
    std::byte* next_chunk_ = nullptr;
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
    for (fiber const* const first : records().chunks()) // records stay: no lock is needed
        std::for_each(first, first + records_at_once, f);
}

} // namespace fiber::rt
