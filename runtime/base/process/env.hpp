// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// env.hpp: reads settings from the environment.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

namespace fiber::rt {

// Returns the value of an environment variable, a decimal number from min to max. Returns the
// fallback if the variable is unset or empty. Any other value: returns the fallback and prints one
// line on stderr, once for each variable.
[[nodiscard]] std::uint64_t env_number(char const* name, std::uint64_t min, std::uint64_t max,
                                       std::uint64_t fallback);

// Returns the value of an environment variable, a size from min to max, in bytes: a decimal number,
// with an optional suffix k, m or g (or K, M, G) for KiB, MiB or GiB. Returns nothing if the
// variable is unset or empty. Any other value: returns nothing and prints one line on stderr, once
// for each variable.
[[nodiscard]] std::optional<std::uint64_t> env_size(char const* name, std::uint64_t min, std::uint64_t max);

// Returns the mutex that guards the set of reported variables. fork() takes it.
[[nodiscard]] std::mutex& env_mutex() noexcept;

} // namespace fiber::rt
