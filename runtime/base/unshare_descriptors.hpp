// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// unshare_descriptors.hpp: a thread with a table of file descriptors of its own.
#pragma once

namespace fiber::rt {

// From here on, what the calling OS thread opens takes no number of the program's, and the program's close() of any number
// takes no file of the thread's. Nor does the thread hold the program's files: the other end of a pipe sees it closed when
// the program has. It cannot write to stderr either.
// False, and nothing done: the kernel refuses; it is older than Linux 5.9, or has a filter of system calls.
[[nodiscard]] bool unshare_descriptors() noexcept;

} // namespace fiber::rt
