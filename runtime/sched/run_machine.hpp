// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// run_machine.hpp: what the OS thread of a machine does.
#pragma once

namespace fiber::rt {

struct machine;

// Makes the calling OS thread the machine, and runs fibers until the machine is to end.
void run_machine(machine&) noexcept;

} // namespace fiber::rt
