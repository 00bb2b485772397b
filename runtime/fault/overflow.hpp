// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// overflow.hpp: detects the overflow of a fiber's stack by a fault in its guard page. overflow_report.hpp
// says what is printed then.
#pragma once

namespace fiber::rt {

// Installs a handler in front of the SIGSEGV handler, once in a process. All faults except fibers'
// overflows go to the handler behind it, unchanged. SIGBUS is left alone: on Linux no guard raises it.
void watch_for_overflows() noexcept;

} // namespace fiber::rt
