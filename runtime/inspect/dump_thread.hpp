// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dump_thread.hpp: the thread that writes a dump when a signal comes.
#pragma once

namespace fiber::rt {

// Starts the thread if this process has none, and installs the handler. Throws std::system_error.
void dump_when_signalled(int signal);

// Called after each runtime has been made. FIBER_DUMP=quit does the same for SIGQUIT. In a child of fork,
// starts the thread again.
void start_asked_dumps() noexcept;

} // namespace fiber::rt
