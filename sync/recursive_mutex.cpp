// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// recursive_mutex.cpp: whose the mutex is. owner_ is a party's address only while that party has the mutex. So whoever
// reads his own there has it, and whoever has it reads his own: relaxed, all of it.
#include <fiber/mutex.hpp>

#include "runtime/park.hpp"
#include "sync/misuse.hpp"

#include <limits>
#include <system_error>

namespace fiber::detail {
namespace {

constexpr auto most = std::numeric_limits<std::uint32_t>::max();

} // namespace

bool recursive_lock::is_mine(void const* me) const noexcept {
    return owner_.load(std::memory_order_relaxed) == me;
}

void recursive_lock::take(void const* me) noexcept {
    owner_.store(me, std::memory_order_relaxed);
    times_ = 1;
}

void recursive_lock::lock() {
    void const* const me = &rt::self();
    if (!is_mine(me)) {
        mutex_.lock();
        take(me);
    } else if (times_ == most) {
        throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                                "fiber::recursive_mutex: locked too often");
    } else {
        ++times_;
    }
}

bool recursive_lock::try_lock() noexcept {
    void const* const me = &rt::self();
    if (!is_mine(me)) {
        if (!mutex_.try_lock())
            return false;
        take(me);
    } else if (times_ == most) {
        return false;
    } else {
        ++times_;
    }
    return true;
}

// After try_lock has failed.
bool recursive_lock::lock_before(deadline until) noexcept {
    void const* const me = &rt::self();
    if (is_mine(me) || !mutex_.lock_before(until))
        return false;
    take(me);
    return true;
}

void recursive_lock::unlock() noexcept {
    if (!is_mine(&rt::self())) [[unlikely]]
        rt::misused("fiber::recursive_mutex", this, "unlocked by one who has not locked it");
    if (--times_ != 0)
        return;
    owner_.store(nullptr, std::memory_order_relaxed);
    mutex_.unlock(); // *this may be gone
}

} // namespace fiber::detail
