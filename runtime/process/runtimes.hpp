// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// runtimes.hpp: what fork has to know of the process's runtimes.
#pragma once

#include <mutex>

namespace fiber::rt {

class scheduler;

// For fork: held while the global runtime is made, and while any is started. They nest in this order.
[[nodiscard]] std::mutex& global_runtime_mutex() noexcept;
[[nodiscard]] std::mutex& starting_runtimes_mutex() noexcept;
// In the child.
void forget_global_runtime() noexcept;

// Where go() is to start a fiber that was meant for this scheduler: there, unless it has stayed behind in the parent
// of a fork. Then, if it was the global one, in that of this process. Otherwise throws
// std::system_error(operation_not_permitted).
[[nodiscard]] scheduler& usable(scheduler&);

} // namespace fiber::rt
