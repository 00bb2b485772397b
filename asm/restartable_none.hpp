// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// restartable_none.hpp: other architectures and C libraries; sanitizers, which must see every access.
#pragma once

namespace fiber::arch {

[[nodiscard]] constexpr bool can_restart() noexcept { return false; }
inline void allow_sequences() noexcept {}
inline void forbid_sequences() noexcept {}

} // namespace fiber::arch
