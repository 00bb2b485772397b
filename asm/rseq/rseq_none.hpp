// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// rseq_none.hpp: no restartable sequences: for other architectures and C libraries, and for
// sanitizers, which must see every access.
#pragma once

namespace fiber::arch {

[[nodiscard]] constexpr bool has_rseq() noexcept { return false; }
inline void enable_rseq() noexcept {}
inline void disable_rseq() noexcept {}

} // namespace fiber::arch
