// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// nowait.hpp: reads and writes with RWF_NOWAIT, which do not block, for files that are no sockets. The kernel
// has them for pipes, for the page cache of most file systems, and for some special files. For others they
// fail with EOPNOTSUPP.
#pragma once

#include "runtime/io/iovec_window.hpp"

#include <atomic>
#include <cstdint>
#include <span>
#include <sys/types.h>

namespace fiber::rt {

inline constexpr off_t at_position = -1; // at the file's position, which then moves

// As preadv2(2) and pwritev2(2) with RWF_NOWAIT. Return -EOPNOTSUPP where the kernel has no such calls,
// and before Linux 5.11: there a call could say that nothing was there, and was wrong.
[[nodiscard]] long read_without_waiting(int fd, iovec_window const&, off_t) noexcept;
[[nodiscard]] long write_without_waiting(int fd, iovec_window const&) noexcept;

// Attempts of the process that failed with EOPNOTSUPP. relaxed: a count.
inline constinit std::atomic<std::uint64_t> nowait_refused{0};

// Reads from a regular file: what is in the page cache at once, the rest as in fiber::blocking. Returns a
// short count at the end of the file only. Returns file_has_changed, and has read nothing, if the file is not
// regular; that is looked at for reads at the file's position alone, since other files have no offsets. Two
// agents that share a position get parts of each other's piece if the end of the cached part lies in it.
inline constexpr long file_has_changed = -100'000; // no value of errno
[[nodiscard]] long read_regular(int fd, std::span<iovec const>, off_t) noexcept;

} // namespace fiber::rt
