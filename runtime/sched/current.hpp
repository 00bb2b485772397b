// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// current.hpp: the one thread-local of the runtime, and the one way to it.
//
// A fiber may resume on another OS thread, but compilers compute a thread-local's address once and keep it
// over calls. So the variable is behind functions that they cannot see through, and rule 9 of the house says:
// nothing that is derived from them lives across a switch.
#pragma once

namespace fiber::rt {

struct machine;
class thread_party;

// The machine that this OS thread is; null if it is none.
[[nodiscard]] machine* current_machine() noexcept;
void set_current_machine(machine*) noexcept;

// This OS thread as a party; made on first use, recycled when the thread ends. Not for machines.
[[nodiscard]] thread_party& current_thread_party() noexcept;

} // namespace fiber::rt
