// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// uncaught.hpp: what is printed when an uncaught exception or a forced unwinding would leave a fiber.
#pragma once

namespace fiber::rt {

// Installs the report. The process then ends as it ends for an OS thread.
void report_uncaught_exceptions() noexcept;

} // namespace fiber::rt
