// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// runtimes.hpp: what fork must know about the runtimes of the process.
#pragma once

#include <mutex>

namespace fiber::rt {

class scheduler;

// For fork: the mutexes held while the global runtime is made, and while any runtime is started. A
// thread that locks both locks them in this order.
[[nodiscard]] std::mutex& global_runtime_mutex() noexcept;
[[nodiscard]] std::mutex& starting_runtimes_mutex() noexcept;
// Called in the child.
void forget_global_runtime() noexcept;

// Returns the scheduler in which go() starts a fiber for the given scheduler. That is the given one,
// unless it is from the parent of a fork. Then it is the global scheduler of this process if the given
// one was global. Otherwise throws std::system_error(operation_not_permitted).
[[nodiscard]] scheduler& usable(scheduler&);

} // namespace fiber::rt
