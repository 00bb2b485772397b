// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// env.hpp: settings from the environment.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

namespace fiber::rt {

// The value of an environment variable that must be a decimal number from min to max. Unset or empty: the
// fallback. Anything else: the fallback too, and one line on stderr, once for each variable.
[[nodiscard]] std::uint64_t env_number(char const* name, std::uint64_t min, std::uint64_t max,
                                       std::uint64_t fallback);

// The value of an environment variable that must be a size from min to max, in bytes: a decimal number, with k, m or g
// (or K, M, G) behind it for KiB, MiB or GiB. Unset or empty: nothing. Anything else: nothing, and one line on stderr,
// once for each variable.
[[nodiscard]] std::optional<std::uint64_t> env_size(char const* name, std::uint64_t min, std::uint64_t max);

// For fork: held while it is noted what has been reported.
[[nodiscard]] std::mutex& env_mutex() noexcept;

} // namespace fiber::rt
