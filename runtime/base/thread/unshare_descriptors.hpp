// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// unshare_descriptors.hpp: gives a thread a private table of file descriptors.
#pragma once

namespace fiber::rt {

// Gives the calling OS thread a private table of file descriptors. Its open() then takes no number
// of the program, and the program's close() closes no file of the thread. The thread does not hold
// the program's files open: the other end of a pipe sees it closed when the program has closed it.
// The thread cannot write to stderr either. Returns false, and changes nothing, if the kernel
// refuses: it is older than Linux 5.9, or has a filter of system calls.
[[nodiscard]] bool unshare_descriptors() noexcept;
// Returns true if the calling OS thread has done so: the program's descriptors are not open in it.
[[nodiscard]] bool has_private_descriptors() noexcept;

} // namespace fiber::rt
