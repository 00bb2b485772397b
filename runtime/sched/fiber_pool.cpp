// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/fiber_pool.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <mutex>
#include <system_error>
#include <vector>

namespace fiber::rt {
namespace {

constexpr std::size_t records_per_slab = 1024; // 192 KiB
constexpr std::uint64_t id_batch = 4096;

class depot {
public:
    [[nodiscard]] fiber* take(std::size_t n, std::size_t& taken) {
        std::lock_guard const hold(lock_);
        fiber* list = nullptr;
        for (taken = 0; taken < n; ++taken) {
            fiber* f = free_;
            if (f != nullptr)
                free_ = f->link;
            else if ((f = carve()) == nullptr)
                break;
            f->link = list;
            list = f;
        }
        if (list == nullptr)
            throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                                    "fiber: no memory for another fiber's record");
        return list;
    }
    void give(fiber* list) noexcept {
        std::lock_guard const hold(lock_);
        while (list != nullptr) {
            fiber* const f = list;
            list = f->link;
            f->link = free_;
            free_ = f;
        }
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
        free_ = nullptr;
        first_ = std::ssize(slabs_);
        used_ = records_per_slab;
    }

private:
    // A new record at the end of the last slab; null: no memory.
    [[nodiscard]] fiber* carve() noexcept {
        if (used_ == records_per_slab) {
            void* const memory = ::operator new (records_per_slab * sizeof(fiber),
                                                 std::align_val_t{alignof(fiber)}, std::nothrow);
            if (memory == nullptr)
                return nullptr;
            try {
                slabs_.push_back(static_cast<fiber*>(memory));
            } catch (std::bad_alloc const&) {
                ::operator delete (memory, std::align_val_t{alignof(fiber)});
                return nullptr;
            }
            used_ = 0;
        }
        return ::new (slabs_.back() + used_++) fiber;
    }

    std::mutex lock_; // guards all below
    fiber* free_ = nullptr;
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

fiber_cache::~fiber_cache() { records().give(free_); }

std::mutex& fiber_records_mutex() noexcept { return records().mutex(); }
void renew_fiber_records() noexcept { records().begin_afresh(); }

void fiber_cache::give_to_depot(fiber& f) noexcept {
    f.link = nullptr;
    records().give(&f);
}

void fiber_cache::refill() { free_ = records().take(batch, count_); }

void fiber_cache::refill_ids() noexcept {
    next_id_ = next_id.fetch_add(id_batch, std::memory_order_relaxed);
    last_id_ = next_id_ + id_batch;
}

void fiber_cache::return_half() noexcept {
    fiber* last_kept = free_;
    for (count_ = 1; count_ < most_free / 2; ++count_)
        last_kept = last_kept->link;
    records().give(last_kept->link);
    last_kept->link = nullptr;
}

void for_each_fiber(std::function<void(fiber const&)> const& f) { records().for_each(f); }

} // namespace fiber::rt
