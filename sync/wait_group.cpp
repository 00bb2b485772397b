// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include <fiber/wait_group.hpp>

#include "runtime/wait/wait_reason.hpp"
#include "sync/misuse.hpp"

#include <stdexcept>

namespace fiber {

void wait_group::throw_negative() {
    throw std::logic_error("fiber::wait_group: the counter would be negative");
}

bool wait_group::wait_slow(detail::deadline_or_stop until) noexcept {
    return counter_.wait_slow(until, rt::wait_reason::wait_group, this);
}

void wait_group::report_destroyed_in_use() const noexcept {
    rt::report_destroyed_in_use("fiber::wait_group", this, "others wait for it");
}

} // namespace fiber
