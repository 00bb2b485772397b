// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// recursive_lock.cpp: the owner of a recursive mutex. owner_ is an agent's address only while that
// agent holds the mutex, and only that agent writes it. An agent therefore reads its own address if
// and only if it holds the mutex, and relaxed accesses suffice.
#include <fiber/detail/recursive_lock.hpp>

#include "runtime/park.hpp"
#include "sync/misuse.hpp"

#include <limits>
#include <string>
#include <system_error>

namespace fiber::detail {
namespace {

constexpr auto max_times = std::numeric_limits<std::uint32_t>::max();

} // namespace

void recursive_lock::throw_locked_too_often() const {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                            std::string(rt::name_of(kind_)) + ": locked too often");
}

void recursive_lock::lock() {
    void const* const me = &rt::self();
    if (!is_mine(me)) {
        lock_.lock(kind_);
        set_owner(me);
    } else if (times_ == max_times) {
        throw_locked_too_often();
    } else {
        ++times_;
    }
}

bool recursive_lock::try_lock() noexcept {
    void const* const me = &rt::self();
    if (!is_mine(me)) {
        if (!lock_.try_lock(kind_))
            return false;
        set_owner(me);
    } else if (times_ == max_times) {
        return false;
    } else {
        ++times_;
    }
    return true;
}

// Locks the mutex before the deadline. The caller has already tried try_lock(), so a mutex that it
// holds is at max_times.
bool recursive_lock::lock_before(deadline until) noexcept {
    void const* const me = &rt::self();
    if (is_mine(me) || !lock_.lock_before(kind_, until))
        return false;
    set_owner(me);
    return true;
}

void recursive_lock::unlock() noexcept {
    if (!is_mine(&rt::self())) [[unlikely]]
        rt::report_misuse(kind_, this, "unlocked, but the caller does not hold it");
    if (--times_ != 0)
        return;
    owner_.store(nullptr, std::memory_order_relaxed);
    lock_.unlock(kind_); // *this may be destroyed here
}

} // namespace fiber::detail
