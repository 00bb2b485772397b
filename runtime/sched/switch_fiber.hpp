// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// switch_fiber.hpp: puts fibers on a machine and takes them off. A fiber that parks, yields or ends
// switches to the next fiber of its machine's processor. If none is near, it switches to the scheduler
// context.
#pragma once

#include "runtime/wait/wait_reason.hpp"

#include "asm/call/return.hpp"
#include "asm/switch/switch.hpp"

namespace fiber::rt {

class fiber;
struct machine;
struct stack;

// Parks the calling fiber. Its machine must be inside. On return the fiber may be on another machine,
// which is outside.
void park_fiber(machine&, wait_reason, void const* what, arch::commit_function, void* argument) noexcept;
// Runs other fibers first. The machine is outside before the call, and the machine of the fiber is outside
// after it.
void yield_fiber(machine&) noexcept;
// Does the same by way of the global queue and the scheduler context. There the machine gets a processor
// again, or, if it is pinned, its fiber. The machine must be inside before the call, and the machine of the
// fiber is inside after it.
void yield_slow(machine&, fiber& running) noexcept;

// Switches from a context of the machine to a runnable fiber.
void switch_to_fiber(machine&, arch::context& from, fiber& to, arch::commit_function,
                     void* argument) noexcept;

// Makes a stack ready to run a fiber.
void prepare(stack&) noexcept;

// Returns the function that calls the entry of each fiber, for backtraces.
[[nodiscard]] void const* caller_of_entries() noexcept;

} // namespace fiber::rt
