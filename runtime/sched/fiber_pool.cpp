// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/fiber_pool.hpp"

#include "runtime/stack/slab.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <system_error>
#include <vector>

namespace fiber::rt {
namespace {

constexpr std::size_t slab_size = std::size_t{2} << 20;
constexpr std::size_t records_per_slab = slab_size / sizeof(fiber);
// Made resident in one call, in two thirds of the time that a fault for each page takes. perf/rivals: spawn_all.
constexpr std::size_t populated_at_once = 20 * page_size;
static_assert(populated_at_once % sizeof(fiber) == 0, "no record stands in two such steps");
constexpr std::uint64_t id_batch = 4096;

class depot {
public:
    // Between one and n of them, to `at`.
    [[nodiscard]] std::size_t take(fiber** at, std::size_t n) {
        std::lock_guard const hold(lock_);
        std::size_t taken = std::min(n, free_.size());
        std::copy(free_.end() - static_cast<std::ptrdiff_t>(taken), free_.end(), at);
        free_.resize(free_.size() - taken);
        fiber** const carved = at + taken;
        for (fiber* f; taken < n && (f = carve()) != nullptr; ++taken)
            at[taken] = f;
        std::reverse(carved, at + taken); // the cache takes the last one first
        if (taken == 0)
            throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                                    "fiber: no memory for another fiber's record");
        return taken;
    }
    void give(fiber* const* at, std::size_t n) noexcept {
        std::lock_guard const hold(lock_);
        free_.insert(free_.end(), at, at + n); // there is room for all that were ever made
    }
    void for_each(std::function<void(fiber const&)> const& f) {
        std::lock_guard const hold(lock_);
        for (auto at = slabs_.begin() + first_; at != slabs_.end(); ++at) {
            fiber* const s = *at;
            std::for_each(s, s + (s == slabs_.back() ? used_ : records_per_slab), f);
        }
    }

    [[nodiscard]] std::mutex& mutex() noexcept { return lock_; }
    // [fork] All records are stamped as the parent's; the slabs stay known, since they are all still in use.
    void begin_afresh() noexcept {
        free_.clear();
        first_ = std::ssize(slabs_);
        used_ = records_per_slab;
    }

private:
    // A new record at the end of the last slab; null: no memory.
    [[nodiscard]] fiber* carve() noexcept {
        if (used_ == records_per_slab && !add_slab())
            return nullptr;
        if (used_ * sizeof(fiber) % populated_at_once == 0)
            populate();
        return ::new (slabs_.back() + used_++) fiber;
    }
    // What the next records of the last slab will stand in.
    void populate() noexcept {
        std::size_t const begin = used_ * sizeof(fiber);
        memory_range const next{reinterpret_cast<std::byte*>(slabs_.back()) + begin,
                                std::min(populated_at_once, slab_size - begin)};
        populate_pages({&next, 1});
    }

    [[nodiscard]] bool add_slab() noexcept {
        void* const memory = std::aligned_alloc(page_size, slab_size);
        if (memory == nullptr)
            return false;
        try {
            std::size_t const records = (slabs_.size() + 1) * records_per_slab;
            if (free_.capacity() < records)
                free_.reserve(2 * records);
            slabs_.push_back(static_cast<fiber*>(memory));
        } catch (std::bad_alloc const&) {
            std::free(memory);
            return false;
        }
        used_ = 0;
        return true;
    }

    std::mutex lock_;          // guards all below
    std::vector<fiber*> free_; // last in, first out
    std::vector<fiber*> slabs_;
    std::ptrdiff_t first_ = 0;            // of this process
    std::size_t used_ = records_per_slab; // of the last slab
};

depot& records() {
    static auto* const d = new depot; // never destroyed: machines run on while the process exits
    return *d;
}

std::atomic<std::uint64_t> next_id{1}; // relaxed: uniqueness needs no order

} // namespace

std::uint64_t new_party_id() noexcept { return next_id.fetch_add(1, std::memory_order_relaxed); }

fiber_cache::~fiber_cache() { records().give(free_.data(), count_); }

std::mutex& fiber_records_mutex() noexcept { return records().mutex(); }
void renew_fiber_records() noexcept { records().begin_afresh(); }

void fiber_cache::give_to_depot(fiber& f) noexcept {
    fiber* const one = &f;
    records().give(&one, 1);
}

void fiber_cache::refill() { count_ = records().take(free_.data(), batch); }

void fiber_cache::refill_ids() noexcept {
    next_id_ = next_id.fetch_add(id_batch, std::memory_order_relaxed);
    last_id_ = next_id_ + id_batch;
}

// The coldest.
void fiber_cache::return_half() noexcept {
    constexpr std::size_t half = most_free / 2;
    records().give(free_.data(), half);
    std::copy(free_.begin() + half, free_.end(), free_.begin());
    count_ -= half;
}

void for_each_fiber(std::function<void(fiber const&)> const& f) { records().for_each(f); }

} // namespace fiber::rt
