// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include <fiber/latch.hpp>

#include "runtime/wait/wait_reason.hpp"
#include "sync/misuse.hpp"

namespace fiber {

void latch::wait_slow() const noexcept { counter_.wait_slow(detail::never, rt::wait_reason::latch, this); }

void latch::report_misuse(char const* what) const noexcept { rt::report_misuse("fiber::latch", this, what); }

void latch::report_destroyed_in_use() const noexcept {
    rt::report_destroyed_in_use("fiber::latch", this, "others wait for it");
}

} // namespace fiber
