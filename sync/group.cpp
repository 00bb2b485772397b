// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// group.cpp: a countdown of the running fibers, a semaphore for the limit, and the first exception.
#include <fiber/group.hpp>

#include "runtime/base/platform/clock.hpp"
#include "runtime/wait/wait_reason.hpp"

#include <limits>
#include <stdexcept>

namespace fiber {

group::group(std::stop_token parent) : from_parent_(std::move(parent), stop_others{stop_}) {}

group::~group() {
    request_stop();
    wait_for_all();
}

void group::set_limit(std::size_t n) {
    if (n == 0)
        throw std::invalid_argument("fiber::group: a limit of 0 would let nothing run");
    if (!running_.is_zero())
        throw std::logic_error("fiber::group: the limit was changed while fibers of the group run");
    while (permits_.try_acquire()) {
    }
    auto const max = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max() / 2);
    permits_.release(static_cast<std::ptrdiff_t>(n < max ? n : max));
    limited_ = true;
}

void group::wait() {
    wait_for_all();
    // acquire: a fiber that was started after wait_for_all() may be failing at this moment
    if (failure_.load(std::memory_order_acquire) == failure::complete) // [group.error]
        std::rethrow_exception(error_);
}

void group::wait_for_all() noexcept {
    if (!running_.is_zero())
        running_.wait_slow(rt::never, rt::wait_reason::wait_group, this);
}

// Ends the membership of a fiber. This is its last access to the group, which may be destroyed here.
void group::fiber_ended() noexcept {
    if (limited_)
        permits_.release();
    static_cast<void>(running_.add(-1));
}

void group::fail(std::exception_ptr error) noexcept {
    auto seen = failure::none;
    // relaxed: only selects the first failure; `complete` publishes error_
    if (!failure_.compare_exchange_strong(seen, failure::claimed, std::memory_order_relaxed))
        return;
    error_ = std::move(error);
    failure_.store(failure::complete, std::memory_order_release); // [group.error]
    request_stop();
}

} // namespace fiber
